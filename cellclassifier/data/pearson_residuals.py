"""How far a gene's counts are from what a cell's depth alone would give: variance of residuals."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.gene_counts import total_counts

OVERDISPERSION = 100.0  # theta: variance = mean + mean^2 / theta
CHUNK_VALUES = 4_000_000  # residuals in memory at a time


def residual_variances(counts: sp.csr_matrix) -> np.ndarray:
    """Variance over cells of every gene's analytic Pearson residuals, (n_genes,) float64.

    Lause et al. 2021 (doi 10.1186/s13059-021-02451-7), as scanpy's
    ``experimental.pp.highly_variable_genes(flavor="pearson_residuals")`` has it: of (count - mean)
    / sqrt(mean + mean^2 / theta), where mean is a cell's total times a gene's share, clipped at the
    square root of the number of cells. Without ever making the matrix of residuals: those of zeros
    depend on the cell's total alone, so cells of one total are taken together.
    """
    n_cells = counts.shape[0]
    totals = total_counts(counts)
    share = np.asarray(counts.sum(axis=0, dtype=np.float64)).ravel() / max(totals.sum(), 1)
    sums = _sums_if_all_were_zero(totals, share)
    for rows in np.array_split(np.arange(n_cells), max(1, counts.nnz // CHUNK_VALUES)):
        sums += _difference_of_counts(counts[rows], totals[rows], share, n_cells)
    mean, mean_square = sums / n_cells
    return np.maximum(mean_square - mean**2, 0)


def _sums_if_all_were_zero(totals: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Sum and sum of squares of the residuals of zeros, (2, n_genes)."""
    n_cells, (total, times) = len(totals), np.unique(totals, return_counts=True)
    sums = np.zeros((2, len(share)))
    for some in np.array_split(np.arange(len(total)), -(-len(total) * len(share) // CHUNK_VALUES)):
        residual = _residual(0.0, total[some, None] * share, n_cells)  # (n_totals, n_genes)
        sums += times[some] @ residual, times[some] @ residual**2
    return sums


def _difference_of_counts(
    counts: sp.csr_matrix, totals: np.ndarray, share: np.ndarray, n_cells: int
) -> np.ndarray:
    """What the sums change by since some counts are not zero, (2, n_genes)."""
    mean = np.repeat(totals, np.diff(counts.indptr)) * share[counts.indices]
    is_zero = _residual(0.0, mean, n_cells)
    residual = _residual(counts.data.astype(np.float64), mean, n_cells)
    n_genes = len(share)
    return np.stack(
        [
            np.bincount(counts.indices, residual - is_zero, n_genes),
            np.bincount(counts.indices, residual**2 - is_zero**2, n_genes),
        ]
    )


def _residual(count: np.ndarray | float, mean: np.ndarray, n_cells: int) -> np.ndarray:
    """Clipped Pearson residuals; 0 for a gene without counts."""
    spread = np.sqrt(mean + mean**2 / OVERDISPERSION)
    limit = np.sqrt(n_cells)
    return np.clip((count - mean) / np.where(spread > 0, spread, 1), -limit, limit)
