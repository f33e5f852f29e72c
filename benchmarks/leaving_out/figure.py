"""Accuracy in every study that was left out, of single cells and averaged over neighbours."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cellclassifier.plots.style import METHOD_NAMES

PANELS = {"accuracy": "each cell by itself", "averaged_accuracy": "averaged over 15 neighbours"}
GOAL = 0.92
MEAN = "mean"
MARKS = {  # a shape and a colour for every study
    "FACS-sorted PBMC": ("o", "#0072B2"),
    "pbmc3k": ("s", "#E69F00"),
    "ifnb CTRL": ("^", "#009E73"),
    "ifnb STIM": ("v", "#D55E00"),
    "embedded sample": ("D", "#CC79A7"),
}
NAMES = METHOD_NAMES | {
    "celltypist": "CellTypist 1.7.1",
    "plain_regression": "plain logistic regression",
}


@rc_context({"font.size": 13})
def accuracy_of_studies(table: pd.DataFrame) -> Figure:
    """Methods down, best mean last; a mark per study, a bar at the mean of all that are shown.

    table: method, study, accuracy, averaged_accuracy; rows of the mean are those of ``MEAN``.
    """
    means = table[table["study"] == MEAN].set_index("method")
    order = means["averaged_accuracy"].sort_values().index.tolist()
    figure, panels = plt.subplots(1, 2, figsize=(12.5, 6.2), sharex=True, sharey=True)
    for axes, (column, name) in zip(panels, PANELS.items(), strict=True):
        _draw(axes, table, means[column], order, column)
        axes.set_title(name, fontsize=13)
        axes.set_xlabel("accuracy, common types")
    panels[0].set_yticks(range(len(order)), list(map(readable, order)))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    best = order[-1]
    figure.suptitle(
        f"{readable(best)} is right most often where a study was left out of training: mean "
        f"accuracy {means['averaged_accuracy'][best]:.3f}",
        fontsize=15,
        x=0.01,
        ha="left",
    )
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure


def readable(method: str) -> str:
    """A method's name as a person writes it."""
    return NAMES.get(method, method.replace("_", " "))


def _draw(axes: Axes, table: pd.DataFrame, means: pd.Series, order: list[str], column: str) -> None:
    for study, (shape, color) in MARKS.items():
        own = table[table["study"] == study].set_index("method")[column].reindex(order)
        axes.scatter(own, range(len(order)), marker=shape, color=color, s=62, label=study, zorder=3)
    for place, method in enumerate(order):
        axes.plot([means[method]] * 2, [place - 0.32, place + 0.32], color="black", linewidth=2.5)
    axes.axvline(GOAL, color="#777777", linestyle=":", linewidth=1.5, zorder=1)
    axes.text(GOAL, -0.75, "goal", ha="center", va="center", color="#555555", fontsize=11)
    axes.set_ylim(-1, len(order) - 0.4)
    axes.xaxis.set_major_locator(MultipleLocator(0.1))
    axes.grid(axis="y", color="#E4E4E4", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
