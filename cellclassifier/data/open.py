"""Cells of a file of any known format, checked no further than that it fits together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np
import pandas as pd

from cellclassifier.data.cell_source import CellSource, without_layers
from cellclassifier.data.find_counts import find_counts
from cellclassifier.data.formats.csv import open_csv
from cellclassifier.data.formats.h5ad import open_h5ad
from cellclassifier.data.formats.loom import open_loom
from cellclassifier.data.formats.mtx import open_mtx
from cellclassifier.data.formats.npy import open_npy
from cellclassifier.data.formats.sample import open_sample, sample_path
from cellclassifier.data.formats.samples import join_samples
from cellclassifier.data.formats.tenx_h5 import open_h5
from cellclassifier.data.formats.zarr import open_zarr
from cellclassifier.data.h5_access import as_sentence
from cellclassifier.data.h5ad_tables import add_arrays, add_columns, refuse_links
from cellclassifier.data.validate import check_names, check_present
from cellclassifier.data.which_format import (
    SAMPLES,
    format_of,
    in_cell_ranger,
    samples_in,
    stem_of,
)
from cellclassifier.errors import InputError

DEFAULT_PATHS = (Path("cells.npy"), Path("data/cells.npy"))
# A new format is one module in formats/ and one line here.
FORMATS: dict[str, Callable[[Path, str | None], CellSource]] = {
    ".npy": open_npy,
    ".h5ad": open_h5ad,
    ".h5": open_h5,
    ".zarr": open_zarr,
    ".loom": open_loom,
    ".csv": open_csv,
    ".csv.gz": open_csv,
    ".tsv": open_csv,
    ".tsv.gz": open_csv,
    ".mtx": open_mtx,
    ".mtx.gz": open_mtx,
}
NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})
WITH_LAYERS = (".h5ad", ".h5", ".zarr", ".loom", SAMPLES)


def find_cells(given: Path | None) -> Path | None:
    """The file to read: the one given, which must exist, else a cells.npy at hand, else None.

    A folder that Cell Ranger wrote stands for its filtered cells.
    Raises InputError where there is nothing, or nothing of a known format.
    """
    if given is None:
        return next((path for path in DEFAULT_PATHS if path.exists()), None)
    found = in_cell_ranger(Path(given))
    if found.is_dir() and format_of(found, FORMATS) is None:
        raise InputError(
            f"{found} is a folder without cells: expected matrix.mtx with its tables, a .zarr, or "
            f"samples, each a file ({_known()}) or a folder of its own"
        )
    if not found.is_dir() and not found.is_file():
        raise InputError(f"{found} does not exist or is no file: expected one of {_known()}")
    if format_of(found, FORMATS) is None:
        raise InputError(f"{found} ends in {found.suffix!r}: expected one of {_known()}")
    return found


def _known() -> str:
    return ", ".join(FORMATS)


def name_of(path: Path | None) -> str:
    """A file's name without the end that says its format; None for the embedded sample."""
    return sample_path().stem if path is None else stem_of(path, FORMATS)


def check_layer(path: Path, layer: str | None) -> None:
    """Raise InputError where a layer is asked of a file that cannot have any."""
    if format_of(path, FORMATS) not in WITH_LAYERS:
        without_layers(path, layer)


def open_file(path: Path | None, layer: str | None = None) -> CellSource:
    """Open the file, or what ``find_cells`` finds without a path, else the embedded sample.

    Names may be missing or occur twice, and values be anything: see ``open_cells``, ``read_cells``.
    Without a layer the raw counts are looked for, see ``find_counts``. Beside some rows for that,
    only the names of cells and genes are read, but for formats that can be read whole only.
    Raises InputError, in one sentence, for a file that is missing, damaged or holds no cells.
    """
    found = find_cells(path)
    if found is None:
        return open_sample(layer)
    kind = format_of(found, FORMATS)
    if kind == SAMPLES:
        inside = samples_in(found, FORMATS).items()
        return join_samples(found, {name: open_file(sample, layer) for name, sample in inside})
    source = FORMATS[kind](found, layer)
    return source if layer else find_counts(source, partial(FORMATS[kind], found))


def open_cells(path: Path | None, layer: str | None = None) -> CellSource:
    """Open cells to annotate, whose names are checked; labels are not needed.

    Counts are read a chunk at a time where the format allows it: what is stored by columns, a
    MatrixMarket file and a .npy are read whole.
    Raises InputError as ``open_file`` does, and where names are missing or two cells share one.
    """
    source = open_file(path, layer)
    check_names(source.obs_names, "cell name")
    check_present(source.var.index, "gene id")
    return source


def write_annotated(
    source: CellSource,
    columns: pd.DataFrame,
    target: Path,
    uns: Mapping[str, object] = NOTHING,
    obsm: Mapping[str, np.ndarray | pd.DataFrame] = NOTHING,
) -> None:
    """Copy a source's .h5ad to ``target`` with columns added to obs; the source stays as it is.

    columns: n_cells rows named by ``source.cell_names``; text (categorical), float32 or bool; uns,
    obsm: what is added there, in obsm of n_cells rows. What has the same name is replaced. The
    matrices are copied as bytes, never read.
    Raises InputError for a .npy, which has no place for columns.
    """
    if format_of(source.path, FORMATS) != ".h5ad":
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
        add_arrays(file, "uns", uns)
        add_arrays(file, "obsm", obsm)
