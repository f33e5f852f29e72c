"""What a trained network predicts with: numpy alone, so that annotation needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cellclassifier.data.features import LARGEST_VALUE, log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.models.neural.stored import SCALE, check_tensors

STORED = {"mean": "seen_genes.mean", "scale": SCALE}
LAYERS = ("body.0", "head")


@dataclass(frozen=True)
class Layers:
    """A linear softmax, or a network of one hidden layer, as ``AugmentedNetwork`` computes it.

    mean, scale: of log-normalised expression in the training cells, (n_genes,) float32; weights,
    biases: of one layer or of two, (n_outputs, n_inputs) and (n_outputs,) float16, the precision
    that they are saved in.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, tensors: dict[str, np.ndarray]) -> Self:
        """From the arrays of a network's ``state_dict``; weights are rounded to half precision."""
        names = [name for name in LAYERS if f"{name}.weight" in tensors]
        with np.errstate(over="ignore"):  # what is beyond its range is refused where it is read
            weights = tuple(tensors[f"{name}.weight"].astype(np.float16) for name in names)
            biases = tuple(tensors[f"{name}.bias"].astype(np.float16) for name in names)
        return cls(tensors[STORED["mean"]], tensors[STORED["scale"]], weights, biases)

    def scores(self, cells: GeneCounts) -> np.ndarray:
        """Scores of the types before softmax, (n_cells, n_types) float32.

        Counts stay sparse, each row by itself: the same digits in chunks of any size.
        """
        lowest = self._z(np.zeros(len(self.mean)), slice(None)) * cells.present
        above = log_normalize(cells.counts, cells.totals).astype(np.float64)
        above.data = self._z(above.data, above.indices) - lowest[above.indices]
        above.data *= cells.present[above.indices]
        values = above @ self.weights[0].T.astype(np.float64)  # (n_cells, n_outputs)
        values += lowest @ self.weights[0].T.astype(np.float64) + self.biases[0]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            hidden = sp.csr_matrix(np.maximum(values, 0))
            values = hidden @ weight.T.astype(np.float64) + bias
        return values.astype(np.float32)

    def importance(self) -> np.ndarray:
        """How strongly the scores lean on each gene, (n_genes,): the weights along all paths."""
        strength = np.abs(self.weights[-1].astype(np.float64))
        for weight in self.weights[-2::-1]:
            strength = strength @ np.abs(weight.astype(np.float64))
        return strength.sum(axis=0)

    def save(self, path: Path) -> None:
        """Write as .safetensors."""
        save_file(self._tensors(), path)

    @classmethod
    def load(cls, path: Path, widths: tuple[int, ...]) -> Self:
        """Read what ``save`` wrote; InputError where it is no network of these widths.

        widths: genes, hidden units if there are any, types.
        """
        try:
            tensors = load_file(path)
            check_tensors(tensors, _expected(widths), np.isfinite)
        except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
            raise InputError(f"{path} does not fit the model ({error}): train again") from error
        return cls.of(tensors)

    def _tensors(self) -> dict[str, np.ndarray]:
        tensors = {STORED["mean"]: self.mean, STORED["scale"]: self.scale}
        names = _names(len(self.weights))
        for name, weight, bias in zip(names, self.weights, self.biases, strict=True):
            tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}
        return {name: np.ascontiguousarray(array) for name, array in tensors.items()}

    def _z(self, values: np.ndarray, genes) -> np.ndarray:
        z = (values - self.mean[genes]) / self.scale[genes]
        return np.clip(z, -LARGEST_VALUE, LARGEST_VALUE)


def _names(n_layers: int) -> tuple[str, ...]:
    return LAYERS[-n_layers:]


def _expected(widths: tuple[int, ...]) -> dict[str, tuple]:
    """Shapes and types of the tensors of a network of these widths."""
    vector = (widths[0],), np.dtype(np.float32)
    found = dict.fromkeys(STORED.values(), vector)
    for name, n_in, n_out in zip(_names(len(widths) - 1), widths[:-1], widths[1:], strict=True):
        found[f"{name}.weight"] = (n_out, n_in), np.dtype(np.float16)
        found[f"{name}.bias"] = (n_out,), np.dtype(np.float16)
    return found
