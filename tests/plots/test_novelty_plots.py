"""Figures of novelty: the values and the words are those of the table."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cellclassifier.plots.novelty import rejection, unknown_types


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_unknown_types_are_ordered_from_easy_to_hard_and_methods_from_best_to_worst():
    columns = {"gbdt": [0.7, 0.9, 0.6], "soft_vote": [0.8, 1.0, 0.5]}
    table = pd.DataFrame(columns, index=["B", "NK", "T"])
    figure = unknown_types(table, "pbmc")
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["NK", "B", "T"]
    np.testing.assert_array_equal(
        axes.collections[0].get_array(), [[1.0, 0.9], [0.8, 0.7], [0.5, 0.6]]
    )
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["soft\nvote\nmean 0.77", "gradient\nboosting\nmean 0.73"]
    title = " ".join(figure.get_suptitle().split())  # however its lines are wrapped
    assert title.startswith("pbmc: soft vote tells unknown types best (AUROC 0.77)")
    assert "T is hardest to tell (0.55)" in title


def test_rejection_names_what_the_most_novel_tenth_costs():
    kept = np.linspace(0.5, 1, 11)
    lines = {"gbdt": 1 - 0.2 * kept, "soft_vote": 1 - 0.1 * kept}
    tables = [pd.DataFrame({"method": m, "kept": kept, "accuracy": a}) for m, a in lines.items()]
    figure = rejection(pd.concat(tables), "pbmc")
    assert "lifts soft vote\nfrom 90.0% to 91.0% accuracy" in figure.get_suptitle()
    drawn = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_array_equal(drawn["gradient boosting"].get_ydata(), lines["gbdt"])
