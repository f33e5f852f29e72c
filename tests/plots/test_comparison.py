"""Methods side by side: what is drawn and said is what the summary holds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from figures import METHODS, summary_of, texts_of

from cellclassifier.plots.comparison import metric_comparison, score_against_time
from cellclassifier.plots.style import in_a_line
from cellclassifier.protocol.metrics import METRICS


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("metric", METRICS)
def test_bars_are_the_means_best_first(metric):
    summary = summary_of(METHODS)
    axes = metric_comparison(summary, metric).axes[0]
    bars = {c.get_label(): c for c in axes.containers if hasattr(c, "patches")}
    test = summary[metric].xs("test", level="part")["mean"]
    expected = sorted(test, reverse=metric != "cross_entropy")
    assert [bar.get_height() for bar in bars["test"].patches] == pytest.approx(expected)
    best = test.idxmin() if metric == "cross_entropy" else test.idxmax()
    title = axes.get_title(loc="left")
    assert title.lower().startswith(in_a_line(best)) and f"{test[best]:.2f}" in title
    assert len(bars) == 3


def test_score_against_time_draws_every_method():
    summary = summary_of(METHODS)
    axes = score_against_time(summary).axes[0]
    shown = " ".join(text.get_text() for text in texts_of(axes.figure))
    test = summary.xs("test", level="part")
    for method in METHODS:
        score = test.loc[method, ("macro_f1", "mean")]
        assert f"{in_a_line(method)}: {score:.2f}" in shown
    points = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines}
    learners = test.drop("majority")
    expected = zip(learners["fit_seconds"]["mean"], learners["macro_f1"]["mean"], strict=True)
    assert set(expected) <= points
    assert axes.get_xscale() == "log"
