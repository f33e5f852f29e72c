"""The tables obs and var inside an .h5ad file of any version, without the matrices beside them.

Before anndata 0.7 a table was one compound dataset, its index first, and the meaning of its codes
stood in uns; before 0.8 it was a group whose categories stood apart; since then every column says
by itself what it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from cellclassifier.data.h5_access import array_of, attribute, check_size, member
from cellclassifier.data.stored_rows import native
from cellclassifier.data.texts import as_texts, decoded
from cellclassifier.errors import InputError


def _texts(values: np.ndarray, missing: np.ndarray) -> pd.api.extensions.ExtensionArray:
    result = pd.array(values, dtype=pd.StringDtype())
    result[missing] = pd.NA
    return result


NULLABLE = {
    "nullable-integer": pd.arrays.IntegerArray,
    "nullable-boolean": pd.arrays.BooleanArray,
    "nullable-string-array": _texts,
}
MOST_CATEGORIES = 10**6  # of a column with fewer rows than that
CURRENT = "0.2.0"  # the encoding, since anndata 0.8, to which columns can be added one by one


def n_rows(stored: h5py.Group | h5py.Dataset) -> int:
    """Rows that a stored table claims, without reading any."""
    index = stored if isinstance(stored, h5py.Dataset) else member(stored, _index_name(stored))
    if isinstance(index, h5py.Group):
        index = member(index, "codes" if "codes" in index else "values")
    if not isinstance(index, h5py.Dataset) or len(index.shape or ()) != 1:
        raise ValueError(f"{index.name!r} is no list of values")
    check_size(index)
    return index.shape[0]


def index_of(stored: h5py.Group | h5py.Dataset) -> pd.Index:
    """Row names of a stored table, (n_rows,) texts, without reading its columns."""
    name = _index_name(stored)
    texts = as_texts(_values(stored, name), f"{stored.file.filename}: {stored.name!r}")
    return pd.Index(texts, dtype=object, name=None if name == "_index" else name)


def column_of(stored: h5py.Group | h5py.Dataset, name: str) -> np.ndarray:
    """One column as texts, (n_rows,) object, None where missing."""
    where = f"{stored.file.filename}: {stored.name}/{name}"
    return as_column_of_texts(_values(stored, name), where)


def as_column_of_texts(values, where: str) -> np.ndarray:
    """A column of any kind that pandas knows as texts, (n_rows,) object, None where missing."""
    column = pd.Series(values)
    texts = column.astype(str).astype(object).mask(column.isna(), None)
    return as_texts(texts.to_numpy(), where)


def column_names(stored: h5py.Group | h5py.Dataset) -> list[str]:
    """Names of a stored table's columns, in its order, without that of its index."""
    if isinstance(stored, h5py.Dataset):
        return list(_fields(stored)[1:])
    order = dict.fromkeys(np.atleast_1d(attribute(stored, "column-order")).tolist())
    return [name.decode() if isinstance(name, bytes) else str(name) for name in order]


def table_of(stored: h5py.Group | h5py.Dataset) -> pd.DataFrame:
    """A stored table as anndata reads it, its index as texts."""
    names = column_names(stored)
    columns = {name: _values(stored, name) for name in names}
    return pd.DataFrame(columns, index=index_of(stored), columns=names or None)


def _index_name(stored: h5py.Group | h5py.Dataset) -> str:
    if isinstance(stored, h5py.Dataset):
        return _fields(stored)[0]
    return str(attribute(stored, "_index"))


def _fields(stored: h5py.Dataset) -> tuple[str, ...]:
    if stored.ndim != 1 or not stored.dtype.names:
        raise ValueError(f"{stored.name!r} is no table")
    return stored.dtype.names


def _values(stored: h5py.Group | h5py.Dataset, name: str):
    """One column, or the index: an array of numbers or texts, or what pandas has for its kind."""
    if isinstance(stored, h5py.Dataset):
        return _with_categories(_field(stored, name), _old_categories(stored.file).get(name))
    column, n = member(stored, name), n_rows(stored)
    if isinstance(column, h5py.Group):
        return _encoded(column, n)
    values = array_of(column, n)
    if "categories" not in column.attrs:
        return values
    categories = _categories(member(stored, f"__categories/{name}"), n)
    return _categorical(values, categories, attribute(column, "ordered", False))


def _categories(stored: h5py.Dataset, n_rows: int) -> np.ndarray:
    """What codes mean; few of many may be used, but a claim of very many is not followed."""
    if isinstance(stored, h5py.Dataset) and stored.size > max(n_rows, MOST_CATEGORIES):
        raise ValueError(f"{stored.name!r} has {stored.size:,} categories for {n_rows:,} rows")
    return array_of(stored)


def _field(stored: h5py.Dataset, name: str) -> np.ndarray:
    check_size(stored)
    values = stored[name]
    if values.ndim != 1 or values.dtype.kind not in "biufSO":
        raise ValueError(f"{name!r} of {stored.name!r} holds neither numbers nor texts")
    return native(decoded(values, f"{stored.file.filename}: {stored.name}/{name}"))


def _encoded(column: h5py.Group, n_rows: int):
    """A column that is a group: categories and codes, or values and where they are missing."""
    kind = str(attribute(column, "encoding-type", ""))
    if kind == "categorical":
        codes = array_of(member(column, "codes"), n_rows)
        categories = _categories(member(column, "categories"), n_rows)
        return _categorical(codes, categories, attribute(column, "ordered", False))
    if kind not in NULLABLE:
        raise ValueError(f"{column.name!r} is no column but {kind or 'a group'!r}")
    values, missing = (array_of(member(column, part), n_rows) for part in ("values", "mask"))
    return NULLABLE[kind](values, missing.astype(bool))


def _categorical(codes: np.ndarray, categories: np.ndarray, ordered) -> pd.Categorical:
    if codes.dtype.kind not in "iu":
        raise ValueError("codes of categories that are no whole numbers")
    return pd.Categorical.from_codes(codes, categories, ordered=bool(ordered))


def _old_categories(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Before anndata 0.7 tables held codes, and uns their meaning as NAME_categories."""
    uns = file.get("uns", getlink=True) and member(file, "uns")
    names = [key for key in uns or () if isinstance(key, str) and key.endswith("_categories")]
    found = {key.removesuffix("_categories"): member(uns, key) for key in names}
    found = {name: stored for name, stored in found.items() if isinstance(stored, h5py.Dataset)}
    for stored in found.values():
        check_size(stored)
    return found


def _with_categories(values: np.ndarray, stored: h5py.Dataset | None):
    if stored is None or values.dtype.kind not in "iu":
        return values
    categories = _old_texts(stored, len(values))
    if not ((values >= -1) & (values < len(categories))).all():
        return values
    return pd.Categorical.from_codes(values, categories)


def _old_texts(stored: h5py.Dataset, n_rows: int) -> np.ndarray:
    if stored.ndim == 1:
        return _categories(stored, n_rows)
    return np.atleast_1d(decoded(np.asarray(stored[()]), stored.name))


def refuse_links(file: h5py.File, path: Path) -> None:
    """Raise InputError where a table of the file is in another file, which writing would change."""
    for key in ("/", "obs", "uns", "obsm"):
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
    index = _index_name(obs)
    if index in columns:
        raise InputError(
            f"the cell names in obs are themselves called {index!r}, as is a column to be added: "
            "rename the index of obs"
        )
    before = column_names(obs)
    for name, column in columns.items():
        ad.io.write_elem(obs, name, column.values)
    others = [name for name in before if name not in columns]
    order = np.array([*others, *columns.columns], dtype=h5py.string_dtype())
    obs.attrs["column-order"] = order


def add_arrays(file: h5py.File, where: str, values: Mapping[str, object]) -> None:
    """Add arrays, tables or dicts to uns or obsm of an open file, replacing those of one name."""
    if where not in file:
        ad.io.write_elem(file, where, {})
    if isinstance(file[where], h5py.Dataset):  # obsm of anndata before 0.7
        fields = {name: _matrix_of(file[where], name) for name in file[where].dtype.names}
        ad.io.write_elem(file, where, fields)
    for name, value in values.items():
        ad.io.write_elem(file[where], name, value)


def _matrix_of(stored: h5py.Dataset, name: str) -> np.ndarray:
    """A field of a compound dataset, (n_rows, n_columns)."""
    check_size(stored)
    return native(stored[name].reshape(stored.shape[0], -1))


def _modernise(file: h5py.File) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the format, which ends here
        if isinstance(file["obs"], h5py.Dataset):
            tables = {key: table_of(file[key]) for key in ("obs", "var")}
            _forget_old_categories(file, list(tables.values()))
        elif attribute(file["obs"], "encoding-version", "") != CURRENT:
            tables = {"obs": table_of(file["obs"])}
        else:
            return
        for key, table in tables.items():
            ad.io.write_elem(file, key, table)


def _forget_old_categories(file: h5py.File, tables: list[pd.DataFrame]) -> None:
    """Remove from uns what the tables hold as categories of their own from now on."""
    for name in _old_categories(file):
        if any(isinstance(t.get(name), pd.Series) and t[name].dtype == "category" for t in tables):
            del file["uns"][f"{name}_categories"]
