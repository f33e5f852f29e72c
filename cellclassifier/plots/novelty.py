"""How well cells of unknown types are told, and what refusing the most novel cells buys."""

from __future__ import annotations

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import (
    bare,
    color_of_method,
    in_a_line,
    plain_text,
    readable,
    short,
    title_above,
)

MARKERS = "osD^vP"  # of methods, beside their colours


@plain_text
def unknown_types(table: pd.DataFrame, data: str) -> Figure:
    """AUROC of unknown against known cells, left-out types (rows) x methods (columns).

    table: rows cell_type, columns methods; data: the name of the data set.
    """
    table = table.loc[table.mean(axis=1).sort_values(ascending=False).index]
    table = table[table.mean().sort_values(ascending=False).index]
    figure, axes = annotated_heatmap(
        table,
        np.array([f"{value:.2f}" for value in table.to_numpy().flat]).reshape(table.shape),
        "AUROC, unknown against known",
        low=0.5,
        column_names=[f"{readable(name)}\nmean {table[name].mean():.2f}" for name in table],
    )
    axes.set_ylabel("type left out of training")
    best, hardest = table.columns[0], table.index[-1]
    title = (
        f"{data}: {in_a_line(best)} tells unknown types best (AUROC {table[best].mean():.2f});\n"
        f"{short(hardest)} is hardest to tell ({table.loc[hardest].mean():.2f})"
    )
    return title_above(figure, title)


@plain_text
def rejection(table: pd.DataFrame, data: str) -> Figure:
    """Accuracy of the cells that are kept when the most novel are refused, a line per method.

    table: columns method, kept (share) and accuracy; data: the name of the data set.
    """
    figure, axes = plt.subplots(figsize=(7, 4.8))
    at_90 = table[np.isclose(table["kept"], 0.9)].set_index("method")["accuracy"]
    shapes = cycle(MARKERS)
    for method in at_90.sort_values(ascending=False).index:
        line = table[table["method"] == method].sort_values("kept")
        style = {"color": color_of_method(method), "marker": next(shapes), "markevery": 10}
        axes.plot(line["kept"], line["accuracy"], **style, label=in_a_line(method))
    axes.invert_xaxis()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("share of test cells kept (those of highest entropy are refused first)")
    axes.set_ylabel("accuracy of the kept cells")
    bare(axes)
    axes.legend(frameon=False, loc="lower right")
    best = at_90.idxmax()
    all_kept = table[(table["method"] == best) & np.isclose(table["kept"], 1)]["accuracy"].iloc[0]
    title = (
        f"{data}: refusing the most novel tenth lifts {in_a_line(best)}\n"
        f"from {all_kept:.1%} to {at_90[best]:.1%} accuracy"
    )
    return title_above(figure, title)
