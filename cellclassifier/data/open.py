"""Cells to annotate: any file, without labels, a chunk at a time."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.h5ad_tables import add_columns, index_of, refuse_links, table_of
from cellclassifier.data.read import (
    as_strings,
    counts_of,
    find_cells,
    npy_cell_names,
    npy_content,
    read_sample,
    sample_path,
)
from cellclassifier.data.validate import check_counts, check_names, check_present
from cellclassifier.errors import InputError


@dataclass(frozen=True)
class CellSource:
    """Cells of a file: their names, their genes, and their counts a chunk of rows at a time."""

    path: Path
    """the file that the counts come from"""

    cell_names: np.ndarray
    """(n_cells,) str, unique"""

    var: pd.DataFrame
    """the file's gene table; its index, the gene names, may hold a name twice"""

    layer: str | None = None
    """which matrix of the .h5ad, as in ``CellsOptions``"""

    counts: sp.csr_matrix | None = None
    """the whole matrix where it is in memory; None where chunks are read from the file"""

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cell_names)

    def chunks(self, n_cells: int) -> Iterator[sp.csr_matrix]:
        """Raw counts of ``n_cells`` cells after another, each (<= n_cells, n_genes).

        CSR float32 without stored zeros. A dense .h5ad needs memory for one dense chunk.
        Raises InputError, in one sentence, where the values are no counts or cannot be read.
        """
        if n_cells < 1:
            raise ValueError(f"a chunk of {n_cells} cells: expected at least 1")
        with self._matrix() as matrix:
            for start in range(0, self.n_cells, n_cells):
                stop = min(start + n_cells, self.n_cells)
                rows = _rows(self.path, matrix, start, stop)
                yield check_counts(rows, stop - start, len(self.var))

    @contextmanager
    def _matrix(self):
        if self.counts is not None:
            yield self.counts
            return
        with _readable(self.path):
            file = h5py.File(self.path)
        with file:
            yield _stored_matrix(counts_of(file, self.layer, self.path)[0])


def open_cells(path: Path | None, layer: str | None = None, report=print) -> CellSource:
    """Open a .npy or .h5ad, or what ``find_cells`` finds without a path, else the sample.

    Of an .h5ad whose matrix is stored by rows (CSR or dense) only the cell names and the gene table
    are read; a matrix stored by columns is read whole, which is reported. A
    .npy is read whole. Nothing else of obs is read, and labels are not needed.

    report: called with one line for whatever a person should know.
    Raises InputError, in one sentence, for a file that is missing, damaged or holds no cells.
    """
    found = find_cells(path)
    if found is None:
        counts, obs, var = read_sample(report)
        return _in_memory(sample_path(), counts, obs.index, var)
    if found.suffix == ".h5ad":
        return _open_h5ad(found, layer, report)
    if layer is not None:
        raise InputError(f"--layer {layer}: {found} has no layers; leave it out or use an .h5ad")
    return _open_npy(found)


def _in_memory(path: Path, counts, names, var: pd.DataFrame, layer=None) -> CellSource:
    names = _checked_names(path, getattr(counts, "shape", ()), names, var)
    return CellSource(path, names, var, layer, check_counts(counts, len(names), len(var)))


def _checked_names(path: Path, shape: tuple | None, names, var: pd.DataFrame) -> np.ndarray:
    """Cell names, (n_cells,) str, of a matrix that fits them and the genes."""
    if shape is None or len(shape) != 2:
        raise InputError(f"{path} holds no matrix of counts: expected cells x genes")
    expected = (len(names), len(var))
    if shape != expected:
        transposed = shape[0] == len(var)
        hint = "it looks transposed" if transposed else "the file does not fit together"
        raise InputError(
            f"{path}: the matrix is {shape[0]} x {shape[1]}, but there are {expected[0]} cell "
            f"names and {expected[1]} gene ids; expected cells x genes: {hint}"
        )
    if 0 in shape:
        raise InputError(
            f"{path} is empty ({shape[0]} cells x {shape[1]} genes): expected at least one of each"
        )
    check_names(pd.Index(names), "cell name")
    check_present(var.index, "gene id")
    return np.asarray(names, dtype=str)


def _open_npy(path: Path) -> CellSource:
    content = npy_content(path, ("UMI", "gene_ids"))
    counts = content["UMI"]
    shape = getattr(counts, "shape", ())
    names = npy_cell_names(path, content, shape[0] if shape else 0)
    var = pd.DataFrame(index=as_strings(path, "gene_ids", content["gene_ids"]))
    return _in_memory(path, counts, names, var)


def _open_h5ad(path: Path, layer: str | None, report) -> CellSource:
    with _readable(path), h5py.File(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old format versions are read all the same
        names = index_of(file["obs"])
        matrix, var = counts_of(file, layer, path)
        matrix, var = _stored_matrix(matrix), table_of(var)
        if isinstance(matrix, ad.abc.CSCDataset):
            return _in_memory(path, _read_by_columns(path, matrix, report), names, var, layer)
        return CellSource(path, _checked_names(path, matrix.shape, names, var), var, layer)


@contextmanager
def _readable(path: Path):
    """Say in one sentence what h5py, anndata and scipy raise of many kinds for a damaged file."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read as .h5ad ({error}): is it complete?") from error


def _stored_matrix(stored: h5py.Group | h5py.Dataset):
    """What gives rows of a matrix on disk by slicing."""
    if isinstance(stored, h5py.Dataset):
        return stored
    # Its cache of row bounds takes kilobytes per cell where a file stores them one by one.
    return ad.io.sparse_dataset(stored, should_cache_indptr=False)


def _read_by_columns(path: Path, matrix, report) -> sp.csr_matrix:
    """Rows of a matrix stored by columns are all over the file: read it whole."""
    n_bytes = sum(matrix.group[part].nbytes for part in ("data", "indices"))
    report(
        f"{path.name} stores its matrix by columns (CSC), so all of it is read, which takes about "
        f"{2 * n_bytes / 2**30:.1f} GiB of memory. To need less, store it by rows once: in Python, "
        "cells.X = cells.X.tocsr(), then cells.write_h5ad(...)."
    )
    columns = matrix.to_memory()
    columns.check_format()  # an index out of range would mislead compiled code
    return columns.tocsr()


def _rows(path: Path, matrix, start: int, stop: int):
    with _readable(path):
        rows = matrix[start:stop]
        if sp.issparse(rows):
            rows.check_format()  # an index out of range would mislead compiled code
        return rows


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
    with h5py.File(target, "r+") as file:
        refuse_links(file, source.path)
        add_columns(file, columns)
