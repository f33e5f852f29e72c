"""A matrix as anndata keeps it in a file: CSR, CSC or dense, in HDF5 or zarr."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.matrix import Matrix
from cellclassifier.data.sparse_checks import compressed
from cellclassifier.data.stored_rows import dense_rows, sparse_rows
from cellclassifier.errors import InputError

CSR, CSC, DENSE = "csr", "csc", "dense"
PARTS = "data", "indices", "indptr"
RAW = "raw"
MANY_VALUES = 100_000

log = logging.getLogger(__name__)


def place_of(access: ModuleType, file, layer: str | None, path: Path) -> tuple[str, str]:
    """Where in an open file the matrix and its gene table are.

    layer: which matrix; None for X, "raw" for that of .raw. Raises InputError for an unknown one.
    """
    layers = layers_of(access, file)
    if layer is None and "X" in file:
        return "X", "var"
    raw = _raw_of(file)
    if layer in layers and f"layers/{layer}" in file:
        return f"layers/{layer}", "var"
    if layer == RAW and raw:
        return f"{raw}X", f"{raw}var"
    known = ", ".join(layers) or "no layers"
    wanted = "X" if layer is None else f"layer {layer!r}"
    raise InputError(f"{path} has no {wanted}: it has {known}; choose with --layer")


def layers_of(access: ModuleType, file) -> list[str]:
    """Names that ``place_of`` knows, but for that of X."""
    layers = access.member(file, "layers") if "layers" in file else ()
    names = [name for name in layers if isinstance(name, str)]  # bytes are no UTF-8
    return names + [RAW] * (_raw_of(file) is not None and RAW not in names)


def _raw_of(file) -> str | None:
    """What stands before the names of .raw's parts; before anndata 0.7 it was no group."""
    return next((raw for raw in ("raw/", "raw.") if f"{raw}X" in file), None)


@dataclass(frozen=True)
class StoredMatrix(Matrix):
    """A matrix in a file, checked for what could mislead compiled code whenever it is read."""

    access: ModuleType
    """how files of this kind are read: ``h5_access`` or ``zarr_access``"""

    path: Path
    place: str
    shape: tuple[int, ...]
    dtype: np.dtype
    layout: str
    """how it is stored: csr, csc or dense"""

    @classmethod
    def at(cls, access: ModuleType, path: Path, file, place: str) -> StoredMatrix:
        """The matrix at a place of an open file, of which sizes and types are read only."""
        stored = access.member(file, place)
        if hasattr(stored, "shape"):
            return cls(access, path, place, tuple(stored.shape or ()), stored.dtype, DENSE)
        old = access.attribute(stored, "h5sparse_format", "")  # before anndata 0.7
        kind = str(access.attribute(stored, "encoding-type", old))
        layout = kind.removesuffix("_matrix")
        if layout not in (CSR, CSC):
            raise ValueError(f"{place!r} is no matrix but {kind or 'a group'!r}")
        shape = np.asarray(access.attribute(stored, "h5sparse_shape" if old else "shape"))
        if shape.shape != (2,) or shape.dtype.kind not in "iu":
            raise ValueError(f"{place!r} has no shape of two numbers")
        dtype = access.member(stored, "data").dtype
        return cls(access, path, place, (int(shape[0]), int(shape[1])), dtype, layout)

    def whole(self) -> sp.csr_matrix | sp.csc_matrix:
        """All of it, a dense matrix as CSR."""
        with self.access.opened(self.path) as file:
            if self.layout == DENSE:
                return dense_rows(self.access.filled(file, self.place), 0, self.shape[0])
            stored = self.access.member(file, self.place)
            parts = (self.access.array_of(self.access.filled(stored, part)) for part in PARTS)
            make = sp.csr_matrix if self.layout == CSR else sp.csc_matrix
            return compressed(make, *parts, self.shape)

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Rows from the file; a matrix stored by columns is read whole, which is said."""
        if self.layout == CSC:
            yield partial(_slice, self._by_columns())
            return
        with self.access.opened(self.path) as file:
            if self.layout == DENSE:
                yield partial(dense_rows, self.access.filled(file, self.place))
            else:
                stored = self.access.member(file, self.place)
                parts = (self.access.filled(stored, part) for part in PARTS)
                yield partial(sparse_rows, *parts, self.shape)

    def some_values(self) -> np.ndarray:
        """Of a matrix stored by columns the first ones, since its rows are all over the file."""
        if self.layout != CSC:
            return super().some_values()
        with self.access.opened(self.path) as file:
            stored = self.access.member(file, self.place)
            return self.access.filled(stored, "data")[:MANY_VALUES]

    def _by_columns(self) -> sp.csr_matrix:
        """Rows of a matrix stored by columns are all over the file."""
        columns = self.whole()
        n_bytes = columns.data.nbytes + columns.indices.nbytes
        log.info(
            f"{self.path.name} stores its matrix by columns (CSC), so all of it is read, which "
            f"takes about {2 * n_bytes / 2**30:.1f} GiB of memory. To need less, store it by rows "
            "once: in Python, cells.X = cells.X.tocsr(), then write it anew."
        )
        return columns.tocsr()


def _slice(matrix: sp.csr_matrix, start: int, stop: int) -> sp.csr_matrix:
    return matrix[start:stop]
