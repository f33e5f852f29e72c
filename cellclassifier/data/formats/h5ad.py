""".h5ad of any version of anndata: names and genes at once, counts whole or rows at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.h5_access import array_of, attribute, filled, member, opened
from cellclassifier.data.h5ad_tables import column_names, column_of, index_of, table_of
from cellclassifier.data.sparse_checks import compressed
from cellclassifier.data.stored_rows import dense_rows, sparse_rows
from cellclassifier.errors import InputError

CSR, CSC, DENSE = "csr", "csc", "dense"
PARTS = "data", "indices", "indptr"

log = logging.getLogger(__name__)


def open_h5ad(path: Path, layer: str | None = None) -> CellSource:
    """Read the cells' names and the gene table; columns of obs and counts when they are asked for.

    layer: which matrix; None for X, "raw" for that of .raw.
    Raises InputError for a damaged file, one that refers to other files, and an unknown layer.
    """
    with opened(path) as file:
        names = index_of(member(file, "obs"))
        place, table = _places(file, layer, path)
        matrix = _matrix(path, member(file, place), place)
        var = table_of(member(file, table))
    return CellSource(path, names, var, matrix, partial(_column, path))


def _places(file: h5py.File, layer: str | None, path: Path) -> tuple[str, str]:
    """Where in the file the matrix and its gene table are."""
    layers = member(file, "layers") if "layers" in file else ()
    layers = [name for name in layers if isinstance(name, str)]  # bytes are no UTF-8
    if layer is None and "X" in file:
        return "X", "var"
    if layer in layers:
        return f"layers/{layer}", "var"
    raw = next((raw for raw in ("raw/", "raw.") if f"{raw}X" in file), None)
    if layer == "raw" and raw:
        return f"{raw}X", f"{raw}var"
    known = ", ".join(layers + ["raw"] * (raw is not None)) or "no layers"
    wanted = "X" if layer is None else f"layer {layer!r}"
    raise InputError(f"{path} has no {wanted}: it has {known}; choose with --layer")


def _column(path: Path, key: str, option: str) -> np.ndarray:
    with opened(path) as file:
        obs = member(file, "obs")
        known = column_names(obs)
        if key in known:
            return column_of(obs, key)
    listed = ", ".join(known) or "none"
    raise InputError(f"{path} has no obs column {key!r}: it has {listed}; choose with {option}")


@dataclass(frozen=True)
class StoredMatrix:
    """A matrix in an .h5ad, checked for what could mislead compiled code whenever it is read."""

    path: Path
    place: str
    shape: tuple[int, ...]
    dtype: np.dtype
    layout: str
    """how it is stored: csr, csc or dense"""

    def whole(self) -> sp.csr_matrix | sp.csc_matrix:
        """All of it, a dense matrix as CSR."""
        with opened(self.path) as file:
            if self.layout == DENSE:
                return dense_rows(filled(file, self.place), 0, self.shape[0])
            stored = member(file, self.place)
            parts = (array_of(member(stored, part)) for part in PARTS)
            make = sp.csr_matrix if self.layout == CSR else sp.csc_matrix
            return compressed(make, *parts, self.shape)

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Rows from the file; a matrix stored by columns is read whole, which is said."""
        if self.layout == CSC:
            yield partial(_slice, self._by_columns())
            return
        with opened(self.path) as file:
            if self.layout == DENSE:
                yield partial(dense_rows, filled(file, self.place))
            else:
                stored = member(file, self.place)
                yield partial(sparse_rows, *(filled(stored, part) for part in PARTS), self.shape)

    def _by_columns(self) -> sp.csr_matrix:
        """Rows of a matrix stored by columns are all over the file."""
        columns = self.whole()
        n_bytes = columns.data.nbytes + columns.indices.nbytes
        log.info(
            f"{self.path.name} stores its matrix by columns (CSC), so all of it is read, which "
            f"takes about {2 * n_bytes / 2**30:.1f} GiB of memory. To need less, store it by rows "
            "once: in Python, cells.X = cells.X.tocsr(), then cells.write_h5ad(...)."
        )
        return columns.tocsr()


def _slice(matrix: sp.csr_matrix, start: int, stop: int) -> sp.csr_matrix:
    return matrix[start:stop]


def _matrix(path: Path, stored: h5py.Group | h5py.Dataset, place: str) -> StoredMatrix:
    if isinstance(stored, h5py.Dataset):
        return StoredMatrix(path, place, stored.shape or (), stored.dtype, DENSE)
    old = attribute(stored, "h5sparse_format", "")  # before anndata 0.7
    kind = str(attribute(stored, "encoding-type", old))
    layout = kind.removesuffix("_matrix")
    if layout not in (CSR, CSC):
        raise ValueError(f"{place!r} is no matrix but {kind or 'a group'!r}")
    shape = np.asarray(attribute(stored, "h5sparse_shape" if old else "shape"))
    if shape.shape != (2,) or shape.dtype.kind not in "iu":
        raise ValueError(f"{place!r} has no shape of two numbers")
    dtype = member(stored, "data").dtype
    return StoredMatrix(path, place, (int(shape[0]), int(shape[1])), dtype, layout)
