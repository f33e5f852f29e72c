"""What test cells lose: genes of their file, or counts; the same for all methods."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import numpy as np

from cellclassifier.comparison.trials import with_fewer_counts, without_genes

MISSING = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
DEPTH = (1.0, 0.5, 0.25, 0.1, 0.05)


def incomplete(
    cells: ad.AnnData, seed: int, draws: int
) -> Iterator[tuple[str, float, int, ad.AnnData]]:
    """What is lost, which share, the draw, and the cells that are left of it.

    Genes that are missing at one share are missing at every larger one of the same draw; what is
    whole comes once. The share is of genes that are missing, or of counts that are left.
    """
    for draw in range(draws):
        for share in MISSING:
            if share or not draw:
                rng = np.random.default_rng((seed, draw))
                yield "genes", share, draw, without_genes(cells, share, rng)
        for share in DEPTH:
            if share < 1 or not draw:
                rng = np.random.default_rng((seed, draw, round(1000 * share)))
                yield "counts", share, draw, with_fewer_counts(cells, share, rng)
