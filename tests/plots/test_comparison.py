"""Methods side by side: what is drawn and said is what the summary holds and the pairs support."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figures import METHODS, pairs_of, summary_of, texts_of
from hypothesis import given
from hypothesis import strategies as st

from cellclassifier.plots.against_time import score_against_time, spread_out
from cellclassifier.plots.comparison import all_metrics, metric_comparison
from cellclassifier.plots.findings import FALLING, NAMES, finding, judged, of_test_cells, ranked
from cellclassifier.plots.style import color_of_method, in_a_line
from cellclassifier.protocol.answers import COMPARED
from cellclassifier.protocol.metrics import LOWER_IS_BETTER, METRICS

DATA = "cells.npy"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def best_against_all(summary, metric):
    """Pairs in which the best method is told apart from all others, and its name."""
    best = judged(of_test_cells(summary), metric)[0]
    return pairs_of(METHODS, [(best, other) for other in METHODS if other != best]), best


def dots_of(axes) -> list[tuple[float, str]]:
    """Where every dot is, from top to bottom, and its colour."""
    dots = [container.lines[0] for container in axes.containers]
    return [(dot.get_xdata()[0], dot.get_color()) for dot in dots]


def words_of(figure) -> str:
    return " ".join(text.get_text() for text in texts_of(figure)).replace("\n", " ")


def test_the_metrics_are_those_of_the_protocol():
    """Plots import no other room, so they have names and directions of their own."""
    assert tuple(NAMES) == COMPARED and set(FALLING) == set(LOWER_IS_BETTER)


@pytest.mark.parametrize("metric", METRICS)
def test_dots_are_the_means_best_first(metric):
    summary = summary_of(METHODS)
    figure = metric_comparison(summary, pairs_of(METHODS), metric, DATA)
    test = of_test_cells(summary)[metric]["mean"]
    methods = test.sort_values(ascending=metric in FALLING).index
    expected = [(test[method], color_of_method(method)) for method in methods]
    assert dots_of(figure.axes[0]) == expected
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [in_a_line(method) for method in methods]


@pytest.mark.parametrize("metric", METRICS)
def test_a_winner_is_named_only_where_it_is_told_apart(metric):
    summary = summary_of(METHODS)
    pairs, best = best_against_all(summary, metric)
    won = metric_comparison(summary, pairs, metric, DATA)
    value = of_test_cells(summary).loc[best, (metric, "mean")]
    assert won.get_suptitle().lower().startswith(f"{in_a_line(best)} is best")
    assert f"{value:.2f}" in won.get_suptitle()
    none = metric_comparison(summary, pairs_of(METHODS), metric, DATA)
    assert "told apart" in none.get_suptitle() and "is best" not in none.get_suptitle()


def test_dots_are_filled_where_they_may_be_the_best():
    summary = summary_of(METHODS)
    learners = [method for method in METHODS if method != "majority"]
    order = [*judged(of_test_cells(summary), "macro_f1"), "majority"]
    summary.loc[("majority", "test"), ("macro_f1", "mean")] = 0.0
    assert set(order[:-1]) == set(learners)
    pairs = pairs_of(METHODS, [(order[0], method) for method in order[2:]])
    figure = metric_comparison(summary, pairs, "macro_f1", DATA)
    dots = [container.lines[0] for container in figure.axes[0].containers]
    filled = [dot.get_markerfacecolor() != "white" for dot in dots]
    assert filled == [True, True, False, False, False]
    title = figure.get_suptitle().lower()
    assert f"{in_a_line(order[0])} and {in_a_line(order[1])} are not told apart" in title


@pytest.mark.parametrize("draw", [all_metrics, score_against_time])
def test_error_bars_cells_and_data_are_named(draw):
    several = words_of(draw(summary_of(METHODS), pairs_of(METHODS), DATA))
    assert "95 % bootstrap interval over splits and test cells" in several
    assert f"{DATA}: 312 test cells in 3 splits" in several
    one = words_of(draw(summary_of(METHODS, n_splits=1), pairs_of(METHODS), DATA))
    assert "95 % bootstrap interval over the test cells of one split" in one
    assert f"{DATA}: 104 test cells in one split" in one
    assert "standard deviation" not in several + one


@pytest.mark.parametrize("n_splits", [1, 3])
@pytest.mark.parametrize("metric", METRICS)
def test_bars_are_intervals_whatever_the_splits(metric, n_splits):
    """Standard deviations of some beside intervals of others cannot be compared."""
    summary = summary_of(METHODS, n_splits=n_splits)
    shown = words_of(metric_comparison(summary, pairs_of(METHODS), metric, DATA))
    assert "±" not in shown
    row = of_test_cells(summary).loc["gbdt", metric]
    assert f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})" in shown


def test_one_split_beside_three_is_named_and_not_judged():
    summary = summary_of(METHODS)
    summary.loc["gbdt", "n_splits"] = 1
    summary.loc[("gbdt", "test"), ("macro_f1", "mean")] = 0.95
    figure = all_metrics(summary, pairs_of(METHODS), DATA)
    assert "on fewer splits, and not judged: gradient boosting (1)" in words_of(figure)
    assert figure.get_suptitle().startswith("None of 3 methods is told apart from the best")
    first = figure.axes[list(NAMES).index("macro_f1")].containers[0].lines[0]
    assert first.get_color() == color_of_method("gbdt")
    assert first.get_markerfacecolor() == "white"


def test_the_method_that_looks_at_no_gene_is_not_counted():
    title = metric_comparison(summary_of(METHODS), pairs_of(METHODS), "macro_f1", DATA)
    assert title.get_suptitle().startswith("None of 4 methods")


def test_every_metric_has_a_panel():
    figure = all_metrics(summary_of(METHODS), pairs_of(METHODS), DATA)
    titles = [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes]
    assert titles == list(NAMES.values())


def test_calibration_is_no_merit_of_majority():
    summary = summary_of(METHODS)
    summary.loc["majority", ("ece", "mean")] = 0.0
    test = of_test_cells(summary)
    assert "majority" not in ranked(test, "ece") and "majority" in ranked(test, "macro_f1")
    assert "Majority" not in finding(test, pairs_of(METHODS), "ece")


def test_no_number_lies_on_the_bar_of_majority():
    """Of one split, its calibration error may be 0.001 with an interval up to that of others."""
    summary = summary_of(METHODS, n_splits=1)
    learners = [method for method in METHODS if method != "majority"]
    for method, ece in [*((name, 0.03) for name in learners), ("majority", 0.001)]:
        summary.loc[method, ("ece", ["mean", "low", "high"])] = [ece, max(ece - 0.02, 0), 0.05]
    axes = all_metrics(summary, pairs_of(METHODS), DATA).axes[-1]
    assert axes.get_xlim()[0] < 0 and not axes.texts
    summary.loc["majority", ("ece", "high")] = 0.002  # below all of them
    axes = all_metrics(summary, pairs_of(METHODS), DATA).axes[-1]
    assert axes.get_xlim()[0] > 0.002 and [text.get_text() for text in axes.texts] == ["0.00"]


def test_score_against_time_draws_every_method():
    summary = summary_of(METHODS)
    axes = score_against_time(summary, pairs_of(METHODS), DATA).axes[0]
    shown = words_of(axes.figure)
    test = of_test_cells(summary)
    for method in set(METHODS) - {"majority"}:
        assert f"{in_a_line(method)}: {test.loc[method, ('macro_f1', 'mean')]:.2f}" in shown
    assert f"(majority): {test.loc['majority', ('macro_f1', 'mean')]:.2f}" in shown
    points = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines}
    learners = test.drop("majority")
    expected = zip(learners["fit_seconds"]["mean"], learners["macro_f1"]["mean"], strict=True)
    assert set(expected) <= points
    assert axes.get_xscale() == "log"


def test_a_method_alone_is_not_the_best():
    alone = [METHODS[1]]
    title = score_against_time(summary_of(alone), pairs_of(alone), DATA).get_suptitle()
    assert "highest" not in title and "macro-F1" in title


@pytest.mark.parametrize("seconds", [(1.9, 2.1, 2.2, 2.4), (0.02, 3, 70, 9000), (5, 5, 5, 5)])
def test_the_axis_of_seconds_has_numbers_to_read(seconds):
    """Ticks were "1, 2" alone, and points in the top fifth."""
    summary = summary_of(METHODS)
    learners = [method for method in METHODS if method != "majority"]
    for method, own in zip(learners, seconds, strict=True):
        summary.loc[method, ("fit_seconds", "mean")] = own
        summary.loc[method, ("macro_f1", "mean")] = 0.8 + 0.01 * own / max(seconds)
        ends = [0.79 + 0.01 * own / max(seconds), 0.81 + 0.01 * own / max(seconds)]
        summary.loc[method, ("macro_f1", ["low", "high"])] = ends
    axes = score_against_time(summary, pairs_of(METHODS), DATA).axes[0]
    low, high = axes.get_xlim()
    ticks = [place for place in axes.get_xticks() if low <= place <= high]
    assert 3 <= len(ticks) <= 9 and low < min(seconds) and max(seconds) < high
    bottom, top = axes.get_ylim()
    assert (0.82 - 0.8) / (top - bottom) > 0.1 and bottom > 0.7


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_labels_are_moved_apart_in_their_order(heights, gap):
    heights = np.sort(heights)[::-1]
    found = spread_out(heights, gap)
    assert (np.diff(found) <= -gap + 1e-9).all()
    assert np.allclose(spread_out(found, gap), found)
