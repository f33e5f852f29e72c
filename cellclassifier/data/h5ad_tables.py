"""The tables obs and var inside an .h5ad file of any version, without the matrices beside them."""

from __future__ import annotations

import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from cellclassifier.errors import InputError

CURRENT = "0.2.0"  # the encoding, since anndata 0.8, to which columns can be added one by one


def index_of(stored: h5py.Group | h5py.Dataset) -> pd.Index:
    """Row names of a stored table, (n_rows,), without reading its columns."""
    if isinstance(stored, h5py.Dataset):
        return pd.Index(_texts(stored[stored.dtype.names[0]]))
    return pd.Index(ad.io.read_elem(stored[stored.attrs["_index"]]))


def table_of(stored: h5py.Group | h5py.Dataset) -> pd.DataFrame:
    """A stored table; before anndata 0.7 it was one compound dataset, its index first."""
    if isinstance(stored, h5py.Group):
        return ad.io.read_elem(stored)
    records = stored[()]
    columns = {name: _texts(records[name]) for name in records.dtype.names}
    return pd.DataFrame(columns).set_index(records.dtype.names[0])


def _texts(values: np.ndarray) -> np.ndarray:
    """Decode bytes; numbers stay as they are."""
    if values.dtype.kind not in "SO":
        return values
    return np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)


def refuse_links(file: h5py.File, path: Path) -> None:
    """Raise InputError where a table of the file is in another file, which writing would change."""
    for key in ("/", "obs", "uns"):
        for name in file[key] if isinstance(file.get(key), h5py.Group) else ():
            if isinstance(file[key].get(name, getlink=True), h5py.ExternalLink | h5py.SoftLink):
                raise InputError(
                    f"{path}: {name!r} is a link to elsewhere: read the file and write it anew "
                    "with anndata to add columns to it"
                )


def add_columns(file: h5py.File, columns: pd.DataFrame) -> None:
    """Add columns to obs of an open file, replacing those of the same name.

    columns: as many rows as obs, in its order; text (categorical), float32 or bool. Nothing else
    of the file changes, but that tables of anndata before 0.8 are written in today's encoding.
    """
    _modernise(file)
    obs = file["obs"]
    index = obs.attrs["_index"]
    if index in columns:
        raise InputError(
            f"the cell names in obs are themselves called {index!r}, as is a column to be added: "
            "rename the index of obs"
        )
    for name, column in columns.items():
        ad.io.write_elem(obs, name, column.values)
    others = [name for name in obs.attrs.get("column-order", ()) if name not in columns]
    order = np.array([*others, *columns.columns], dtype=h5py.string_dtype())
    obs.attrs["column-order"] = order


def _modernise(file: h5py.File) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the format, which ends here
        if isinstance(file["obs"], h5py.Dataset):
            tables = {key: table_of(file[key]) for key in ("obs", "var")}
            _name_categories(list(tables.values()), file.get("uns", {}))
        elif file["obs"].attrs.get("encoding-version") != CURRENT:
            tables = {"obs": table_of(file["obs"])}
        else:
            return
        for key, table in tables.items():
            ad.io.write_elem(file, key, table)


def _name_categories(tables: list[pd.DataFrame], uns) -> None:
    """Before anndata 0.7 tables held codes, and uns their meaning as NAME_categories."""
    for key in [key for key in uns if key.endswith("_categories")]:
        name = key.removesuffix("_categories")
        categories = np.atleast_1d(ad.io.read_elem(uns[key]))
        coded = [table for table in tables if name in table and _are_codes(table[name], categories)]
        for table in coded:
            table[name] = pd.Categorical.from_codes(table[name].to_numpy(), categories)
        if coded:  # read as what they are from now on
            del uns[key]


def _are_codes(column: pd.Series, categories: np.ndarray) -> bool:
    return column.dtype.kind in "iu" and column.between(-1, len(categories) - 1).all()
