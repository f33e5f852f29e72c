"""What a comparison holds: options, readable without pandas."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NOT_IN_KEY = {"changes_results": False}
# Methods that take minutes per fit on a CPU: fewer cells, few epochs, and last of all.
COSTLY = ("geneformer", "spoticell")
TRIALS = ("learning", "groups", "genes", "depth", "noise", "rare")
SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)  # of the training cells
MISSING = (0.3, 0.6, 0.9)  # share of the genes that a file lacks
DEPTHS = (0.5, 0.2, 0.05)  # share of the counts that are left
NOISE = (0.05, 0.1, 0.2)  # share of the training labels that are swapped
RARE = (100, 30, 10)  # training cells that a rare type is cut to
MOST_GROUPS = 4  # that are left out in turn


@dataclass(frozen=True)
class ComparisonOptions:
    """Options of ``compare.py`` beside those of every script."""

    methods: tuple[str, ...] = field(default=(), metadata=NOT_IN_KEY)
    """which methods to compare; default: every method that is installed"""

    trials: tuple[str, ...] = field(default=TRIALS, metadata=NOT_IN_KEY)
    """which trials to run beside the plain one"""

    budget: float | None = field(default=None, metadata=NOT_IN_KEY)
    """minutes after which no further part is begun; the same command goes on from there"""

    celltypist: Path | None = field(default=None, metadata=NOT_IN_KEY)
    """Python of an environment with requirements-celltypist.txt, to set CellTypist beside"""

    scanvi: Path | None = field(default=None, metadata=NOT_IN_KEY)
    """Python of an environment with requirements-scanvi.txt, to set scANVI beside"""

    costly_cells: int = 1000
    """cells that the methods are given which take minutes on a CPU"""
