"""Cells of a file of any format: their names, genes and labels, and counts whole or in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.matrix import Matrix
from cellclassifier.data.validate import check_counts, check_fit
from cellclassifier.errors import InputError


@dataclass(frozen=True)
class CellSource:
    """Cells of a file. Only their number is known to fit the names; the values are as stored."""

    path: Path
    """the file that the counts come from"""

    obs_names: pd.Index
    """(n_cells,) texts, None where missing"""

    var: pd.DataFrame
    """the file's gene table; its index, the gene names, may hold a name twice"""

    matrix: Matrix

    read_column: Callable[[str, str], np.ndarray]
    """(name of a column of obs, the option that names it) -> (n_cells,) texts, None where missing;
    InputError where there is none"""

    label_column: str | None = None
    """where a format has one place only for labels, that place"""

    layers: tuple[str, ...] = ()
    """names of the file's other matrices, where none was asked for"""

    counts_from: str = "X"
    """where raw counts were found, if nobody said where they are"""

    looked_at: tuple[str, ...] = ()
    """where raw counts were looked for, and not found"""

    files: tuple[Path, ...] = ()
    """what the cells are made of, where that is not ``path`` alone"""

    studies: Mapping[str, CellSource] | None = None
    """by name, the sources that were joined, where the cells are those of several"""

    def __post_init__(self) -> None:
        if self.matrix.dtype.kind not in "biuf":
            raise InputError(f"{self.path} holds no numeric matrix: expected cells x genes")
        check_fit(self.path, self.matrix.shape, len(self.obs_names), len(self.var), "cell names")

    @property
    def cell_names(self) -> np.ndarray:
        """(n_cells,) str."""
        return np.asarray(self.obs_names, dtype=str)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.obs_names)

    def obs(self, label_key: str, group_key: str | None = None) -> pd.DataFrame:
        """``cell_type`` and, where asked for, ``group`` of every cell as texts, None where missing.

        Raises InputError where a column is not there or does not fit the matrix.
        """
        columns = {"cell_type": self._column(self.label_column or label_key, "--label-key")}
        if group_key:
            columns["group"] = self._column(group_key, "--group-key")
        return pd.DataFrame(columns, index=self.obs_names)

    def groups(self, key: str, option: str) -> pd.Series:
        """A column of obs as texts, "missing" where a cell has none, (n_cells,), named by the key.

        Raises InputError, which names the option, where the file has no such column.
        """
        values = pd.Series(self._column(key, option), self.obs_names, dtype=object, name=key)
        return values.where(values.notna(), "missing").astype(str)

    def _column(self, key: str, option: str) -> np.ndarray:
        values = self.read_column(key, option)
        check_fit(self.path, self.matrix.shape, len(values), len(self.var), "labels")
        return values

    def whole(self) -> sp.spmatrix | np.ndarray:
        """The matrix as it is stored, (n_cells, n_genes): values of any kind, indices in range."""
        return self.matrix.whole()

    def counts(self) -> sp.csr_matrix:
        """Raw counts of all cells, checked as ``chunks`` does it."""
        return self._checked(self.matrix.whole(), self.n_cells)

    def _checked(self, values: sp.spmatrix | np.ndarray, n_cells: int) -> sp.csr_matrix:
        try:
            return check_counts(values, n_cells, len(self.var))
        except InputError as error:
            if not self.looked_at:
                raise
            looked = ", ".join(self.looked_at)
            raise InputError(f"{error}; counts were looked for in {looked}") from None

    def chunks(self, n_cells: int) -> Iterator[sp.csr_matrix]:
        """Raw counts of ``n_cells`` cells after another, each (<= n_cells, n_genes).

        CSR float32 without stored zeros. Raises InputError, in one sentence, where the values are
        no counts or cannot be read.
        """
        if n_cells < 1:
            raise ValueError(f"a chunk of {n_cells} cells: expected at least 1")
        with self.matrix.rows() as rows:
            for start in range(0, self.n_cells, n_cells):
                stop = min(start + n_cells, self.n_cells)
                yield self._checked(rows(start, stop), stop - start)


def without_layers(path: Path, layer: str | None) -> None:
    """Raise InputError where a layer is asked of a format that has one matrix only."""
    if layer is not None:
        raise InputError(f"--layer {layer}: {path} has no layers; leave it out or use an .h5ad")


def without_columns(path: Path) -> Callable[[str, str], np.ndarray]:
    """``read_column`` of a format that holds counts and names only."""

    def refuse(key: str, option: str) -> np.ndarray:
        raise InputError(
            f"{path} holds no {key!r}, since its format has counts and names only: give a table of "
            f"the cells with --labels FILE.csv (columns cell and {key})"
        )

    return refuse
