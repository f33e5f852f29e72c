"""Tables of cells x genes as text (.csv, .tsv; gzipped or not), cells read a chunk at a time.

The first line names the columns, the first column the cells. Columns whose first value is a number
are genes, all others are columns of obs, such as labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource, without_layers
from cellclassifier.data.gene_names import ENSEMBL, kind_of_ids
from cellclassifier.data.matrix import SAMPLE, Matrix
from cellclassifier.data.text_files import (
    fields_of,
    first_field,
    lines_of,
    opened_text,
    separator_of,
)
from cellclassifier.data.texts import as_texts
from cellclassifier.errors import InputError

BLOCK = 2**24  # bytes of text that are turned into numbers together
BARCODE = re.compile(r".*[ACGT]{10,}.*")
# Expressed in nearly every cell of man and mouse, so in nearly every table.
COMMON_GENES = {"ACTB", "ACTG1", "B2M", "EEF1A1", "FTL", "GAPDH", "MALAT1", "RPLP0", "TMSB4X"}


def open_csv(path: Path, layer: str | None = None) -> CellSource:
    """Read the names of cells and genes, for which the file is read through once.

    Raises InputError for a table without names or numbers, and for one of genes x cells.
    """
    without_layers(path, layer)
    table = _table(path)
    with opened_text(path) as file:
        lines = lines_of(file, path)
        next(lines)
        names = [first_field(line, table.separator) for line in lines]
    cells = as_texts(np.array(names, dtype=object), f"{path}: its first column")
    _refuse_genes_by_cells(path, cells, table.genes)
    genes = pd.Index(as_texts(table.genes, f"{path}: its first line"), dtype=object)
    matrix = CsvMatrix(path, table, (len(cells), len(genes)))
    columns = partial(_column, path, table)
    return CellSource(
        path, pd.Index(cells, dtype=object), pd.DataFrame(index=genes), matrix, columns
    )


@dataclass(frozen=True)
class Table:
    """What the first two lines of a file say of its columns."""

    separator: bytes
    n_columns: int
    gene_columns: tuple[int, ...]
    genes: tuple[str, ...]
    others: dict[str, int]
    """columns that hold no numbers, and where they are"""


def _table(path: Path) -> Table:
    with opened_text(path) as file:
        lines = lines_of(file, path)
        header = next(lines, b"")
        separator = separator_of(header)
        names = fields_of(header, separator, path)
        first = next(lines, None)
    values = fields_of(first, separator, path) if first is not None else []
    if len(names) == len(values) - 1:  # as R's write.table has it
        names = ["", *names]
    if len(names) != len(values) or len(names) < 2:
        raise InputError(
            f"{path} is no table of cells x genes: its first line has {len(names)} fields, its "
            f"second {len(values)}; expected names of genes, then a line for every cell"
        )
    genes = [i for i, value in enumerate(values) if i > 0 and _is_number(value)]
    if all(_is_number(names[i]) for i in genes):
        raise InputError(
            f"{path} has no numbers under names of genes: expected a first line with names of "
            "genes, then a line for every cell, that begins with its name"
        )
    others = {name: i for i, name in enumerate(names) if i > 0 and i not in set(genes)}
    return Table(separator, len(names), tuple(genes), tuple(names[i] for i in genes), others)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_genes_by_cells(path: Path, rows: np.ndarray, columns: tuple[str, ...]) -> None:
    """InputError where the rows are called as genes are, or the columns as cells are."""
    known = COMMON_GENES & {str(name).upper() for name in rows}
    are_genes = kind_of_ids(rows) == ENSEMBL or len(known) >= 3
    are_cells = 2 * sum(bool(BARCODE.fullmatch(name)) for name in columns) > len(columns)
    if are_genes or are_cells:
        raise InputError(
            f"{path} looks like genes x cells (its rows are called {rows[0]}, ..., its columns "
            f"{columns[0]}, ...): expected a line for every cell; transpose it, in Python: "
            "pandas.read_csv(path, index_col=0).T.to_csv(new_path)"
        )


def _column(path: Path, table: Table, key: str, option: str) -> np.ndarray:
    if key not in table.others:
        known = ", ".join(table.others) or "none"
        raise InputError(
            f"{path} has no column {key!r} of texts: it has {known}; choose with {option}, or give "
            "a table of the cells with --labels FILE.csv"
        )
    place = table.others[key]
    with opened_text(path) as file:
        lines = lines_of(file, path)
        next(lines)
        rows = [fields_of(line, table.separator, path) for line in lines]
    texts = np.array([row[place] if place < len(row) else None for row in rows], dtype=object)
    return as_texts(texts, f"{path}: {key!r}")


@dataclass(frozen=True)
class CsvMatrix(Matrix):
    """The numbers of a table, cells x genes."""

    path: Path
    table: Table
    shape: tuple[int, int]

    @property
    def dtype(self) -> np.dtype:
        """As numbers are read from text."""
        return np.dtype(np.float64)

    def some_rows(self) -> sp.csr_matrix:
        """The first ones: others are behind all lines before them."""
        with self.rows() as rows:
            return rows(0, min(SAMPLE, self.shape[0]))

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Cells of the file, in its order; going back is starting anew."""
        with opened_text(self.path) as file:
            yield _Reader(self, file).rows


class _Reader:
    """Where in a file one is."""

    def __init__(self, matrix: CsvMatrix, file: BinaryIO):
        self.matrix, self.file = matrix, file
        self._rewind()

    def rows(self, start: int, stop: int) -> sp.csr_matrix:
        if start < self.at:
            self._rewind()
        while self.at < start:
            self._next()
        blocks = []
        while self.at < stop:
            blocks.append(self._block(stop))
        return sp.vstack(blocks, format="csr")

    def _rewind(self) -> None:
        self.file.seek(0)
        self.lines = lines_of(self.file, self.matrix.path)
        next(self.lines, None)
        self.at = 0

    def _next(self) -> bytes:
        line = next(self.lines, None)
        if line is None:
            raise InputError(f"{self.matrix.path} has become shorter while it was read")
        self.at += 1
        return line

    def _block(self, stop: int) -> sp.csr_matrix:
        """The next lines, up to a cell or a size of text, whichever comes first."""
        lines, size = [], 0
        while self.at < stop and size < BLOCK:
            lines.append(self._next())
            size += len(lines[-1])
        table = self.matrix.table
        for line in lines:  # numpy looks at no fields beyond the last that it needs
            if b'"' not in line and line.count(table.separator) != table.n_columns - 1:
                raise ValueError(f"a line of other than {table.n_columns} fields: {line[:30]!r}")
        values = np.loadtxt(
            lines,
            delimiter=table.separator.decode(),
            usecols=table.gene_columns,
            comments=None,
            quotechar='"',
            ndmin=2,
            encoding="utf-8",
        )
        return sp.csr_matrix(values)
