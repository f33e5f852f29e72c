"""Figures of results: labelled axes, titles with the finding, nothing cut off or covered."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from figures import METHODS, pairs_of, predictions_of, reliability_of, summary_of, texts_of
from matplotlib.figure import Figure

from cellclassifier.plots.against_time import score_against_time
from cellclassifier.plots.calibration import reliability_curves
from cellclassifier.plots.comparison import all_metrics, metric_comparison
from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.protocol.metrics import METRICS


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def curves_of(methods) -> Figure:
    tables = {method: reliability_of(i) for i, method in enumerate(methods)}
    ece = {method: 0.01 * (i + 1) for i, method in enumerate(methods)}
    return reliability_curves(tables, ece, pairs_of(methods), DATA)


def confusion_of(n_types) -> Figure:
    types, labels, predicted = predictions_of(n_types)
    return confusion_matrix(labels, predicted, types, "logistic_regression")


def title_of(figure):
    """The title of the figure or, where it has none, of its axes."""
    return figure._suptitle or figure.axes[0]._left_title


DATA = "cells.npy"


def compared(methods, n_splits=3):
    return summary_of(methods, n_splits=n_splits), pairs_of(methods)


FIGURES = {
    "metrics-5": lambda: all_metrics(*compared(METHODS), DATA),
    "metrics-1": lambda: all_metrics(*compared(METHODS[:1], 1), DATA),
    "macro_f1-one-split": lambda: metric_comparison(*compared(METHODS, 1), "macro_f1", DATA),
    **{f"{m}-5": lambda m=m: metric_comparison(*compared(METHODS), m, DATA) for m in METRICS},
    "macro_f1-1": lambda: metric_comparison(*compared(METHODS[:1]), "macro_f1", DATA),
    "cross_entropy-1": lambda: metric_comparison(*compared(METHODS[2:3]), "cross_entropy", DATA),
    "confusion-2": lambda: confusion_of(2),
    "confusion-13": lambda: confusion_of(13),
    "calibration-5": lambda: curves_of(METHODS),
    "calibration-1": lambda: curves_of(METHODS[:1]),
    "time-5": lambda: score_against_time(*compared(METHODS), DATA),
    "time-1": lambda: score_against_time(*compared(METHODS[:1]), DATA),
}


def words_of(labels) -> list[str]:
    return [label.get_text() for label in labels if label.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_labelled_and_saved(name, tmp_path):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    axes = figure.axes[0]
    assert axes.get_ylabel() or words_of(axes.get_yticklabels())
    below = [axes, *axes.get_shared_x_axes().get_siblings(axes)]
    named = [other.get_xlabel() or words_of(other.get_xticklabels()) for other in below]
    assert axes.get_title(loc="left") or any(named)
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
    boxes = [title_of(figure).get_window_extent()]
    boxes += [axes.get_legend().get_window_extent() for axes in figure.axes if axes.get_legend()]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


@pytest.mark.parametrize("name", [name for name in FIGURES if "confusion" not in name])
def test_no_text_covers_another_and_all_can_be_read(name):
    """At 12 points or more, on a projector."""
    figure = FIGURES[name]()
    figure.canvas.draw()
    texts = [text for text in texts_of(figure) if is_drawn(text)]
    assert min(text.get_fontsize() for text in texts) >= 12
    boxes = [text.get_window_extent() for text in texts]
    for (first, a), (second, b) in combinations(zip(texts, boxes, strict=True), 2):
        assert not a.padded(-1).overlaps(b), (first.get_text(), second.get_text())


def is_drawn(text) -> bool:
    """Ticks beyond the limits of their axis have texts, too, that nobody sees."""
    width, height = text.figure.bbox.size
    box = text.get_window_extent()
    hidden = {label for axes in text.figure.axes for label in beyond_the_limits(axes)}
    return text not in hidden and box.width > 1 and 0 < box.x1 < 2 * width and box.y1 < 2 * height


def beyond_the_limits(axes) -> list:
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                found += [tick.label1, tick.label2]
    return found
