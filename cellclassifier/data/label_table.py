"""Labels from a table beside the file of cells (--labels), for files that hold none."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.text_files import fields_of, lines_of, opened_text, separator_of
from cellclassifier.data.texts import as_texts
from cellclassifier.errors import InputError

log = logging.getLogger(__name__)


def read_label_table(
    path: Path | str, header_like: str = "cell, cell_type", row_of: str = "cell"
) -> pd.DataFrame:
    """A .csv or .tsv whose first column names cells, as texts; its index are these names.

    header_like, row_of: what messages say that it should be like. Raises InputError where it is no
    table, or names a cell twice.
    """
    path = Path(path)
    with opened_text(path) as file:
        lines = lines_of(file, path)
        header = next(lines, b"")
        separator = separator_of(header)
        names = fields_of(header, separator, path)
        rows = [fields_of(line, separator, path) for line in lines]
    uneven = next((row for row in rows if len(row) != len(names)), None)
    if len(names) < 2 or not rows or uneven is not None:
        found = f"a row of {len(uneven)} fields" if uneven is not None else f"{len(rows)} rows"
        raise InputError(
            f"--labels {path} has {len(names)} columns and {found}: expected a first line of names "
            f"({header_like}), then a row for every {row_of}"
        )
    values = np.array(rows, dtype=object)
    index = pd.Index(as_texts(values[:, 0], f"{path}: its first column"), dtype=object)
    if index.has_duplicates:
        first = index[index.duplicated()][0]
        raise InputError(
            f"--labels {path} names the {row_of} {first!r} twice: expected one row each"
        )
    return pd.DataFrame(values[:, 1:], index=index, columns=names[1:])


def with_labels(source: CellSource, path: Path | None) -> CellSource:
    """The same cells, whose labels come from a table; those of the file itself where path is None.

    Columns that the table lacks are the file's own. Cells that it does not name have no label.
    Raises InputError as ``read_label_table`` does, and where it names none of the cells.
    """
    if path is None:
        return source
    table = read_label_table(path)
    named = source.obs_names.isin(table.index)
    if not named.any():
        raise InputError(
            f"--labels {path} names none of the cells of {source.path}: it has "
            f"{table.index[0]!r}, ..., the cells are called {source.obs_names[0]!r}, ..."
        )
    read_column = partial(_column, table, source, path)
    return replace(source, read_column=read_column, label_column=None)


def named_in(source: CellSource, path: Path | None) -> np.ndarray:
    """Which cells a table of labels names, (n_cells,) bool, having said how many it does not."""
    if path is None:
        return np.ones(source.n_cells, dtype=bool)
    named = source.obs_names.isin(read_label_table(path).index)
    if not named.all():
        log.info(
            f"{(~named).sum():,} of {len(named):,} cells are not in {Path(path).name}: left out."
        )
    return named


def _column(table: pd.DataFrame, source: CellSource, path: Path, key: str, option: str):
    if key in table:
        found = table[key].reindex(source.obs_names)
        return found.astype(object).where(found.notna(), None).to_numpy()
    try:
        return source.read_column(key, option)
    except InputError as error:
        known = ", ".join(table.columns)
        raise InputError(
            f"--labels {path} has no column {key!r}: it has {known}; choose with {option}"
        ) from error
