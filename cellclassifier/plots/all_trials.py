"""Every figure of compare.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.agreement import distance_of_errors, kappa_of_methods
from cellclassifier.plots.learning_curves import learning_curves
from cellclassifier.plots.method_groups import costs, method_groups
from cellclassifier.plots.style import NO_GENES, short
from cellclassifier.plots.trials import trials_by_method


class Found(Protocol):
    """What the figures need of a comparison."""

    source: dict
    """of the cells: file"""
    scores: pd.DataFrame
    """index method, best first: mean, low, high, n_splits"""
    predictions: dict[str, pd.DataFrame]
    agreement: pd.DataFrame
    distance: pd.DataFrame
    hard: pd.DataFrame


def comparison_of_trials(found: Found) -> Iterator[tuple[str, Figure]]:
    """Names and figures of whatever was run."""
    if found.scores.empty:
        return
    data = short(str(found.source["file"]))
    groups = found.groups()
    groups = groups[groups["metric"] == "macro_f1"].groupby("group")["method"].apply(list)
    about = f"{data}: {int(found.compared.scores['n_cells'].max()):,} test cells of all splits"
    yield (
        "comparison_scores",
        method_groups(found.scores, groups.to_list(), found.compared.pairs, about),
    )
    yield "comparison_costs", costs(found.costs().drop(NO_GENES, errors="ignore"), data)
    learning = found.trial("learning")
    learning = learning[learning["method"] != NO_GENES]
    if learning["n_train"].nunique() > 1:
        yield "comparison_learning", learning_curves(learning, data)
    matrix = found.matrix().drop(NO_GENES, errors="ignore")
    if matrix.shape[1] > 1 and len(matrix):
        yield "comparison_trials", trials_by_method(matrix, data)
    if len(found.agreement):
        n_cells = len(next(iter(found.predictions.values())))
        figure = kappa_of_methods(found.agreement, n_cells, len(found.hard))
        yield "comparison_agreement", figure
    if len(found.distance):
        yield "comparison_distance", distance_of_errors(found.distance, data)
