"""Fits of the small cells, shared by the tests of this folder."""

from __future__ import annotations

from functools import cache

import numpy as np
from conftest import make_cells

from cellclassifier.models.one_vs_rest import forests
from cellclassifier.models.one_vs_rest.options import ForestOptions

SEEDS = (42, 43)
OPTIONS = ForestOptions(n_trees=12, n_genes=25)


def labels_of(cells) -> np.ndarray:
    """Type of every cell, (n_cells,) str."""
    return cells.obs["cell_type"].to_numpy().astype(str)


def named(sizes: dict[str, int]) -> np.ndarray:
    """Labels: every type as often as it says."""
    return np.repeat(list(sizes), list(sizes.values()))


def fitted(cells, jobs=1, seeds=SEEDS, options=OPTIONS):
    """Parts, and the tables of every fit in the order of the plan."""
    parts = forests.parts_of_repeats(cells, seeds)
    fits = forests.plan_fits(labels_of(cells), seeds)
    done = dict(forests.fit_all(fits, cells, parts, options, jobs))
    return parts, {fit: done[fit] for fit in fits}


@cache
def fits_of_small_cells():
    """``fitted`` of the small cells by one job; not to be changed."""
    return fitted(make_cells())
