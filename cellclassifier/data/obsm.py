"""Arrays of cells in an .h5ad (obsm), as places in a tissue are."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cellclassifier.data.h5_access import check_size, member, opened
from cellclassifier.data.h5ad_tables import index_of
from cellclassifier.errors import InputError

MOST_COLUMNS = 1000


def read_obsm(path: Path | None, key: str) -> pd.DataFrame:
    """obsm[key] of an .h5ad, a row per cell by its name, float64.

    Raises InputError where there is none, or where it is no table of finite numbers.
    """
    if path is None or Path(path).suffix != ".h5ad":
        raise InputError(f"{path or 'the sample'} has no obsm[{key!r}]: expected an .h5ad with one")
    with opened(Path(path)) as file:
        known = sorted(file["obsm"]) if isinstance(file.get("obsm"), h5py.Group) else []
        if key not in known:
            listed = ", ".join(known) or "none"
            raise InputError(f"{path} has no obsm[{key!r}] (it has {listed}): write it there")
        names = index_of(member(file, "obs"))
        values = _numbers(member(file["obsm"], key), len(names))
    if values is None:
        raise InputError(f"{path}: obsm[{key!r}] is no table of numbers with a row for each cell")
    return pd.DataFrame(values, index=names)


def _numbers(stored, n_cells: int) -> np.ndarray | None:
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.dtype.kind not in "iuf":
        return None
    if stored.shape[0] != n_cells or not 0 < stored.shape[1] <= MOST_COLUMNS:
        return None
    check_size(stored)
    values = stored[()].astype(np.float64)
    return values if np.isfinite(values).all() else None
