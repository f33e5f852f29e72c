"""Reliability curves: who is best and worst, and which points are drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figures import pairs_of, reliability_of
from scipy.stats import binomtest

from cellclassifier.plots.calibration import interval, joined, reliability_curves


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
    panels = {axes.get_title(loc="left").split("\n")[0]: axes for axes in figure.axes}
    points = panels["gradient boosting"].containers[0].lines[0]
    shown = joined(reliability_of(0))
    np.testing.assert_allclose(points.get_ydata(), shown["accuracy"])


def test_no_method_is_best_inside_the_noise():
    title = curves_of(("gbdt", "random_forest", "rank_regression")).get_suptitle()
    assert "told apart" in title and "is best" not in title


def test_bins_of_few_cells_are_joined_and_none_is_lost():
    table = reliability_of(0).assign(n_cells=[3, 5, 2, 100, 1, 1, 50, 4, 4, 4, 4, 2])
    found = joined(table)
    assert found["n_cells"].sum() == table["n_cells"].sum()
    assert (found["n_cells"] >= 0.1 * 180).all()
    assert found["confidence"].is_monotonic_increasing
    right = (table["accuracy"] * table["n_cells"]).sum()
    assert (found["accuracy"] * found["n_cells"]).sum() == pytest.approx(right)


def test_intervals_are_those_of_wilson():
    low, high = interval(np.array([0.0, 0.5, 0.9]), np.array([10.0, 40.0, 100.0]))
    for place, (right, n) in enumerate([(0, 10), (20, 40), (90, 100)]):
        expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
        assert (low[place], high[place]) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_methods_of_fewer_cells_are_drawn_and_not_judged():
    tables = {"gbdt": reliability_of(0).assign(n_cells=10), "random_forest": reliability_of(1)}
    ece = {"gbdt": 0.01, "random_forest": 0.02}
    figure = reliability_curves(tables, ece, pairs_of(list(tables)), "cells.npy")
    assert len([axes for axes in figure.axes if axes.axison]) == 2
    assert figure.get_suptitle().startswith("Random forest: confidence is off by 2.0%")


def test_one_method_is_not_its_own_contrast():
    """With one method there is no second one whose probabilities could be the worst."""
    title = curves_of(("gbdt",)).get_suptitle().lower()
    assert title.count("gradient boosting") == 1
