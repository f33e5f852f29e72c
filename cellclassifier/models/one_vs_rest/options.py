"""Options of the forests, readable without scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMES = ("even", "random")  # to draw negatives: over the other types, or from all other cells


@dataclass(frozen=True)
class ForestOptions:
    """What the forests are like."""

    n_trees: int = 100
    """trees per forest"""

    n_genes: int = 1000
    """genes each forest may look at: those of highest ANOVA F in its own training cells"""
