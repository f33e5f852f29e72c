"""Which genes of a cell stand in its sentence, and in which order.

A gene's place follows from its count divided by the gene's scale, which is learned from the
training cells; a cell's library size does not change the order within it:

    counts      scale 1: as the counts are, which the most abundant genes of all cells lead
    specific    scale = mean counts per 10,000 + 5: genes that are high in this cell rather than in
                all; the 5 keeps single counts of rare genes from the top
    median      scale = median of the counts per 10,000 where there are any, as Geneformer has it
    variable    as counts, among the 1,500 genes of highest normalised dispersion: the published way

Of equal values the gene goes first whose column does; models sort their columns by the genes'
names, so that ties are broken by the alphabet whatever the order in a file. A gene without counts
is in no sentence, however few the others are.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.features import best_genes, normalize

SOFT_MEAN = 5.0  # counts per 10,000
N_VARIABLE = 1500
CELLS_AT_A_TIME = 512  # so that what is sorted fits the cache
NO_GENE = -1


def learn_scale(order: str, counts: sp.csr_matrix, totals: np.ndarray) -> np.ndarray:
    """What a gene's counts are divided by before they are ranked, (n_genes,); inf: never ranked.

    counts: (n_cells, n_genes) raw counts of the training cells; totals: (n_cells,) of the whole
    cells. Raises ValueError for an order that is none, InputError for "variable" where no gene
    varies.
    """
    if order == "counts":
        return np.ones(counts.shape[1])
    if order == "variable":
        scale = np.full(counts.shape[1], np.inf)
        no_labels = np.zeros(counts.shape[0])
        scale[best_genes(counts, no_labels, N_VARIABLE, "dispersion")] = 1
        return scale
    normalized = normalize(counts, totals)
    if order == "specific":
        return np.asarray(normalized.mean(axis=0, dtype=np.float64)).ravel() + SOFT_MEAN
    if order == "median":
        return _medians_where_expressed(normalized)
    raise ValueError(f"an order {order!r}")


def _medians_where_expressed(normalized: sp.csr_matrix) -> np.ndarray:
    """Of every column's stored values, inf where there are none."""
    columns = normalized.tocsc()
    order = np.lexsort(
        (columns.data, np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr)))
    )
    values = columns.data[order].astype(np.float64)
    n, start = np.diff(columns.indptr), columns.indptr[:-1]
    medians = np.full(len(n), np.inf)
    seen = n > 0
    low, high = (start + (n - 1) // 2)[seen], (start + n // 2)[seen]
    medians[seen] = (values[low] + values[high]) / 2
    return medians


def top_genes(counts: sp.csr_matrix, scale: np.ndarray, n_top: int) -> np.ndarray:
    """The ``n_top`` leading genes of every cell, (n_cells, n_top) int32, -1 after the last one.

    counts: (n_cells, n_genes) CSR without stored zeros; scale: from ``learn_scale``.
    Memory beside the result is that of 512 cells, time is linear in the counts.
    """
    found = np.full((counts.shape[0], n_top), NO_GENE, dtype=np.int32)
    # Cells of like length together: rows are padded to the longest of a chunk.
    by_length = np.argsort(np.diff(counts.indptr), kind="stable")
    for start in range(0, len(by_length), CELLS_AT_A_TIME):
        rows = by_length[start : start + CELLS_AT_A_TIME]
        chunk = counts[rows]
        chunk.sort_indices()
        leading = _leading(chunk, scale, n_top)
        found[rows, : leading.shape[1]] = leading
    return found


def _leading(counts: sp.csr_matrix, scale: np.ndarray, n_top: int) -> np.ndarray:
    """Leading genes of a chunk's cells, at most ``n_top`` columns; in float64, as float32 ties."""
    value = counts.data / scale[counts.indices]
    cell = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    kept = value >= _least(value, counts.indptr, n_top)[cell]
    indptr = np.append(0, np.cumsum(np.bincount(cell[kept], minlength=counts.shape[0])))
    genes = _padded(counts.indices[kept], indptr, NO_GENE)
    # Columns are in order within a cell, so that a stable sort leaves ties to the first column.
    order = np.argsort(-_padded(value[kept], indptr, 0.0), axis=1, kind="stable")
    return np.take_along_axis(genes, order, axis=1)[:, :n_top]


def _least(value: np.ndarray, indptr: np.ndarray, n_top: int) -> np.ndarray:
    """The ``n_top``-th largest value of each cell, and never 0, (n_cells,).

    Sorting what is not below it, some 64 of 700 genes, takes a fifth of sorting all.
    """
    smallest = np.nextafter(0, 1)
    padded = _padded(value, indptr, 0.0)
    longest = padded.shape[1]
    if longest <= n_top:
        return np.full(len(padded), smallest)
    padded.partition(longest - n_top, axis=1)
    return np.maximum(padded[:, longest - n_top], smallest)


def _padded(values: np.ndarray, indptr: np.ndarray, filler) -> np.ndarray:
    """Values of one cell after another as a row per cell, (n_cells, longest)."""
    lengths = np.diff(indptr)
    places = np.arange(lengths.max(initial=0))
    rows = np.full((len(lengths), len(places)), filler, dtype=values.dtype)
    rows[places < lengths[:, None]] = values
    return rows
