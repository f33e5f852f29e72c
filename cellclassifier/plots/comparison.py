"""Methods side by side: one metric on every part, and test macro-F1 against time."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from cellclassifier.plots.style import (
    DARK_GREY,
    GREY,
    LOWER_IS_BETTER,
    METRIC_NAMES,
    NO_GENES,
    PART_COLORS,
    PART_NAMES,
    bare,
    color_of,
    first_word,
    in_a_line,
    method_marker,
    plain_text,
    readable,
    title_of_axes,
)

BAR_WIDTH = 0.27
NEAR = 0.02  # macro-F1: what is a matter of taste


@plain_text
def metric_comparison(summary: pd.DataFrame, metric: str) -> Figure:
    """Bars with standard deviations of one metric, for every method and part, best test first.

    summary: rows indexed by (method, part), columns (metric, "mean" | "std").
    """
    table = summary[metric].unstack("part")
    table = table.sort_values(("mean", "test"), ascending=metric in LOWER_IS_BETTER)
    methods = table.index.to_list()
    figure, axes = plt.subplots(figsize=(max(7.5, 1.6 + 1.55 * len(methods)), 4.2))
    _draw_bars(axes, table)
    top = float((table["mean"] + table["std"]).max().max())
    _write_test_means(axes, table, 0.015 * top)
    axes.set_xticks(range(len(methods)), [readable(name) for name in methods])
    axes.set_ylim(min(0, table["mean"].min().min() * 1.1), max(1.1 * top, 0.05))
    axes.set_ylabel(METRIC_NAMES[metric])
    title_of_axes(axes, _metric_title(table, metric), pad=28)
    axes.legend(
        ncols=3, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.995), borderaxespad=0.2
    )
    bare(axes)
    return figure


def _draw_bars(axes, table: pd.DataFrame) -> None:
    for i, part in enumerate(PART_COLORS):
        places = np.arange(len(table)) + (i - 1) * BAR_WIDTH
        axes.bar(
            places,
            table["mean"][part],
            BAR_WIDTH,
            yerr=table["std"][part],
            capsize=3,
            color=PART_COLORS[part],
            label=PART_NAMES[part],
        )


def _write_test_means(axes, table: pd.DataFrame, gap: float) -> None:
    means, stds = table["mean"]["test"], table["std"]["test"]
    for i, (mean, std) in enumerate(zip(means, stds, strict=True)):
        axes.text(i + BAR_WIDTH, mean + std + gap, f"{mean:.2f}", ha="center", fontsize=9)


def _metric_title(table: pd.DataFrame, metric: str) -> str:
    """Table: best method first."""
    value = f"{table['mean']['test'].iloc[0]:.2f} ± {table['std']['test'].iloc[0]:.2f}"
    note = " (lower is better)" if metric in LOWER_IS_BETTER else ""
    best = first_word(table.index[0])
    return f"{best} is best on test cells: {METRIC_NAMES[metric]} {value}{note}"


@plain_text
def score_against_time(summary: pd.DataFrame) -> Figure:
    """Test macro-F1 against fit seconds (all grid points), one point per method.

    summary: as for ``metric_comparison``.
    """
    test = summary.xs("test", level="part").sort_values(("macro_f1", "mean"), ascending=False)
    score, seconds = test["macro_f1"], test["fit_seconds"]["mean"].clip(lower=0.01)
    methods = [name for name in test.index if name != NO_GENES] or [NO_GENES]
    figure, axes = plt.subplots(figsize=(7.6, 4.6))
    for i, method in enumerate(methods):
        _draw_point(axes, i, method, score.loc[method], seconds[method])
    if NO_GENES in test.index and methods != [NO_GENES]:
        _draw_floor(axes, score["mean"][NO_GENES])
    _seconds_axis(axes)
    axes.set_ylim(0, min(1.0, score["mean"].max() * 1.15))
    axes.set_ylabel("macro-F1 on test cells")
    title_of_axes(axes, _time_title(score["mean"][methods], seconds[methods]))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    bare(axes)
    return figure


def _draw_point(axes, i: int, method: str, score: pd.Series, seconds: float) -> None:
    """Score: mean and std."""
    mean, std = score[["mean", "std"]]
    axes.errorbar(
        seconds,
        mean,
        std,
        fmt=method_marker(i),
        color=color_of(i),
        capsize=3,
        markersize=8,
        label=f"{in_a_line(method)}: {mean:.2f} ± {std:.2f}, {seconds:,.3g} s",
    )


def _draw_floor(axes, floor: float) -> None:
    """What is reached without a look at genes, with its name at the right end of the line."""
    axes.axhline(floor, color=GREY, linestyle="--", linewidth=1)
    at_right_end = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "bottom"}
    axes.text(1, floor, f"majority: {floor:.2f} ", color=DARK_GREY, **at_right_end)


def _seconds_axis(axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("seconds to fit, grid search included (log scale)")


def _time_title(score: pd.Series, seconds: pd.Series) -> str:
    best = score.idxmax()
    near = seconds[score >= score.max() - NEAR].idxmin()
    finding = f"{first_word(best)} scores highest ({score[best]:.2f})"
    if near == best:
        return f"{finding}, in {seconds[best]:,.3g} s"
    return f"{finding};\n{in_a_line(near)} comes within {NEAR} in {seconds[near]:,.3g} s"
