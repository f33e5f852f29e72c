"""Doublets and empty droplets: what cheap signs say of them, and what was not tested."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data import features

MANY = 2.0  # times the median counts of a cell's type: two cells in a droplet have about that
FEW = 0.2  # times that median
FEWEST_CELLS = 10  # of a type whose median is worth comparing with


def about_droplets(cells: ad.AnnData) -> list[tuple[str, str]]:
    """Rows of the summary on doublets and empty droplets, each saying what it is no test of.

    cells: raw counts, obs cell_type and has_type.
    """
    ratio = relative_counts(cells)
    many, few = _share(ratio > MANY), _share(ratio < FEW)
    return [
        (
            "doublets",
            "not tested, which takes simulated doublets (Scrublet, scDblFinder: sample by sample); "
            f"{many} over {MANY:g} times the median counts of their type, as doublets have, but "
            "large and dividing cells, too",
        ),
        (
            "empty droplets",
            "not tested, which takes the barcodes that were called no cell (EmptyDrops, "
            f"CellBender); {few} under {FEW:g} times the median counts of their type, as empty "
            "droplets and damaged cells have",
        ),
    ]


def relative_counts(cells: ad.AnnData) -> np.ndarray:
    """Counts of each cell over the median of its type, (n_cells,); NaN where no type is known.

    Nor is it known of types with fewer than ``FEWEST_CELLS`` cells.
    """
    totals = pd.Series(features.total_counts(cells.X), dtype=float)
    by_type = totals.groupby(cells.obs["cell_type"].to_numpy(str))
    median, size = by_type.transform("median"), by_type.transform("size")
    known = cells.obs["has_type"].to_numpy() & (size >= FEWEST_CELLS) & (median > 0)
    return (totals / median.where(known)).to_numpy()


def _share(found: np.ndarray) -> str:
    return f"{found.sum():,} of {len(found):,} cells ({found.mean():.1%}) have"
