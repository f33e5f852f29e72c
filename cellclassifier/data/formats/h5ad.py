""".h5ad of any version of anndata: names and genes at once, counts whole or rows at a time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from cellclassifier.data import h5_access
from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.h5_access import member, opened
from cellclassifier.data.h5ad_tables import column_names, column_of, index_of, n_rows, table_of
from cellclassifier.data.stored_matrix import StoredMatrix, layers_of, place_of
from cellclassifier.data.validate import check_fit
from cellclassifier.errors import InputError


def open_h5ad(path: Path, layer: str | None = None) -> CellSource:
    """Read the cells' names and the gene table; columns of obs and counts when they are asked for.

    layer: which matrix; None for X, "raw" for that of .raw.
    Raises InputError for a damaged file, one that refers to other files, and an unknown layer.
    """
    with opened(path) as file:
        obs = member(file, "obs")
        place, table = place_of(h5_access, file, layer, path)
        matrix, stored_var = StoredMatrix.at(h5_access, path, file, place), member(file, table)
        check_fit(path, matrix.shape, n_rows(obs), n_rows(stored_var), "cell names")
        names, var = index_of(obs), table_of(stored_var)
        others = tuple(layers_of(h5_access, file)) if layer is None else ()
    return CellSource(path, names, var, matrix, partial(_column, path), layers=others)


def _column(path: Path, key: str, option: str) -> np.ndarray:
    with opened(path) as file:
        obs = member(file, "obs")
        known = column_names(obs)
        if key in known:
            return column_of(obs, key)
    listed = ", ".join(known) or "none"
    raise InputError(f"{path} has no obs column {key!r}: it has {listed}; choose with {option}")
