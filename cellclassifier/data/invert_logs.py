"""Counts of cells of which only log-normalised values are kept, where they can be had exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.matrix import Matrix
from cellclassifier.data.validate import as_csr
from cellclassifier.errors import InputError

# What single precision leaves of expm1(x) / expm1(y): a share of the value, at most.
PRECISION, ROUNDING = 4e-6, 1e-4
LARGEST_LOG = 20.0  # log1p of 485 million
LARGEST_RATIO = 60_000  # beyond which single precision cannot tell two counts apart


def counts_of_logged(logged: sp.csr_matrix, precision: float = PRECISION) -> sp.csr_matrix:
    """Counts of cells from log1p of counts times a factor of each cell, (n_cells, n_genes) float64.

    The factor may be the same for all cells, or each cell's own, as 10,000 over its total is. A
    cell's smallest value stands for one count, as a cell has some gene that was counted once.
    precision: of the values, as a share. Raises ValueError where quotients of them are no whole
    numbers to that precision.
    """
    values = as_csr(logged).astype(np.float64)
    values.eliminate_zeros()
    if not (np.isfinite(values.data) & (values.data > 0) & (values.data < LARGEST_LOG)).all():
        raise ValueError("values that are no logarithms of counts")
    np.expm1(values.data, out=values.data)
    n_values = np.diff(values.indptr)
    starts = values.indptr[:-1][n_values > 0]
    if len(starts):
        one_count = np.minimum.reduceat(values.data, starts)
        values.data /= np.repeat(one_count, n_values[n_values > 0])
    _require_whole(values.data, precision)
    np.rint(values.data, out=values.data)
    return values


def _require_whole(ratios: np.ndarray, precision: float) -> None:
    off = np.abs(ratios - np.rint(ratios))
    if (off > ROUNDING + precision * ratios).any() or ratios.max(initial=0) > LARGEST_RATIO:
        raise ValueError("quotients that are no whole numbers")


def can_be_inverted(matrix: Matrix) -> bool:
    """Whether some cells' values give counts, of which not all are 1."""
    try:
        counts = counts_of_logged(matrix.some_rows())
    except ValueError:
        return False
    return counts.data.max(initial=0) > 1


def scale_of(logged: sp.csr_matrix) -> str:
    """In words, what the values are the logarithm of."""
    totals = np.asarray(np.expm1(as_csr(logged).astype(np.float64)).sum(axis=1)).ravel()
    if np.ptp(totals) < 0.02 * np.median(totals):
        return f"log1p of counts per {np.median(totals):,.0f}"
    return "log1p of counts times a factor of each cell"


@dataclass(frozen=True)
class Inverted(Matrix):
    """The counts of a matrix of log-normalised values."""

    logged: Matrix
    path: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells, genes."""
        return self.logged.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the counts."""
        return np.dtype(np.float64)

    def whole(self) -> sp.csr_matrix:
        """All of it."""
        return self._counts(self.logged.whole(), 0)

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Counts of some rows."""
        with self.logged.rows() as rows:
            yield lambda start, stop: self._counts(rows(start, stop), start)

    def _counts(self, logged: sp.spmatrix | np.ndarray, start: int) -> sp.csr_matrix:
        try:
            return counts_of_logged(logged)
        except ValueError as error:
            raise InputError(
                f"{self.path}: the values of some cells are log1p of counts, but not those of all "
                f"from cell {start + 1:,} on ({error}): expected raw counts, in a layer if not in X"
            ) from error
