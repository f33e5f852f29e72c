"""Tables in coloured squares: the figure grows, the letters stay as large as a projector needs."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import LONG_TYPES, predictions_of, texts_of

from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.plots.heatmap import annotated_heatmap
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
