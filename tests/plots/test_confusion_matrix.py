"""The confusion matrix: shares by numpy, and the title's words."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figures import predictions_of

from cellclassifier.plots.confusion import confusion_matrix


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_confusion_shares_and_title():
    types = np.array(["A", "B"])
    labels, predicted = np.array(list("AAAABBBBBB" * 3)), np.array(list("AAABBBBBBB" * 3))
    figure = confusion_matrix(labels, predicted, types, "gbdt")
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.collections[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["75%", "25%", "100%"]
    title = " ".join(figure.get_suptitle().split())
    assert "88% of a type's cells" in title and "25% of A are called B" in title
    assert [t.get_text() for t in axes.get_yticklabels()] == ["A  (12)", "B  (18)"]


def test_confusion_keeps_the_given_order():
    types, labels, predicted = predictions_of(3)
    axes = confusion_matrix(labels, predicted, types[::-1], "gbdt").axes[0]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == types[::-1].tolist()
    shares = [np.mean(predicted[labels == name] == name) for name in names]
    np.testing.assert_allclose(np.diag(axes.collections[0].get_array()), shares)


def test_confusion_without_errors_and_with_a_type_that_has_no_cells():
    labels = np.array(["A", "B", "A"])
    title = confusion_matrix(labels, labels, np.array(["A", "B", "C"]), "gbdt").get_suptitle()
    assert "confuses none" in title
    assert "100%" in title


def test_a_title_is_not_made_of_one_cell():
    types = np.array(["A", "B", "C"])
    labels, predicted = np.array(list("A" * 20 + "B" * 20 + "C")), np.array(list("A" * 40 + "A"))
    predicted[25:40] = "B"
    title = confusion_matrix(labels, predicted, types, "gbdt").get_suptitle()
    assert "25% of B are called A" in title
    predicted[:40] = labels[:40]
    title = confusion_matrix(labels, predicted, types, "gbdt").get_suptitle()
    assert "of C" not in title and "fewer than 10 test cells" in title
