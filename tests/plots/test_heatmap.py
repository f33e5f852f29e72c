"""Tables in coloured squares: the figure grows, the letters stay as large as a projector needs."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import LONG_TYPES, predictions_of, texts_of
from matplotlib.colors import to_rgb

from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.plots.heatmap import annotated_heatmap, luminance
from cellclassifier.plots.interview import similarity
from cellclassifier.plots.novelty import unknown_types

READABLE = 11  # points


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def confusion_of(n_types):
    types, labels, predicted = predictions_of(n_types)
    predicted[labels == types[0]] = types[0]  # 100%, the longest text
    return confusion_matrix(labels, predicted, types, "soft_vote")


def similarity_of(n_types):
    profiles = np.random.default_rng(0).random((n_types, 40))
    return similarity(pd.DataFrame(profiles, LONG_TYPES[:n_types]), np.array(LONG_TYPES[:n_types]))


def unknown_of(n_types):
    methods = ["gbdt", "soft_vote", "logistic_regression"]
    values = np.random.default_rng(0).uniform(0.5, 1, (n_types, len(methods)))
    return unknown_types(pd.DataFrame(values, LONG_TYPES[:n_types], methods), "ifnb")


FIGURES = [confusion_of, similarity_of, unknown_of]


@pytest.mark.parametrize("n_types", [2, 10, 13])
@pytest.mark.parametrize("draw", FIGURES)
def test_letters_are_readable_and_fit_their_squares(draw, n_types):
    figure = draw(n_types)
    assert min(text.get_fontsize() for text in texts_of(figure)) >= READABLE
    axes = figure.axes[0]
    columns, rows = axes.get_xlim()[1], axes.get_ylim()[0]
    width, height = axes.bbox.width / columns, axes.bbox.height / rows
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(box.width < width and box.height < height for box in boxes)


@pytest.mark.parametrize("colors", ["cividis", "Blues"])
def test_numbers_stand_out_from_their_squares(colors):
    """4.5 to 1, what WCAG asks of letters of this size, on every colour of the bar."""
    table = pd.DataFrame(np.linspace(0, 1, 64).reshape(8, 8), list("abcdefgh"), list("abcdefgh"))
    texts = np.full(table.shape, "0.50", dtype=object)
    table.iloc[3, 4] = np.nan  # has no text
    axes = annotated_heatmap(table, texts, "share", colors=colors)[1]
    squares = np.delete(axes.collections[0].get_facecolors(), 3 * 8 + 4, axis=0)
    for text, square in zip(axes.texts, squares, strict=True):
        dark, bright = sorted(luminance(color) for color in (to_rgb(text.get_color()), square))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5
    # https://www.w3.org/TR/WCAG22/#dfn-relative-luminance: white, black, and red's weight
    assert [luminance(c) for c in ((1, 1, 1), (0, 0, 0), (1, 0, 0))] == pytest.approx(
        [1, 0, 0.2126]
    )


@pytest.mark.parametrize("n_types", [2, 13])
@pytest.mark.parametrize("draw", FIGURES)
def test_no_name_lies_on_another(draw, n_types):
    figure = draw(n_types)
    figure.canvas.draw()
    axes = figure.axes[0]
    rows = [name.get_window_extent() for name in axes.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(rows))
    upright = [name for name in axes.get_xticklabels() if name.get_rotation() == 0]
    assert not any(
        a.get_window_extent().overlaps(b.get_window_extent()) for a, b in pairwise(upright)
    )


def test_the_figure_grows_with_the_table():
    sizes = [confusion_of(n).get_size_inches().prod() for n in (5, 10, 13)]
    assert sizes == sorted(sizes) and sizes[-1] > 2 * sizes[0]


def test_squares_and_texts_are_those_of_the_table():
    table = pd.DataFrame([[0.1, 0.9], [0.4, 0.2]], ["a", "b"], ["c", "d"])
    texts = np.array([["low", ""], ["mid", "0.2"]])
    figure, axes = annotated_heatmap(table, texts, "share")
    np.testing.assert_array_equal(axes.collections[0].get_array(), table)
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["low", "mid", "0.2"]
    assert figure.axes[1].get_ylabel() == "share"
    assert [name.get_text() for name in axes.get_yticklabels()] == ["a", "b"]
