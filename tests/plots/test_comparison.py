"""Figures say what they show: labelled axes, titles with the finding, nothing cut off."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cellclassifier.plots import comparison as plots
from cellclassifier.protocol.metrics import METRICS

METHODS = ("random_forest", "rank_regression", "logistic_regression", "gbdt", "majority")
LONG_TYPES = [f"CD8+/CD45RA+ Naive Cytotoxic {i}" for i in range(13)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def summary_of(methods, seed=0) -> pd.DataFrame:
    """What evaluation.summarize gives, with numbers made up."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [methods, ["train", "val", "test"]], names=["method", "dataset"]
    )
    names = [*METRICS, "ece", "fit_seconds"]
    columns = pd.MultiIndex.from_product([names, ["mean", "std"]])
    table = pd.DataFrame(rng.uniform(0.1, 0.9, (len(index), len(columns))), index, columns)
    table.loc[:, (slice(None), "std")] *= 0.05
    return table


def predictions_of(n_types, seed=0, skill=0.7):
    rng = np.random.default_rng(seed)
    types = np.array(LONG_TYPES[:n_types])
    codes = np.arange(60 * n_types) % n_types
    wrong = rng.uniform(size=len(codes)) > skill
    return (
        types,
        types[codes],
        types[np.where(wrong, rng.integers(n_types, size=len(codes)), codes)],
    )


def reliability_of(seed):
    confidence = np.linspace(0.1, 0.98, 12)
    accuracy = confidence * np.random.default_rng(seed).uniform(0.6, 1, 12)
    return pd.DataFrame({"confidence": confidence, "accuracy": accuracy, "n_cells": 50})


def calibration_of(methods):
    tables = {method: reliability_of(i) for i, method in enumerate(methods)}
    return plots.calibration(tables, {method: 0.01 * (i + 1) for i, method in enumerate(methods)})


def confusion_of(n_types):
    types, labels, predicted = predictions_of(n_types)
    return plots.confusion(labels, predicted, types, "logistic_regression")


FIGURES = {
    **{f"{m}-5": lambda m=m: plots.metric_comparison(summary_of(METHODS), m) for m in METRICS},
    "macro_f1-1": lambda: plots.metric_comparison(summary_of(METHODS[:1]), "macro_f1"),
    "cross_entropy-1": lambda: plots.metric_comparison(summary_of(METHODS[2:3]), "cross_entropy"),
    "confusion-2": lambda: confusion_of(2),
    "confusion-13": lambda: confusion_of(13),
    "calibration-5": lambda: calibration_of(METHODS),
    "calibration-1": lambda: calibration_of(METHODS[:1]),
    "time-5": lambda: plots.score_against_time(summary_of(METHODS)),
    "time-1": lambda: plots.score_against_time(summary_of(METHODS[:1])),
}


def texts_of(figure: Figure) -> list:
    """Every visible text, the titles at the left and right of axes included."""
    found = figure.findobj(plt.Text)
    return [text for text in found if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_labelled_and_saved(name, tmp_path):
    figure = FIGURES[name]()
    axes = figure.axes[0]
    assert isinstance(figure, Figure)
    assert axes.get_ylabel()
    assert axes.get_xlabel() or [label.get_text() for label in axes.get_xticklabels()]
    assert len(axes.get_title(loc="left")) > 20
    figure.savefig(tmp_path / "figure.png", dpi=60, bbox_inches="tight")
    assert (tmp_path / "figure.png").stat().st_size > 4000


@pytest.mark.parametrize("name", FIGURES)
def test_a_title_is_no_wider_than_its_figure(name):
    """A longer one would widen the saved image and shrink the plot in it."""
    figure = FIGURES[name]()
    figure.canvas.draw()
    title = figure.axes[0]._left_title.get_window_extent()
    saved = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    others = [text for text in texts_of(figure) if text is not figure.axes[0]._left_title]
    right = max(text.get_window_extent().x1 for text in others)
    assert title.x1 <= max(right, figure.bbox.x1) + 1
    assert title.x0 >= saved.x0 - 1 and title.x1 <= saved.x1 + 1


@pytest.mark.parametrize("name", [name for name in FIGURES if "confusion" not in name])
def test_a_legend_or_title_covers_no_other(name):
    figure = FIGURES[name]()
    figure.canvas.draw()
    axes = figure.axes[0]
    boxes = [axes._left_title.get_window_extent()]
    if axes.get_legend():
        boxes.append(axes.get_legend().get_window_extent())
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize("metric", METRICS)
def test_bars_are_the_means_best_first(metric):
    summary = summary_of(METHODS)
    axes = plots.metric_comparison(summary, metric).axes[0]
    bars = {c.get_label(): c for c in axes.containers if hasattr(c, "patches")}
    test = summary[metric].xs("test", level="dataset")["mean"]
    expected = sorted(test, reverse=metric != "cross_entropy")
    assert [bar.get_height() for bar in bars["test"].patches] == pytest.approx(expected)
    best = test.idxmin() if metric == "cross_entropy" else test.idxmax()
    title = axes.get_title(loc="left")
    assert title.lower().startswith(plots.readable(best, " ")) and f"{test[best]:.2f}" in title
    assert len(bars) == 3


def test_confusion_shares_and_title():
    types = np.array(["A", "B"])
    labels, predicted = np.array(["A"] * 4 + ["B"] * 6), np.array([*"AAAB", *"BBBBBB"])
    axes = plots.confusion(labels, predicted, types, "gbdt").axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert [text.get_text() for text in axes.texts] == ["75%", "25%", "100%"]
    title = axes.get_title(loc="left")
    assert "88% of a type's cells" in title and "25% of A are called B" in title
    assert [t.get_text() for t in axes.get_yticklabels()] == ["A  (4)", "B  (6)"]


def test_confusion_keeps_the_given_order():
    types, labels, predicted = predictions_of(3)
    axes = plots.confusion(labels, predicted, types[::-1], "gbdt").axes[0]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == types[::-1].tolist()
    shares = [np.mean(predicted[labels == name] == name) for name in names]
    np.testing.assert_allclose(np.diag(axes.images[0].get_array()), shares)


def test_confusion_without_errors_and_with_a_type_that_has_no_cells():
    labels = np.array(["A", "B", "A"])
    axes = plots.confusion(labels, labels, np.array(["A", "B", "C"]), "gbdt").axes[0]
    assert "confuses none" in axes.get_title(loc="left")
    assert "100%" in axes.get_title(loc="left")


def test_calibration_names_best_and_worst():
    axes = calibration_of(("gbdt", "random_forest", "rank_regression")).axes[0]
    first, second = axes.get_title(loc="left").lower().split("\n")
    assert "gradient boosting" in first and "1.0%" in first
    assert "rank regression" in second and "3.0%" in second
    drawn = {line.get_label(): line for line in axes.lines}
    line = drawn["gradient boosting (ECE 0.010)"]
    np.testing.assert_allclose(line.get_ydata(), reliability_of(0)["accuracy"])


def test_bins_of_few_cells_are_not_drawn():
    table = reliability_of(0).assign(n_cells=[9, *[10] * 11])
    lines = plots.calibration({"gbdt": table}, {"gbdt": 0.1}).axes[0].lines
    assert sorted(len(line.get_xdata()) for line in lines) == [2, 11]  # the diagonal has 2


def test_one_method_is_not_its_own_contrast():
    """With one method there is no second one whose probabilities could be the worst."""
    title = calibration_of(("gbdt",)).axes[0].get_title(loc="left").lower()
    assert title.count("gradient boosting") == 1


def test_score_against_time_draws_every_method():
    summary = summary_of(METHODS)
    axes = plots.score_against_time(summary).axes[0]
    shown = " ".join(text.get_text() for text in texts_of(axes.figure))
    test = summary.xs("test", level="dataset")
    for method in METHODS:
        score = test.loc[method, ("macro_f1", "mean")]
        assert f"{plots.readable(method, ' ')}: {score:.2f}" in shown
    points = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines}
    learners = test.drop("majority")
    expected = zip(learners["fit_seconds"]["mean"], learners["macro_f1"]["mean"], strict=True)
    assert set(expected) <= points
    assert axes.get_xscale() == "log"


def test_readable():
    assert plots.readable("random_forest", " ") == "random forest"
    assert plots.readable("random_forest") == "random\nforest"
    assert plots.readable("gbdt", " ") == "gradient boosting"
