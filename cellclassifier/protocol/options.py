"""Which cells take part, and how they are split: options, readable without pandas."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("train", "val", "test")
HELD_OUT_SHARE = 0.15  # of each type, once for validation and once for test
# The order of methods in tables and plots; others follow by name.
METHOD_ORDER = (
    "majority",
    "logistic_regression",
    "rank_regression",
    "random_forest",
    "gbdt",
    "soft_vote",
    "augmented_regression",
    "augmented_network",
    "marker_network",
    "geneformer",
    "cellular",
    "cellama",
)


@dataclass(frozen=True)
class SubsetOptions:
    """Which cells take part: shared by every script."""

    seed: int = 42
    """seed of the first split; the others count up from it"""

    max_cells: int | None = None
    """use a random subset of about so many cells, stratified by type"""

    min_cells_per_type: int | None = None
    """leave out types with fewer cells (at least 3 are needed to be in all parts)"""


@dataclass(frozen=True)
class SplitOptions(SubsetOptions):
    """Which cells take part, and how often they are split."""

    n_splits: int = 3
    """how many train / validation / test splits"""
