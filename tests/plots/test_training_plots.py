"""The curves of training: what the title claims is what the numbers say."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from cellclassifier.plots.training import training_history


def history(losses: list[list[float]], scores: list[list[float]]) -> pd.DataFrame:
    """One row per split and epoch."""
    rows = [
        {"split": 42 + i, "epoch": epoch, "train_loss": 1.0, "val_loss": loss, "val_macro_f1": f1}
        for i, curves in enumerate(zip(losses, scores, strict=True))
        for epoch, (loss, f1) in enumerate(zip(*curves, strict=True), start=1)
    ]
    return pd.DataFrame(rows)


def title_of(figure) -> str:
    plt.close(figure)
    return figure.get_suptitle()


@pytest.mark.parametrize(
    ("losses", "scores", "expected", "falls"),
    [
        ([[3, 2, 1]], [[0.1, 0.5, 0.4]], "0.50 (star) at epoch 2 of 3", True),
        ([[3, 1, 2]], [[0.1, 0.2, 0.6]], "0.60 (star) at epoch 3 of 3", False),
        (
            [[3, 2], [1, 2]],
            [[0.2, 0.4], [0.6, 0.3]],
            "0.50 on average (star) at",
            False,
        ),
    ],
)
def test_the_title_names_the_best_epochs(losses, scores, expected, falls):
    title = title_of(training_history(history(losses, scores)))
    assert expected in title
    assert ("still falls" in title) == falls


def test_the_title_says_what_training_began_with():
    table = history([[3, 2, 1]], [[0.1, 0.5, 0.4]])
    title = title_of(training_history(table, "random weights"))
    assert title.startswith("From random weights: validation macro-F1 reaches 0.50")


def test_every_split_has_its_lines_and_star():
    figure = training_history(history([[2, 1], [2, 1]], [[0.1, 0.2], [0.1, 0.3]]))
    losses, scores = figure.axes
    assert [len(axes.lines) for axes in (losses, scores)] == [4, 4]
    stars = [line.get_ydata()[0] for line in scores.lines if line.get_marker() == "*"]
    assert stars == [0.2, 0.3]
    validation = losses.get_legend().legend_handles[1].get_color()  # the same cells, on both sides
    assert {line.get_color() for line in scores.lines if line.get_marker() == "o"} == {validation}
    plt.close(figure)
