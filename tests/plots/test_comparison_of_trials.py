"""Figures of compare.py: titles that the numbers support, and nothing cut off."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cellclassifier.plots.agreement import distance_of_errors, kappa_of_methods
from cellclassifier.plots.learning_curves import learning_curves
from cellclassifier.plots.method_groups import costs, method_groups
from cellclassifier.plots.trials import trials_by_method

METHODS = ["logistic_regression", "gbdt", "random_forest"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def title_of(figure) -> str:
    return " ".join(figure.get_suptitle().split())


def scores_of(means) -> pd.DataFrame:
    table = pd.DataFrame({"mean": means, "n_splits": 3}, index=METHODS[: len(means)])
    return table.assign(low=table["mean"] - 0.05, high=table["mean"] + 0.05)


def pairs_of(*apart) -> pd.DataFrame:
    rows = [
        (a, b, "macro_f1", 0.01 if {a, b} in map(set, apart) else 0.5)
        for i, a in enumerate(METHODS)
        for b in METHODS[i + 1 :]
    ]
    return pd.DataFrame(rows, columns=["method_a", "method_b", "metric", "p_holm"])


def test_a_winner_is_named_where_it_is_told_apart_from_all():
    apart = [(METHODS[0], METHODS[1]), (METHODS[0], METHODS[2])]
    figure = method_groups(scores_of([0.9, 0.8, 0.7]), [METHODS[1:]], pairs_of(*apart), "cells")
    assert title_of(figure).startswith("Logistic regression is told apart from all others")
    figure = method_groups(scores_of([0.9, 0.8, 0.7]), [METHODS], pairs_of(), "cells")
    assert title_of(figure).startswith("None of 3 methods is told apart from the best")


def test_a_method_of_fewer_splits_is_named_and_not_judged():
    scores = scores_of([0.9, 0.8, 0.7])
    scores.loc[METHODS[0], "n_splits"] = 1
    figure = method_groups(scores, [METHODS], pairs_of(), "cells")
    assert title_of(figure).startswith("Gradient boosting and random forest are not told apart")
    note = " ".join(figure.get_supxlabel().split())
    assert "On fewer splits, and not judged: logistic regression (1)" in note


def test_a_bar_joins_each_group_of_several():
    groups = [METHODS[:2], METHODS[1:]]
    figure = method_groups(scores_of([0.9, 0.8, 0.7]), groups, pairs_of(), "cells")
    bars = [line for line in figure.axes[0].lines if not line.get_clip_on() and line.get_lw() == 4]
    assert [tuple(np.round(bar.get_ydata(), 2)) for bar in bars] == [(-0.25, 1.25), (0.75, 2.25)]


def test_costs_compare_the_cheapest_and_the_dearest():
    names = ["fit_cpu_seconds", "predict_cpu_seconds", "fit_added_gib", "predict_added_gib"]
    table = pd.DataFrame([[2.0, 0.1, 0.3, 0.3], [50.0, 0.2, 0.5, 0.4]], METHODS[:2], names)
    assert "costs 25 times the learning of logistic regression" in title_of(costs(table, "cells"))


def test_curves_that_still_rise_are_named():
    table = pd.DataFrame(
        {
            "method": np.repeat(METHODS[:2], 3),
            "n_train": [10, 50, 100] * 2,
            "macro_f1": [0.6, 0.7, 0.70, 0.2, 0.5, 0.8],
        }
    )
    title = title_of(learning_curves(table, "cells"))
    assert title.startswith("Logistic regression needs fewest cells: ahead at 10; ")
    assert title.endswith("gradient boosting still rises at the end")


def test_ranks_are_within_a_column_and_missing_ones_are_no_last_place():
    values = pd.DataFrame(
        {"plain": [0.9, 0.8, 0.7], "noise": [0.5, 0.6, np.nan], "none": [np.nan] * 3}, METHODS
    )
    figure = trials_by_method(values, "cells")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["0.90 (1)", "0.50 (2)", "0.80 (2)", "0.60 (1)", "0.70 (3)", "–"]
    assert "Logistic regression has the best mean rank, 1.5 of 2" in title_of(figure)


def test_agreement_names_the_pair_that_is_nearest():
    table = pd.DataFrame(
        [(*METHODS[:2], 0.9, 0.1, 0.1), (*METHODS[1:], 0.5, 0.1, 0.1)],
        columns=["method_a", "method_b", "kappa", "both_wrong", "same_error"],
    )
    title = title_of(kappa_of_methods(table, 100, 7))
    assert title.startswith("Logistic regression and gradient boosting agree most (kappa 0.90)")
    assert "wrong on 7 of 100 cells" in title


def test_methods_that_are_the_same_here_are_no_finding():
    table = pd.DataFrame(
        [(*METHODS[:2], 1.0, 0.1, 0.1), (*METHODS[1:], 0.5, 0.1, 0.1)],
        columns=["method_a", "method_b", "kappa", "both_wrong", "same_error"],
    )
    figure = kappa_of_methods(table, 100, 7)
    assert title_of(figure).startswith("Gradient boosting and random forest agree most")
    said = figure.axes[0].get_xlabel()
    assert "same answer for every cell: logistic regression and gradient boosting" in said


def test_errors_of_labels_that_the_ontology_lacks_are_not_near():
    table = pd.DataFrame(
        {
            "method": [*METHODS[:2], METHODS[0]],
            "distance": [2.0, 6.0, np.nan],
            "n_cells": [6, 4, 2],
            "error_share": [0.75, 1.0, 0.25],
        }
    )
    title = title_of(distance_of_errors(table, "cells"))
    assert "0% (gradient boosting) to 75% (logistic regression)" in title
