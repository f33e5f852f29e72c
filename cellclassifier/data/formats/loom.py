""".loom: genes x cells, with attributes of rows and columns; cells read a chunk at a time.

Layout: http://linnarssonlab.org/loompy/format. anndata's ``read_loom`` reads all of it at once and
trusts what it claims, so that here the file is read as any HDF5 of a stranger's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.h5_access import array_of, filled, member, opened
from cellclassifier.data.matrix import Matrix
from cellclassifier.data.stored_rows import dense_columns
from cellclassifier.data.texts import as_texts
from cellclassifier.errors import InputError

MATRIX, LAYERS, CELLS, GENES = "matrix", "layers", "col_attrs", "row_attrs"
# What the names of cells and genes are called; ids tell genes apart.
CELL_NAMES = ("CellID", "obs_names", "cell_names", "barcode", "Barcode")
GENE_NAMES = ("Accession", "var_names", "Gene", "gene_ids", "gene_names")


def open_loom(path: Path, layer: str | None = None) -> CellSource:
    """Read the names of cells and genes; counts and other attributes when they are asked for.

    layer: one of "layers"; None for the matrix. Raises InputError for a damaged file, for one
    that names no cells or genes, and an unknown layer.
    """
    with opened(path) as file:
        layers = _names(member(file, LAYERS)) if LAYERS in file else []
        place = _place(path, layer, layers)
        stored = filled(file, place)
        names = _first_of(file, CELLS, CELL_NAMES, path)
        var = _gene_table(file, path)
        shape = tuple(reversed(stored.shape))
        matrix = LoomMatrix(path, place, shape, stored.dtype)
    others = tuple(layers) if layer is None else ()
    index = pd.Index(names, dtype=object)
    return CellSource(path, index, var, matrix, partial(_column, path), layers=others)


def _place(path: Path, layer: str | None, layers: list[str]) -> str:
    if layer is None:
        return MATRIX
    if layer in layers:
        return f"{LAYERS}/{layer}"
    listed = ", ".join(layers) or "no layers"
    raise InputError(f"{path} has no layer {layer!r}: it has {listed}; choose with --layer")


def _names(group: h5py.Group) -> list[str]:
    return [name for name in group if isinstance(name, str)]


def _first_of(file: h5py.File, table: str, names: tuple[str, ...], path: Path) -> np.ndarray:
    attributes = member(file, table)
    known = _names(attributes)
    name = next((name for name in names if name in known), None)
    if name is None:
        raise InputError(
            f"{path} has none of {', '.join(names)} in {table} ({', '.join(known) or 'empty'}): "
            "expected one of them, with names"
        )
    return as_texts(array_of(member(attributes, name)), f"{path}: {name!r}")


def _gene_table(file: h5py.File, path: Path) -> pd.DataFrame:
    names = _first_of(file, GENES, GENE_NAMES, path)
    attributes = member(file, GENES)
    flat = [name for name in _names(attributes) if len(member(attributes, name).shape) == 1]
    columns = {name: array_of(member(attributes, name)) for name in flat}
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object))


def _column(path: Path, key: str, option: str) -> np.ndarray:
    with opened(path) as file:
        attributes = member(file, CELLS)
        known = _names(attributes)
        if key in known:
            return as_texts(_as_text(array_of(member(attributes, key))), f"{path}: {key!r}")
    listed = ", ".join(known) or "none"
    raise InputError(
        f"{path} has no column attribute {key!r}: it has {listed}; choose with {option}"
    )


def _as_text(values: np.ndarray) -> np.ndarray:
    return values.astype(str).astype(object) if values.dtype.kind == "f" else values


@dataclass(frozen=True)
class LoomMatrix(Matrix):
    """A matrix of a .loom, cells x genes."""

    path: Path
    place: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Cells from the file."""
        with opened(self.path) as file:
            yield partial(dense_columns, filled(file, self.place))
