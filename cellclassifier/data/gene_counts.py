"""Counts in the columns that a model looks at, beside what was counted in each whole cell."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneCounts:
    """Raw counts of some genes, in a model's order.

    The library size is that of the whole cell, so it cannot be computed from these columns.
    """

    counts: sp.csr_matrix
    """(n_cells, n_genes) float32, zeros where the cells lack a gene"""

    totals: np.ndarray
    """(n_cells,) float64, counts of each cell, of genes among these and others: those that training
    totals were sums of; estimated where a file lacks some of them (see ``library_size``)"""

    present: np.ndarray
    """(n_genes,) bool, which genes the cells' file has: absent is not the same as not expressed"""

    @classmethod
    def of(cls, cells: ad.AnnData, genes: np.ndarray) -> GeneCounts:
        """The columns ``genes`` (var_names) of raw counts, cells x genes."""
        columns = cells.var_names.get_indexer(genes)
        present = columns >= 0
        places = np.flatnonzero(present)
        shape = cells.n_vars, len(genes)
        return cls(picked(cells.X, columns[places], places, shape), total_counts(cells.X), present)

    def __len__(self) -> int:
        return self.counts.shape[0]

    def __getitem__(self, rows) -> GeneCounts:
        """Some of the cells: a slice, indices or a mask."""
        return GeneCounts(self.counts[rows], self.totals[rows], self.present)


def picked(counts: sp.csr_matrix, columns, places, shape: tuple[int, int]) -> sp.csr_matrix:
    """Counts with column ``columns[i]`` added to column ``places[i]`` of the result.

    shape: (columns of counts, columns of the result).
    """
    pick = sp.csr_matrix((np.ones(len(columns), dtype=np.float32), (columns, places)), shape=shape)
    result = sp.csr_matrix(counts @ pick, dtype=np.float32)  # of integers, too
    result.sort_indices()
    return result


def one_column_per_gene(
    counts: sp.csr_matrix, var: pd.DataFrame
) -> tuple[sp.csr_matrix, pd.DataFrame]:
    """Counts whose columns of one name are summed, as annotation does it, having said how many.

    var: the gene table, of which a gene keeps its first row.
    """
    again = var.index.duplicated()
    if not again.any():
        return counts, var
    codes, names = pd.factorize(var.index)
    twice = var.index[again].nunique()
    log.info(f"{twice:,} genes have several columns (first: {var.index[again][0]}): summed.")
    shape = len(codes), len(names)
    return picked(counts, np.arange(len(codes)), codes, shape), var[~again]


def total_counts(counts: sp.spmatrix) -> np.ndarray:
    """Counts per cell, (n_cells,) float64."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
