"""What a gene that a file does not have would have shown, given the genes that it does have.

A gene that is absent from a file is not a gene that is not expressed. Taken for zeros, the missing
genes of a file look to a model like a type that expresses none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.trust.arrays import read_arrays

EXPECTED_FILE = "expected_values.npz"
N_FACTORS = 50  # settled on validation cells; 20 are nearly as good, 100 no better
MOST_CELLS = 5000  # to learn from
LEAST_NOISE = 0.05  # share of a gene's variance that its factors never explain
CELLS_AT_A_TIME = 2048


@dataclass(frozen=True)
class ExpectedValues:
    """A factor model of features, x ~ N(mean, loadings loadings' + diag(noise)).

    The expected value of the missing genes given the others is linear in these (Rubin & Thayer
    1982, doi 10.1007/BF02293851); where nothing is known of a cell it is the mean.

    mean, noise: (n_genes,) float32, noise above 0; loadings: (n_genes, n_factors) float32; least:
    (n_genes,) float32, below which an expected value is 0: trees have learned from zeros and
    counts, and a value between them goes either way.
    """

    mean: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray
    least: np.ndarray

    @classmethod
    def learn(cls, features: sp.csr_matrix, rounds: bool = False) -> ExpectedValues:
        """From features of training cells, (n_cells, n_genes), by their principal components.

        rounds: take what is below half of the mean value of the cells that express a gene for 0.
        """
        values = features.toarray().astype(np.float32)
        mean, variance = values.mean(axis=0), values.var(axis=0)
        values -= mean
        n_factors = min(N_FACTORS, *values.shape)
        with threadpool_limits(1, user_api="blas"):  # the same digits on any number of cores
            _, size, axes = randomized_svd(values, n_factors, n_iter=4, random_state=0)
        loadings = axes.T * (size / np.sqrt(len(values)))
        unexplained = variance - (loadings**2).sum(axis=1)
        noise = np.maximum(unexplained, LEAST_NOISE * variance) + np.float32(1e-6)
        least = _half_of_expressed(features) if rounds else np.full(len(mean), -np.inf)
        return cls(*(array.astype(np.float32) for array in (mean, loadings, noise, least)))

    @classmethod
    def of_cells(
        cls, features: CountFeatures, cells: GeneCounts, rounds: bool = False
    ) -> ExpectedValues:
        """``learn`` from at most ``MOST_CELLS`` training cells, evenly spread over the file."""
        return cls.learn(features.transform(cells[:: -(-len(cells) // MOST_CELLS)]), rounds)

    @classmethod
    def of_means(cls, mean: np.ndarray) -> ExpectedValues:
        """Nothing but the mean of every feature, (n_genes,): for models that know no more."""
        mean = mean.astype(np.float32)
        nothing = np.zeros((len(mean), 0), np.float32)
        return cls(mean, nothing, np.ones_like(mean), np.full_like(mean, -np.inf))

    def fill(self, features: sp.csr_matrix, present: np.ndarray) -> sp.csr_matrix:
        """Features in which the columns of genes that are not ``present`` hold expected values.

        features: (n_cells, n_genes), zeros in those columns; present: (n_genes,) bool. Returns
        ``features`` themselves where all are present.
        """
        if present.all():
            return features
        to_factors = self._to_factors(present)
        starts = range(0, features.shape[0], CELLS_AT_A_TIME)
        pieces = [features[start : start + CELLS_AT_A_TIME] for start in starts]
        filled = [self._filled(piece, present, to_factors) for piece in pieces]
        return sp.vstack(filled, format="csr") if filled else features

    def _filled(self, features, present: np.ndarray, to_factors: np.ndarray) -> sp.csr_matrix:
        factors = features @ to_factors - self.mean @ to_factors  # (n_cells, n_factors)
        values = features.toarray()
        expected = self.mean[~present] + factors @ self.loadings[~present].T
        values[:, ~present] = np.where(expected < self.least[~present], 0, expected)
        return sp.csr_matrix(values)

    def _to_factors(self, present: np.ndarray) -> np.ndarray:
        """What x - mean is multiplied by to give the expected factors, (n_genes, n_factors)."""
        weighted = np.where(present, 1 / self.noise, 0)[:, None] * self.loadings
        precision = np.eye(self.loadings.shape[1]) + weighted.T.astype(float) @ self.loadings
        return np.linalg.solve(precision, weighted.T).T.astype(np.float32)

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path, n_genes: int) -> ExpectedValues:
        """Read what ``save`` wrote; ValueError where it is damaged or of another model."""
        names = [field.name for field in fields(cls)]
        arrays = read_arrays(path, names)
        n_factors = arrays["loadings"].shape[-1:]
        shapes = (n_genes,), (n_genes, *n_factors), (n_genes,), (n_genes,)
        for name, shape in zip(names, shapes, strict=True):
            array = arrays[name]
            numbers = array if name != "least" else np.where(np.isneginf(array), 0, array)
            if array.shape != shape or array.dtype != np.float32 or not np.isfinite(numbers).all():
                raise ValueError(f"{path.name}: {name} is no array of {shape} numbers")
        if not (arrays["noise"] > 0).all():
            raise ValueError(f"{path.name}: a noise that is not above 0")
        return cls(**arrays)


def stored_in(folder: Path, description: dict) -> ExpectedValues | None:
    """Those of a saved model; None where it has none, as models that were saved before.

    description: the content of its model.json. Raises InputError where they are damaged.
    """
    if EXPECTED_FILE not in description["files"]:
        return None
    try:
        return ExpectedValues.load(folder / EXPECTED_FILE, len(description["genes"]))
    except ValueError as error:
        raise InputError(f"{folder} is damaged ({error}): train and save it again") from error


def _half_of_expressed(features: sp.csr_matrix) -> np.ndarray:
    """Half of the mean of every column's values that are not 0, (n_genes,)."""
    n_expressed = np.maximum(np.bincount(features.indices, minlength=features.shape[1]), 1)
    return np.asarray(features.sum(axis=0)).ravel() / n_expressed / 2
