"""10x matrix folders: matrix.mtx, features.tsv or genes.tsv, and barcodes.tsv, gzipped or not.

What scanpy's ``read_10x_mtx`` reads, and also gzipped files of the older layout and others than
gzipped ones of the newer. A prefix stands before all three names, as in files from GEO.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import scipy.io
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource, without_columns, without_layers
from cellclassifier.data.matrix import InMemory
from cellclassifier.data.text_files import GZIP, column_of_text, lines_of, opened_text
from cellclassifier.data.texts import as_texts
from cellclassifier.data.validate import check_fit
from cellclassifier.errors import InputError

MATRIX, GENES, BARCODES = "matrix.mtx", ("features.tsv", "genes.tsv"), ("barcodes.tsv",)
COLUMNS = ("gene_ids", "gene_symbols", "feature_types")
KINDS = ("integer", "real")
WHOLE = b"0123456789+- \t"


def matrices_in(folder: Path) -> list[Path]:
    """Every matrix.mtx of a folder, whatever stands before its name, gzipped or not."""
    names = (MATRIX, MATRIX + GZIP)
    return sorted(p for p in folder.iterdir() if p.name.endswith(names) and p.is_file())


def open_mtx(path: Path, layer: str | None = None) -> CellSource:
    """Read a matrix folder, or the one of several in a folder whose matrix file is ``path``.

    The matrix can be read whole only, and stays sparse. Raises InputError for a missing or damaged
    file, and where the matrix claims other sizes than its lines and the two tables have.
    """
    without_layers(path, layer)
    matrix = matrices_in(path)[0] if path.is_dir() else path
    genes, barcodes = _beside(matrix, GENES), _beside(matrix, BARCODES)
    names = as_texts(column_of_text(barcodes, 1)[0], str(barcodes))
    columns = [as_texts(column, str(genes)) for column in column_of_text(genes, len(COLUMNS))]
    var = pd.DataFrame(
        dict(zip(COLUMNS, columns, strict=True)), index=pd.Index(columns[0], dtype=object)
    )
    counts = _counts(matrix, len(names), len(var))
    files = (matrix, genes, barcodes)
    index = pd.Index(names, dtype=object)
    return CellSource(path, index, var, InMemory(counts), without_columns(path), files=files)


def _count(lines: Iterator[bytes], signs: bytes) -> int:
    """How many lines there are; ValueError for one with other signs than these, where any."""
    n_lines = 0
    for line in lines:
        n_lines += 1
        if signs and line.translate(None, signs):  # scipy would read 0.5 as 0
            raise ValueError(f"{line[:30]!r} is no entry of a matrix of whole numbers")
    return n_lines


def prefix_of(matrix: Path) -> str:
    """What stands before "matrix.mtx" in a file's name."""
    return matrix.name.removesuffix(GZIP).removesuffix(MATRIX)


def _beside(matrix: Path, names: tuple[str, ...]) -> Path:
    prefix = prefix_of(matrix)
    wanted = [prefix + name + end for name in names for end in ("", GZIP)]
    found = [matrix.with_name(name) for name in wanted if matrix.with_name(name).is_file()]
    if not found:
        raise InputError(
            f"{matrix.parent} has {matrix.name}, but no {' or '.join(wanted)} beside it: a matrix "
            "folder needs all three files"
        )
    return found[0]


def _counts(path: Path, n_cells: int, n_genes: int) -> sp.csr_matrix:
    n_entries = _checked_entries(path, n_cells, n_genes)
    with opened_text(path) as file:
        stored = scipy.io.mmread(file)  # genes x cells
    if stored.nnz != n_entries:
        raise InputError(f"{path} cannot be read: is it complete?")
    return sp.csr_matrix(stored.T)


def _checked_entries(path: Path, n_cells: int, n_genes: int) -> int:
    """Number of entries that the header claims, which is that of the lines that follow."""
    with opened_text(path) as file:
        lines = lines_of(file, path)
        kind = next(lines, b"").lower().split()
        if kind[:3] != [b"%%matrixmarket", b"matrix", b"coordinate"] or len(kind) != 5:
            raise ValueError("its first line is not that of a sparse MatrixMarket file")
        if kind[3].decode() not in KINDS or kind[4] != b"general":
            raise ValueError("it is no general matrix of numbers")
        sizes = next((line for line in lines if not line.startswith(b"%")), b"").split()
        rows, columns, n_entries = (int(size) for size in sizes)
        check_fit(path, (columns, rows), n_cells, n_genes, "barcodes")
        n_lines = _count(lines, b"" if kind[3] == b"real" else WHOLE)
    if n_lines != n_entries:
        raise InputError(
            f"{path} claims {n_entries:,} entries and has {n_lines:,}: is it complete?"
        )
    return n_entries
