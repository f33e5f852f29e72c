"""Cells as another laboratory might have measured them: fewer counts, and genes that are missing.

What a model learns from such cells carries over to other laboratories; what it learns from cells
as they are leans on single genes, whose share moves with handling and chemistry.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.gene_counts import GeneCounts


def thinned(cells: GeneCounts, least_share: float, rng: np.random.Generator) -> GeneCounts:
    """The same cells with fewer counts: of each cell a share drawn from U(least_share, 1).

    See ``thinned_to``.
    """
    return thinned_to(cells, rng.uniform(least_share, 1, len(cells)), rng)


def thinned_to(cells: GeneCounts, share: np.ndarray, rng: np.random.Generator) -> GeneCounts:
    """The same cells with a share of their counts, (n_cells,).

    Every count is kept with that probability (binomial thinning of Poisson counts gives Poisson
    counts), those of genes that are not among ``cells.counts`` too.
    """
    counts = cells.counts.copy()
    counts.data = rng.binomial(
        np.rint(counts.data).astype(np.int64), np.repeat(share, np.diff(counts.indptr))
    ).astype(np.float32)
    among = np.asarray(cells.counts.sum(axis=1, dtype=np.float64)).ravel()
    others = np.maximum(np.rint(cells.totals - among), 0).astype(np.int64)
    left = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    return GeneCounts(sp.csr_matrix(counts), left + rng.binomial(others, share), cells.present)


def seen_genes(
    n_cells: int, n_genes: int, most_dropped: float, rng: np.random.Generator
) -> np.ndarray:
    """Which genes are seen in each cell, (n_cells, n_genes) bool.

    Of each cell a share drawn from U(0, most_dropped) is not; a gene that is not seen is missing,
    which is something else than a count of 0.
    """
    dropped = rng.uniform(0, most_dropped, (n_cells, 1)).astype(np.float32)
    return rng.random((n_cells, n_genes), dtype=np.float32) >= dropped
