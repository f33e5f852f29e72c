"""10x Genomics' .h5 (Cell Ranger, v2 and v3), cells read a chunk at a time.

Layouts: https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/
cr-outputs-h5-matrices. The matrix is genes x cells by columns, which is cells x genes by rows. v3
keeps it in the group "matrix", v2 in a group that is called as the genome is.
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

from cellclassifier.data.cell_source import CellSource, without_columns, without_layers
from cellclassifier.data.formats.h5ad import open_h5ad
from cellclassifier.data.h5_access import array_of, filled, member, opened
from cellclassifier.data.matrix import Matrix
from cellclassifier.data.stored_matrix import PARTS
from cellclassifier.data.stored_rows import sparse_rows
from cellclassifier.data.texts import as_texts
from cellclassifier.errors import InputError

V3 = "matrix"
# Where a gene table's columns are, and what scanpy calls them; genes are named by their ids, which
# are unique.
V3_COLUMNS = {"id": "gene_ids", "name": "gene_symbols", "feature_type": "feature_types"}
V2_COLUMNS = {"genes": "gene_ids", "gene_names": "gene_symbols"}


def open_h5(path: Path, layer: str | None = None) -> CellSource:
    """Read barcodes and genes of a 10x file; an .h5ad that is called .h5 is read as what it is.

    Raises InputError for a damaged file, and for one of several genomes.
    """
    with opened(path) as file:
        if "obs" not in file:
            return _open_10x(path, file, layer)
    return open_h5ad(path, layer)


def _open_10x(path: Path, file: h5py.File, layer: str | None) -> CellSource:
    without_layers(path, layer)
    place = _place(file, path)
    stored = member(file, place)
    names = as_texts(array_of(member(stored, "barcodes")), f"{path}: 'barcodes'")
    var = _gene_table(stored, path)
    shape = array_of(member(stored, "shape"))
    if shape.shape != (2,) or shape.dtype.kind not in "iu":
        raise ValueError("its shape is not two numbers")
    dtype = member(stored, "data").dtype
    matrix = TenxMatrix(path, place, (int(shape[1]), int(shape[0])), dtype)
    return CellSource(path, pd.Index(names, dtype=object), var, matrix, without_columns(path))


def _place(file: h5py.File, path: Path) -> str:
    groups = [name for name in file if isinstance(name, str)]
    if V3 in groups:
        return V3
    genomes = [name for name in groups if "barcodes" in (member(file, name) if name else ())]
    if len(genomes) == 1:
        return genomes[0]
    found = ", ".join(genomes or groups) or "nothing"
    raise InputError(
        f"{path} is no 10x file of one genome (it holds {found}): expected a group 'matrix', or "
        "one that holds 'barcodes'"
    )


def _gene_table(stored: h5py.Group, path: Path) -> pd.DataFrame:
    is_v3 = "features" in stored
    table, columns = (member(stored, "features"), V3_COLUMNS) if is_v3 else (stored, V2_COLUMNS)
    var = {
        name: as_texts(array_of(member(table, key)), f"{path}: {key!r}")
        for key, name in columns.items()
    }
    if len({len(column) for column in var.values()}) > 1:
        raise ValueError("columns of the gene table of unequal lengths")
    return pd.DataFrame(var, index=pd.Index(var["gene_ids"], dtype=object))


@dataclass(frozen=True)
class TenxMatrix(Matrix):
    """The matrix of a 10x file, cells x genes."""

    path: Path
    place: str
    shape: tuple[int, int]
    dtype: np.dtype

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Cells from the file."""
        with opened(self.path) as file:
            stored = member(file, self.place)
            yield partial(sparse_rows, *(filled(stored, part) for part in PARTS), self.shape)
