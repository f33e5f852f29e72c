"""Figures of results: labelled axes, titles with the finding, nothing cut off or covered."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import pytest
from figures import METHODS, predictions_of, reliability_of, summary_of, texts_of
from matplotlib.figure import Figure
from matplotlib.text import Text

from cellclassifier.plots.calibration import reliability_curves
from cellclassifier.plots.comparison import metric_comparison, score_against_time
from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.protocol.metrics import METRICS


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def curves_of(methods) -> Figure:
    tables = {method: reliability_of(i) for i, method in enumerate(methods)}
    return reliability_curves(tables, {method: 0.01 * (i + 1) for i, method in enumerate(methods)})


def confusion_of(n_types) -> Figure:
    types, labels, predicted = predictions_of(n_types)
    return confusion_matrix(labels, predicted, types, "logistic_regression")


def title_of(figure: Figure) -> Text:
    """The one at the left of the axes, or the one above the whole figure."""
    own = figure.axes[0]._left_title
    return own if own.get_text() else figure._suptitle


FIGURES = {
    **{f"{m}-5": lambda m=m: metric_comparison(summary_of(METHODS), m) for m in METRICS},
    "macro_f1-1": lambda: metric_comparison(summary_of(METHODS[:1]), "macro_f1"),
    "cross_entropy-1": lambda: metric_comparison(summary_of(METHODS[2:3]), "cross_entropy"),
    "confusion-2": lambda: confusion_of(2),
    "confusion-13": lambda: confusion_of(13),
    "calibration-5": lambda: curves_of(METHODS),
    "calibration-1": lambda: curves_of(METHODS[:1]),
    "time-5": lambda: score_against_time(summary_of(METHODS)),
    "time-1": lambda: score_against_time(summary_of(METHODS[:1])),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_labelled_and_saved(name, tmp_path):
    figure = FIGURES[name]()
    axes = figure.axes[0]
    assert isinstance(figure, Figure)
    assert axes.get_ylabel()
    assert axes.get_xlabel() or [label.get_text() for label in axes.get_xticklabels()]
    assert len(title_of(figure).get_text()) > 20
    figure.savefig(tmp_path / "figure.png", dpi=60, bbox_inches="tight")
    assert (tmp_path / "figure.png").stat().st_size > 4000


@pytest.mark.parametrize("name", FIGURES)
def test_a_title_is_no_wider_than_its_figure(name):
    """A longer one would widen the saved image and shrink the plot in it."""
    figure = FIGURES[name]()
    figure.canvas.draw()
    title = title_of(figure).get_window_extent()
    saved = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    others = [text for text in texts_of(figure) if text is not title_of(figure)]
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
