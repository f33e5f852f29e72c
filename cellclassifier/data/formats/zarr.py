""".zarr as anndata writes it (zarr formats 2 and 3): counts whole or rows at a time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data import zarr_access
from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.h5ad_tables import as_column_of_texts
from cellclassifier.data.stored_matrix import StoredMatrix, layers_of, place_of
from cellclassifier.data.texts import as_texts
from cellclassifier.data.zarr_access import attribute, filled, member, opened
from cellclassifier.errors import InputError


def open_zarr(path: Path, layer: str | None = None) -> CellSource:
    """Read the cells' names and the gene table; columns of obs and counts when they are asked for.

    layer: which matrix; None for X, "raw" for that of .raw.
    Raises InputError for a damaged folder, one with links in it, and an unknown layer.
    """
    with opened(path) as file:
        place, table = place_of(zarr_access, file, layer, path)
        matrix = StoredMatrix.at(zarr_access, path, file, place)
        names = _index(member(file, "obs"), path)
        var = _table(member(file, table), path)
        others = tuple(layers_of(zarr_access, file)) if layer is None else ()
    return CellSource(path, names, var, matrix, partial(_column, path), layers=others)


def _index(group, path: Path) -> pd.Index:
    name = str(attribute(group, "_index"))
    texts = as_texts(_values(group, name), f"{path}: {group.path!r}")
    return pd.Index(texts, dtype=object, name=None if name == "_index" else name)


def _table(group, path: Path) -> pd.DataFrame:
    columns = {name: _values(group, name) for name in _names(group)}
    return pd.DataFrame(columns, index=_index(group, path))


def _names(group) -> list[str]:
    return [str(name) for name in dict.fromkeys(attribute(group, "column-order"))]


def _values(group, name: str):
    """One column, or the index, as anndata reads it, once all its arrays were checked."""
    column = member(group, name)
    if not hasattr(column, "shape"):
        for part in column:
            if not hasattr(filled(column, part), "shape"):
                raise ValueError(f"{name!r} is no column")
        values = ad.io.read_elem(column)
    else:
        values = zarr_access.array_of(filled(group, name))
    if not isinstance(values, np.ndarray | pd.api.extensions.ExtensionArray) or values.ndim != 1:
        raise ValueError(f"{name!r} is no column of numbers or texts")
    return values


def _column(path: Path, key: str, option: str) -> np.ndarray:
    with opened(path) as file:
        obs = member(file, "obs")
        known = _names(obs)
        if key in known:
            return as_column_of_texts(_values(obs, key), f"{path}: obs/{key}")
    listed = ", ".join(known) or "none"
    raise InputError(f"{path} has no obs column {key!r}: it has {listed}; choose with {option}")
