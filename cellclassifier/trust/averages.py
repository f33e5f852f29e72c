"""Cells averaged with their neighbours: what is needed of the averages, not the averages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

BLOCK_CELLS = 2000  # that are dense at a time


@dataclass(frozen=True)
class Averages:
    """Mean expression of each cell and its neighbours, as products and squares.

    A product with the mean is the mean of products, so that those of the sample are computed once.
    Everything is computed row by row, with the same digits in chunks of any size.

    own: (n_cells, n_genes) CSR float32; near: (n_cells, n_sample) CSR, 1 for each neighbour, None
    where every cell stands for itself; sample: (n_sample, n_genes) float32, dense, the cells that
    neighbours are among; n_averaged: cells in a mean, a power of two, so that it adds no rounding.
    """

    own: sp.csr_matrix
    near: sp.csr_matrix | None = None
    sample: np.ndarray | None = None
    n_averaged: int = 1

    def times(self, vectors: np.ndarray, of_sample: np.ndarray | None) -> np.ndarray:
        """Products of the means with ``vectors``, (n_genes, n) float64: (n_cells, n).

        of_sample: the same of the sample's cells, (n_sample, n), None without neighbours.
        """
        products = self.own @ vectors
        if self.near is None:
            return products
        return (products + self.near @ of_sample) / self.n_averaged

    def squares(self) -> np.ndarray:
        """Squared lengths, (n_cells,) float64."""
        if self.near is None:
            return np.asarray(self.own.power(2).sum(axis=1, dtype=np.float64)).ravel()
        starts = range(0, self.own.shape[0], BLOCK_CELLS)
        blocks = [self._dense(slice(start, start + BLOCK_CELLS)) for start in starts]
        return np.concatenate([np.square(b, dtype=np.float64).sum(axis=1) for b in blocks])

    def mean_among(self, rows: np.ndarray) -> np.ndarray:
        """The mean of some of these means, (n_genes,) float64, where the sample is these cells."""
        weights = np.asarray(self.near[rows].sum(axis=0, dtype=np.float64)).ravel()
        weights[rows] += 1
        return self.own.T @ weights / (self.n_averaged * len(rows))

    def toarray(self) -> np.ndarray:
        """The means, (n_cells, n_genes) float32."""
        return self._dense(slice(None))

    def _dense(self, rows: slice) -> np.ndarray:
        own = self.own[rows].toarray()
        if self.near is None:
            return own
        own += self.near[rows] @ self.sample
        own *= np.float32(1 / self.n_averaged)
        return own
