"""Cells of a file of any known format, checked no further than that it fits together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.formats.h5ad import open_h5ad
from cellclassifier.data.formats.npy import open_npy
from cellclassifier.data.formats.sample import open_sample
from cellclassifier.data.h5_access import as_sentence
from cellclassifier.data.h5ad_tables import add_columns, refuse_links
from cellclassifier.data.validate import check_names, check_present
from cellclassifier.errors import InputError

DEFAULT_PATHS = (Path("cells.npy"), Path("data/cells.npy"))
# A new format is one module in formats/ and one line here.
FORMATS: dict[str, Callable[[Path, str | None], CellSource]] = {
    ".npy": open_npy,
    ".h5ad": open_h5ad,
}


def find_cells(given: Path | None) -> Path | None:
    """The file to read: the one given, which must exist, else a cells.npy at hand, else None."""
    if given is None:
        return next((path for path in DEFAULT_PATHS if path.exists()), None)
    given = Path(given)
    known = " or ".join(FORMATS)
    if not given.is_file():
        raise InputError(f"{given} does not exist or is no file: expected a {known} file")
    if given.suffix not in FORMATS:
        raise InputError(f"{given} ends in {given.suffix!r}: expected a {known} file")
    return given


def open_file(path: Path | None, layer: str | None = None) -> CellSource:
    """Open the file, or what ``find_cells`` finds without a path, else the embedded sample.

    Names may be missing or occur twice, and values be anything: see ``open_cells``, ``read_cells``.
    Of an .h5ad only the cell names and the gene table are read, a .npy is read whole.
    Raises InputError, in one sentence, for a file that is missing, damaged or holds no cells.
    """
    found = find_cells(path)
    if found is None:
        return open_sample(layer)
    return FORMATS[found.suffix](found, layer)


def open_cells(path: Path | None, layer: str | None = None) -> CellSource:
    """Open cells to annotate, whose names are checked; labels are not needed.

    An .h5ad whose matrix is stored by rows (CSR or dense) is read a chunk at a time; one stored by
    columns is read whole, which is said.
    Raises InputError as ``open_file`` does, and where names are missing or two cells share one.
    """
    source = open_file(path, layer)
    check_names(source.obs_names, "cell name")
    check_present(source.var.index, "gene id")
    return source


def write_annotated(source: CellSource, columns: pd.DataFrame, target: Path) -> None:
    """Copy a source's .h5ad to ``target`` with columns added to obs; the source stays as it is.

    columns: n_cells rows named by ``source.cell_names``; text (categorical), float32 or bool.
    Columns of the same name are replaced. The matrices are copied as bytes, never read.
    Raises InputError for a .npy, which has no place for columns.
    """
    if source.path.suffix != ".h5ad":
        raise InputError(
            f"--write-h5ad needs an .h5ad to add columns to, and {source.path} is none"
        )
    if not np.array_equal(columns.index.to_numpy(str), source.cell_names):
        raise ValueError("the rows of the columns are not the source's cells")
    shutil.copyfile(source.path, target)
    failed = f"{source.path} cannot be copied with new columns in obs"
    with as_sentence(failed), h5py.File(target, "r+") as file:
        refuse_links(file, source.path)
        add_columns(file, columns)
