"""What a score costs: test macro-F1 against the time to fit."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from cellclassifier.plots.dots import TEXT, ends, value, write_around
from cellclassifier.plots.findings import (
    about,
    judged,
    leaders,
    not_told_apart,
    of_test_cells,
    ranked,
    span,
    within,
)
from cellclassifier.plots.style import (
    NO_GENES,
    bare,
    color_of_method,
    first_word,
    in_a_line,
)

METRIC = "macro_f1"
SHORTEST = 0.01  # seconds that are drawn
FEWEST_DECADES = 1.2  # of the axis of seconds, so that it has three numbers or more
LINE = 0.085  # height of a label, as a share of the axes


@rc_context(TEXT)
def score_against_time(summary: pd.DataFrame, pairs: pd.DataFrame, data: str) -> Figure:
    """Test macro-F1 against fit seconds (all grid points), one point per method, with its name.

    Parameters as for ``comparison.all_metrics``. The axis of scores fits the methods that look at
    genes; what is reached without any is said below.
    """
    test = of_test_cells(summary)
    seconds = test["fit_seconds"]["mean"].clip(lower=SHORTEST)
    methods = [name for name in ranked(test, METRIC) if name != NO_GENES] or [NO_GENES]
    scores = test.loc[methods, METRIC]
    figure, axes = plt.subplots(figsize=(11, 5.8), layout="constrained")
    for method, row in scores.iterrows():
        _draw_point(axes, seconds[method], row, color_of_method(method))
    _fit_seconds(axes, seconds[methods])
    _fit_scores(axes, scores)
    _write_names(axes, scores, seconds)
    axes.set_ylabel("macro-F1 on test cells")
    axes.set_xlabel("seconds to fit, grid search included (log scale)")
    bare(axes)
    note = about(test, data)
    if NO_GENES in test.index and methods != [NO_GENES]:
        note += f" Without a look at genes (majority): {test.loc[NO_GENES, (METRIC, 'mean')]:.2f}."
    return write_around(figure, _title(test, pairs, judged(test, METRIC), seconds), note)


def _draw_point(axes: Axes, seconds: float, row: pd.Series, color: str) -> None:
    low, high = ends(row)
    error = [[max(row["mean"] - low, 0)], [max(high - row["mean"], 0)]]
    axes.errorbar(seconds, row["mean"], error, fmt="o", color=color, capsize=4, markersize=9)


def _fit_seconds(axes: Axes, seconds: pd.Series) -> None:
    """Round numbers on a log scale that spans a decade at least."""
    first, last = np.log10([seconds.min(), seconds.max()])
    margin = max(0.1, (FEWEST_DECADES - (last - first)) / 2)
    axes.set_xscale("log")
    axes.set_xlim(10 ** (first - margin), 10 ** (last + margin))
    steps = (1, 2, 5) if last - first < 2 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def _fit_scores(axes: Axes, scores: pd.DataFrame) -> None:
    values = [end for _, row in scores.iterrows() for end in ends(row)]
    margin = 0.08 * (max(values) - min(values)) or 0.05
    axes.set_ylim(min(values) - margin, max(values) + margin)


def _write_names(axes: Axes, scores: pd.DataFrame, seconds: pd.Series) -> None:
    """Names and numbers in a column at the right, each joined to its point by a thin line."""
    low, high = axes.get_ylim()
    heights = spread_out(((scores["mean"] - low) / (high - low)).to_numpy(), LINE)
    for (method, row), height in zip(scores.iterrows(), heights, strict=True):
        axes.annotate(
            f"{in_a_line(method)}: {value(row)}, {seconds[method]:,.3g} s",
            (seconds[method], row["mean"]),
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            color=color_of_method(method),
            arrowprops={
                "arrowstyle": "-",
                "color": color_of_method(method),
                "alpha": 0.4,
                "relpos": (0, 0.5),
            },
        )


def spread_out(heights: np.ndarray, gap: float) -> np.ndarray:
    """Heights that fall, moved apart until no two are nearer than ``gap``, around where they were.

    heights: (n,) of which none is above the one before it.
    """
    falls = gap * np.arange(len(heights))
    # How far each may stay at most, seen from above; the middle of it and the same from below.
    from_above = np.minimum.accumulate(heights + falls) - falls
    from_below = np.maximum.accumulate((heights + falls)[::-1])[::-1] - falls
    return (from_above + from_below) / 2


def _title(test: pd.DataFrame, pairs: pd.DataFrame, methods: list[str], seconds: pd.Series) -> str:
    """Methods: best first."""
    leading = leaders(methods, pairs, METRIC)
    values = f"{within(METRIC)} {span(test.loc[leading, (METRIC, 'mean')])}"
    if len(leading) == 1:
        best = leading[0]
        found = f"{first_word(best)} scores highest" if len(methods) > 1 else first_word(best)
        return f"{found}: {values}, in {seconds[best]:,.3g} s"
    ends = [seconds[leading].idxmin(), seconds[leading].idxmax()]
    costs = (f"{seconds[method]:,.3g} s ({in_a_line(method)})" for method in ends)
    return f"{not_told_apart(leading, methods)} ({values});\nthey take {' to '.join(costs)}"
