"""What the counts of a cell say of every type by themselves: most of what is left of few counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

PRIOR_COUNTS = 20_000  # of the mean cell, added to every type: one of few cells is not certain


@dataclass(frozen=True)
class Evidence:
    """A multinomial model of each type's counts (naive Bayes), of whatever genes a file has.

    Log-normalised values of a cell of a hundred counts are mostly noise; a likelihood takes
    counts for as much as they are. profiles: (n_types, n_genes) float32, shares above 0 of the
    counts of these genes.
    """

    profiles: np.ndarray

    @classmethod
    def learn(cls, counts: sp.csr_matrix, codes: np.ndarray, n_types: int) -> Evidence:
        """From counts of training cells, (n_cells, n_genes), and their types, (n_cells,)."""
        cells = np.arange(len(codes))
        is_of = sp.csr_matrix((np.ones(len(codes)), (codes, cells)), (n_types, len(codes)))
        sums = (is_of @ counts).toarray()
        mean = sums.sum(axis=0) + 0.5  # no share is 0
        sums += PRIOR_COUNTS * mean / mean.sum()
        return cls((sums / sums.sum(axis=1, keepdims=True)).astype(np.float32))

    def of(self, counts: sp.csr_matrix, present: np.ndarray) -> np.ndarray:
        """For each type, and for how much it counts, (n_cells, n_types + 1) float32.

        A type's: log likelihood of the counts of the genes that are ``present``, (n_genes,) bool,
        less the mean over types, per root of the number of counts, so that it is of one size in
        all cells. The last column is the logarithm of that number (base 10).
        """
        seen = np.where(present, self.profiles, 0)
        share = np.where(present, self.profiles, 1) / np.maximum(seen.sum(axis=1), 1e-12)[:, None]
        weights = np.where(present, np.log(share) - np.log(share).mean(axis=0), 0)
        n_counts = counts @ present.astype(np.float32)[:, None]
        per_type = (counts @ weights.T.astype(np.float32)) / np.sqrt(n_counts + 1)
        return np.hstack([per_type, np.log10(n_counts + 1)]).astype(np.float32)
