"""Reliability curves: who is best and worst, and which points are drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figures import pairs_of, reliability_of

from cellclassifier.plots.calibration import reliability_curves


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def curves_of(methods, apart=()):
    tables = {method: reliability_of(i) for i, method in enumerate(methods)}
    ece = {method: 0.01 * (i + 1) for i, method in enumerate(methods)}
    return reliability_curves(tables, ece, pairs_of(methods, apart), "cells.npy")


def test_calibration_names_best_and_worst_where_they_are_told_apart():
    apart = [("gbdt", "random_forest"), ("gbdt", "rank_regression")]
    figure = curves_of(("gbdt", "random_forest", "rank_regression"), apart)
    first, second = figure.get_suptitle().lower().split("\n")
    assert "gradient boosting is best" in first and "1.0%" in first
    assert "rank regression" in second and "3.0%" in second
    drawn = {line.get_label(): line for line in figure.axes[0].lines}
    line = drawn["gradient boosting (ECE 0.010)"]
    np.testing.assert_allclose(line.get_ydata(), reliability_of(0)["accuracy"])


def test_no_method_is_best_inside_the_noise():
    title = curves_of(("gbdt", "random_forest", "rank_regression")).get_suptitle()
    assert "told apart" in title and "is best" not in title


def test_the_cells_behind_every_bin_are_drawn():
    figure = curves_of(("gbdt", "random_forest"))
    counts = figure.axes[1]
    assert len(counts.lines) == 2
    for line in counts.lines:
        heights = line.get_ydata()
        assert set(heights) <= {0, 50} and (heights == 50).sum() >= 12


def test_bins_of_few_cells_are_not_drawn():
    table = reliability_of(0).assign(n_cells=[9, *[10] * 11])
    figure = reliability_curves({"gbdt": table}, {"gbdt": 0.1}, pairs_of(["gbdt"]), "cells.npy")
    lines = figure.axes[0].lines
    assert sorted(len(line.get_xdata()) for line in lines) == [2, 11]  # the diagonal has 2


def test_one_method_is_not_its_own_contrast():
    """With one method there is no second one whose probabilities could be the worst."""
    title = curves_of(("gbdt",)).get_suptitle().lower()
    assert title.count("gradient boosting") == 1
