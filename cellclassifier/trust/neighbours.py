"""A file's own space: which cells of it are alike, whatever a model thinks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.sparsefuncs import mean_variance_axis
from threadpoolctl import threadpool_limits

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.in_order import in_order
from cellclassifier.trust.averages import Averages

SAMPLE_CELLS = 20_000  # of a file, at most, among which neighbours are looked up
FEWEST_CELLS = 100  # of fewer, 15 neighbours are a good part of the file and of other types
N_NEIGHBOURS = 15
N_TIES = 16  # candidates beyond them, that may be as near
N_SPACE_GENES = 1500
N_COMPONENTS = 30
LEAST_DETECTED = 0.01  # share of the cells that express a gene of the space
LEAST_VARIANCE = 1e-6  # of log-normalised expression: less is rounding
LARGEST_VALUE = 5.0  # standard deviations from the mean
SOFT = 0.1  # added to standard deviations, so that genes of little spread have little weight
SOFT_MEAN = 0.02  # added to means, so that genes of few counts are not the most dispersed ones
BLOCK_CELLS = 2000  # that are dense at a time
NEIGHBOURS_WEIGHT = 3  # of the neighbours' mean probabilities, beside 1 of the cell's own


def sampled_rows(n_cells: int, seed: int, at_most: int = SAMPLE_CELLS) -> np.ndarray:
    """Which cells of a file a first pass looks at, sorted: all of them, or so many at random."""
    if n_cells <= at_most:
        return np.arange(n_cells)
    return np.sort(np.random.default_rng(seed).choice(n_cells, at_most, replace=False))


def sample_of(
    chunks: Iterable[sp.csr_matrix],
    rows: np.ndarray,
    align: Callable[[sp.csr_matrix], GeneCounts],
    jobs: int = 1,
) -> GeneCounts:
    """Those rows of a file that comes in chunks; rows: sorted, at least one.

    align: gives the counts of some genes, in a model's order; jobs: threads that do so.
    """
    parts = list(in_order(align, _sampled(chunks, rows), jobs))
    totals = np.concatenate([part.totals for part in parts])
    counts = sp.vstack([part.counts for part in parts], format="csr")
    return GeneCounts(counts, totals, parts[0].present)


def _sampled(chunks: Iterable[sp.csr_matrix], rows: np.ndarray) -> Iterator[sp.csr_matrix]:
    """Of every chunk the rows that are wanted."""
    start = 0
    for chunk in chunks:
        end = start + chunk.shape[0]
        first, last = np.searchsorted(rows, [start, end])
        is_whole = last - first == end - start
        yield chunk if is_whole else chunk[rows[first:last] - start]
        start = end


@dataclass(frozen=True)
class Neighbours:
    """Cells of a file's sample, in the principal components of the file's own variable genes.

    The space is the file's, not the model's, so that cells of a type that the model does not know
    keep their own neighbours. Means over neighbours tell types apart where single cells are
    too sparse to.

    rows: (n_sample,) which cells of the file the sample is; values: (n_sample, n_genes) CSR
    float32, log(1 + counts per 10,000); places: of them in ``space``, (n_sample, n_components);
    index: of these.
    """

    rows: np.ndarray
    values: sp.csr_matrix
    space: Space
    places: np.ndarray
    index: NearestNeighbors

    @classmethod
    def learn(cls, sample: GeneCounts, rows: np.ndarray, jobs: int = 1) -> Self | None:
        """From a sample of a file; rows: places of these cells in the file, sorted, (n_sample,).

        None where there are under ``FEWEST_CELLS`` cells, or hardly a gene that differs among them.
        jobs: threads to look up neighbours with; the digits are the same with any number.
        """
        values = log_normalize(sample.counts, sample.totals)
        space = Space.learn(values, sample.present) if len(rows) >= FEWEST_CELLS else None
        if space is None:
            return None
        places = space.place(values)
        index = NearestNeighbors(algorithm="brute", n_jobs=jobs).fit(places)
        return cls(rows, values, space, places, index)

    def of(self, cells: GeneCounts, rows: np.ndarray) -> sp.csr_matrix:
        """The 15 nearest of the sample for each cell, itself not counted, (n_cells, n_sample).

        rows: places of these cells in the file. Every neighbour has the weight 1.
        """
        found = self._nearest(self.space.place(log_normalize(cells.counts, cells.totals)))
        is_itself = self.rows[found] == rows[:, None]
        # Of those that are not in the sample themselves the sixteenth is one too many.
        is_itself[~is_itself.any(axis=1), -1] = True
        near = np.sort(found[~is_itself].reshape(len(cells), N_NEIGHBOURS), axis=1)
        ends = np.arange(len(cells) + 1) * N_NEIGHBOURS
        shape = len(cells), len(self.rows)
        return sp.csr_matrix((np.ones(near.size, np.float32), near.ravel(), ends), shape=shape)

    def _nearest(self, places: np.ndarray) -> np.ndarray:
        """The 16 nearest of the sample, (n_cells, 16), of equally near ones the first.

        The digits of the library's distances depend on the cells that it is asked for together, so
        that they choose candidates only.
        """
        n_candidates = min(N_NEIGHBOURS + 1 + N_TIES, len(self.rows))
        found = np.sort(self.index.kneighbors(places, n_candidates, return_distance=False), axis=1)
        apart = places[:, None] - self.places[found]
        distances = np.einsum("ijk,ijk->ij", apart, apart)
        order = np.argsort(distances, axis=1, kind="stable")[:, : N_NEIGHBOURS + 1]
        return np.take_along_axis(found, order, axis=1)

    def averaged(self, cells: GeneCounts, near: sp.csr_matrix) -> Averages:
        """log(1 + counts per 10,000), mean of a cell and its neighbours, (n_cells, n_genes)."""
        own = log_normalize(cells.counts, cells.totals)
        return Averages(own, near, self.dense_values, N_NEIGHBOURS + 1)

    @cached_property
    def dense_values(self) -> np.ndarray:
        """``values``, dense: up to 160 MB."""
        return self.values.toarray()


def smoothed(probabilities: np.ndarray, near: sp.csr_matrix, of_sample: np.ndarray) -> np.ndarray:
    """Probabilities of cells, drawn towards those of their neighbours: (own + 3 mean) / 4.

    For broad types only: types as fine as naive and memory T cells are neighbours of each other.

    probabilities: (n_cells, n_types); near: of ``Neighbours.of``; of_sample: (n_sample, n_types).
    """
    mean = near @ of_sample / N_NEIGHBOURS
    return (probabilities + NEIGHBOURS_WEIGHT * mean) / (1 + NEIGHBOURS_WEIGHT)


@dataclass(frozen=True)
class Space:
    """Principal components of the most dispersed genes, standardised.

    columns: of the genes; mean, scale: (n_columns,) of their expression; components:
    (n_columns, n_components); middle: (n_components,) where the sample's mean is before it is
    taken off.
    """

    columns: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray | None = None
    middle: np.ndarray | None = None

    @classmethod
    def learn(cls, values: sp.csr_matrix, present: np.ndarray) -> Self | None:
        """From log-normalised expression, (n_cells, n_genes); None without two varying genes."""
        mean, variance = mean_variance_axis(values.astype(np.float64), axis=0)
        detected = np.bincount(values.indices, minlength=values.shape[1]) / values.shape[0]
        usable = np.flatnonzero(present & (detected > LEAST_DETECTED) & (variance > LEAST_VARIANCE))
        if len(usable) < 2:
            return None
        dispersion = variance[usable] / (mean[usable] + SOFT_MEAN)
        columns = np.sort(usable[np.argsort(-dispersion, kind="stable")[:N_SPACE_GENES]])
        scale = np.sqrt(variance[columns]) + SOFT
        space = cls(columns, mean[columns], scale)
        standardised = space._standardised(values)
        n_components = min(N_COMPONENTS, *(side - 1 for side in standardised.shape))
        with threadpool_limits(1, user_api="blas"):  # the same digits on any number of cores
            components, middle = _principal(standardised, n_components)
        return cls(columns, mean[columns], scale, components, middle)

    def place(self, values: sp.csr_matrix) -> np.ndarray:
        """Where cells are, (n_cells, n_components); each row by itself, in chunks of any size."""
        return self._standardised(values) @ self.components - self.middle

    def _standardised(self, values: sp.csr_matrix) -> sp.csr_matrix:
        """Standard deviations above the value of cells without counts, sparse as the counts.

        The mean is taken off later, so that it is the same as if standardised.
        """
        chosen = values[:, self.columns].astype(np.float64)
        lowest = self._z(np.zeros(len(self.columns)), slice(None))
        chosen.data = self._z(chosen.data, chosen.indices) - lowest[chosen.indices]
        return chosen

    def _z(self, values: np.ndarray, columns) -> np.ndarray:
        z = (values - self.mean[columns]) / self.scale[columns]
        return np.clip(z, -LARGEST_VALUE, LARGEST_VALUE)


def _principal(values: sp.csr_matrix, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal axes, (n_columns, n_components), and the mean in them, (n_components,).

    Of the covariance, which is small: three times faster than a decomposition of the values.
    """
    n_cells, n_columns = values.shape
    mean = np.asarray(values.mean(axis=0)).ravel()
    products = np.zeros((n_columns, n_columns))
    for start in range(0, n_cells, BLOCK_CELLS):
        block = values[start : start + BLOCK_CELLS].toarray()
        products += block.T @ block
    covariance = products / n_cells - np.outer(mean, mean)
    _, axes = eigh(covariance, subset_by_index=[n_columns - n_components, n_columns - 1])
    axes = axes[:, ::-1]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(n_components)]
    axes = axes * np.where(largest < 0, -1.0, 1.0)  # of two signs one
    return axes, mean @ axes
