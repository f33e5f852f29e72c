"""What is left of a score when genes or counts are missing, one line per method."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from cellclassifier.plots.against_time import spread_out
from cellclassifier.plots.style import (
    bare,
    color_of_method,
    in_a_line,
    plain_text,
    title_above,
)

LINE = 0.055  # height of a name, as a share of the axes
LOSSES = (("genes", 0.5, "half of the genes"), ("counts", 0.1, "90 % of the counts"))
ZEROS = ", missing as zeros"
MARKS = "osD^vP*X<>p"


@plain_text
def score_against_losses(table: pd.DataFrame, data: str, n_splits: int, n_draws: int) -> Figure:
    """Macro-F1 against the share of genes missing, and against the share of counts kept.

    table: a row per method, lost ("genes", "counts") and share, with macro_f1 and macro_f1_std. A
    method with a comma in its name is drawn dashed, in the colour of what stands before it.
    """
    figure, (genes, counts) = plt.subplots(1, 2, figsize=(17, 6.8), sharey=True)
    figure.subplots_adjust(left=0.06, right=0.83, wspace=0.85, bottom=0.1, top=0.97)
    for axes, lost in ((genes, "genes"), (counts, "counts")):
        _draw(axes, table[table["lost"] == lost])
        axes.set_ylim(0, 1)
        axes.grid(axis="y", alpha=0.3)
        bare(axes)
    genes.set(xlabel="share of the file's genes that are missing", ylabel="macro-F1 on test cells")
    genes.xaxis.set_major_formatter(PercentFormatter(1))
    counts.set(xscale="log", xlabel="share of the counts that are left (log scale)")
    counts.invert_xaxis()
    shares = sorted(table.loc[table["lost"] == "counts", "share"].unique())
    counts.xaxis.set_major_locator(FixedLocator(shares))
    counts.xaxis.set_minor_locator(NullLocator())
    counts.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    counts.tick_params(labelleft=True)
    for axes, lost in ((genes, "genes"), (counts, "counts")):
        _write_names(axes, table[table["lost"] == lost])
    note = f"{data}, mean of {n_splits} splits and {n_draws} draws, the same for all methods."
    return title_above(figure, f"{_title(table)}\n{note}")


def _draw(axes: Axes, table: pd.DataFrame) -> None:
    plain = [name for name in table["method"].unique() if "," not in name]
    for method, points in table.groupby("method"):
        points = points.sort_values("share")
        base = method.split(",")[0]
        style = {"linestyle": "--", "marker": None, "linewidth": 1.5}
        if method == base:
            mark = MARKS[plain.index(method) % len(MARKS)]
            style = {"linestyle": "-", "marker": mark, "linewidth": 2.2}
        axes.plot(points["share"], points["macro_f1"], color=color_of_method(base), **style)


def _write_names(axes: Axes, table: pd.DataFrame) -> None:
    """At the right end of every line its method and last score."""
    losses_grow = table["lost"].eq("genes").all()
    ends = table.sort_values("share", ascending=losses_grow).groupby("method").tail(1)
    ends = ends.sort_values("macro_f1", ascending=False, kind="stable")
    heights = spread_out(ends["macro_f1"].to_numpy(), LINE)
    heights = heights + max(0, 0.01 - heights.min(initial=1))
    for row, height in zip(ends.itertuples(), heights, strict=True):
        color = color_of_method(row.method.split(",")[0])
        axes.annotate(
            f"{_named(row.method)} {row.macro_f1:.2f}",
            (row.share, row.macro_f1),
            (1.05, height),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=11,
            color=color,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "alpha": 0.5, "relpos": (0, 0.5)},
        )


def _named(method: str) -> str:
    """A method as in figures, and what stands behind the comma."""
    base, *rest = method.split(",")
    return ",".join([in_a_line(base), *rest])


def _title(table: pd.DataFrame) -> str:
    """What methods keep without half of the genes, or most counts, and what zeros would leave."""
    plain = ~table["method"].str.contains(",")
    found = [
        f"Without {text}, methods (full lines) keep {_span(table[plain], lost, share)} macro-F1"
        for lost, share, text in LOSSES
        if _at(table[plain], lost, share).size
    ]
    zeros = table[table["method"].str.endswith(ZEROS)]
    if len(zeros):
        found[0] += f" ({_span(zeros, *LOSSES[0][:2])} where missing genes count as zeros)"
    return ".\n".join(found) + "."


def _at(table: pd.DataFrame, lost: str, share: float) -> np.ndarray:
    rows = table[(table["lost"] == lost) & np.isclose(table["share"], share)]
    return rows["macro_f1"].to_numpy()


def _span(table: pd.DataFrame, lost: str, share: float) -> str:
    scores = _at(table, lost, share)
    ends = f"{scores.min():.2f}", f"{scores.max():.2f}"
    return " to ".join(dict.fromkeys(ends))
