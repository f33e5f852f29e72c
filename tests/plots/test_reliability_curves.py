"""Reliability curves: who is best and worst, and which points are drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figures import reliability_of

from cellclassifier.plots.calibration import reliability_curves


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def curves_of(methods):
    tables = {method: reliability_of(i) for i, method in enumerate(methods)}
    return reliability_curves(tables, {method: 0.01 * (i + 1) for i, method in enumerate(methods)})


def test_calibration_names_best_and_worst():
    axes = curves_of(("gbdt", "random_forest", "rank_regression")).axes[0]
    first, second = axes.get_title(loc="left").lower().split("\n")
    assert "gradient boosting" in first and "1.0%" in first
    assert "rank regression" in second and "3.0%" in second
    drawn = {line.get_label(): line for line in axes.lines}
    line = drawn["gradient boosting (ECE 0.010)"]
    np.testing.assert_allclose(line.get_ydata(), reliability_of(0)["accuracy"])


def test_bins_of_few_cells_are_not_drawn():
    table = reliability_of(0).assign(n_cells=[9, *[10] * 11])
    lines = reliability_curves({"gbdt": table}, {"gbdt": 0.1}).axes[0].lines
    assert sorted(len(line.get_xdata()) for line in lines) == [2, 11]  # the diagonal has 2


def test_one_method_is_not_its_own_contrast():
    """With one method there is no second one whose probabilities could be the worst."""
    title = curves_of(("gbdt",)).axes[0].get_title(loc="left").lower()
    assert title.count("gradient boosting") == 1
