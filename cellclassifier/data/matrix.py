"""A matrix, cells x genes, in memory or in a file, whose values nobody has checked yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.validate import as_csr

SAMPLE = 100  # cells at the beginning, in the middle and at the end


class Matrix(ABC):
    """What a format has to offer: sizes, a type, and rows."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @abstractmethod
    def rows(self) -> AbstractContextManager[Callable[[int, int], sp.spmatrix | np.ndarray]]:
        """Give, as long as the file is open, a function from start and stop to these rows."""

    def whole(self) -> sp.spmatrix | np.ndarray:
        """All of it."""
        with self.rows() as rows:
            return rows(0, self.shape[0])

    def some_rows(self) -> sp.csr_matrix:
        """A few rows, to see of what kind the values are."""
        n = self.shape[0]
        starts = sorted({0, max(0, n // 2 - SAMPLE // 2), max(0, n - SAMPLE)})
        stops = [min(start + SAMPLE, n) for start in starts]
        with self.rows() as rows:
            parts = [as_csr(rows(*each)) for each in zip(starts, stops, strict=True)]
        return sp.vstack(parts, format="csr")

    def some_values(self) -> np.ndarray:
        """A few values, (n,), however the matrix is stored."""
        return self.some_rows().data


@dataclass(frozen=True)
class InMemory(Matrix):
    """A matrix that was read whole, since its format knows no other way."""

    values: sp.spmatrix | np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells, genes; empty where it is no matrix."""
        return getattr(self.values, "shape", ())

    def whole(self) -> sp.spmatrix | np.ndarray:
        """All of it."""
        return self.values

    @property
    def dtype(self) -> np.dtype:
        """Of the values; object where it is no matrix."""
        return np.dtype(getattr(self.values, "dtype", object))

    @contextmanager
    def rows(self):
        """Rows by slicing."""
        yield lambda start, stop: self._by_rows[start:stop]

    @cached_property
    def _by_rows(self) -> sp.spmatrix | np.ndarray:
        """The values, by rows: a file is looked through more than once."""
        return self.values.tocsr() if sp.issparse(self.values) else self.values
