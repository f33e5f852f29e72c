"""Files of cells with known types, as several laboratories might have measured them."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.gene_counts import GeneCounts

N_GENES = 300
TYPES = np.array(["B", "NK", "T", "monocyte", "platelet"])


def rates() -> np.ndarray:
    """Share of the counts of each gene in each type, (n_types, n_genes): 30 markers each."""
    rng = np.random.default_rng(7)
    expected = np.tile(rng.gamma(0.6, 1, N_GENES), (len(TYPES), 1))
    for code in range(len(TYPES)):
        expected[code, 30 * code : 30 * (code + 1)] = rng.gamma(2, 3, 30)
    return expected / expected.sum(axis=1, keepdims=True)


def a_file(labels: np.ndarray, seed: int, shift: np.ndarray | None = None) -> GeneCounts:
    """Cells of these types; shift: by what each gene's expression is multiplied, (n_genes,)."""
    rng = np.random.default_rng(seed)
    expected = rates()[np.searchsorted(TYPES, labels)]
    if shift is not None:
        expected = expected * shift / (expected * shift).sum(axis=1, keepdims=True)
    totals = rng.lognormal(np.log(800), 0.3, len(labels))
    counts = sp.csr_matrix(rng.poisson(expected * totals[:, None]).astype(np.float32))
    return GeneCounts(counts, total(counts), np.ones(N_GENES, dtype=bool))


def total(counts: sp.csr_matrix) -> np.ndarray:
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()


def labels_of(n_cells: int, types: np.ndarray = TYPES) -> np.ndarray:
    return types[np.arange(n_cells) % len(types)]


def joined(*parts: GeneCounts) -> GeneCounts:
    counts = sp.vstack([part.counts for part in parts], format="csr")
    return GeneCounts(counts, np.concatenate([p.totals for p in parts]), parts[0].present)
