"""Methods side by side: every metric in one figure, and each in a figure of its own."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellclassifier.plots.dots import (
    NOTE,
    TEXT,
    draw_dots,
    draw_other_parts,
    fit_axis,
    value,
    write_around,
)
from cellclassifier.plots.findings import (
    FALLING,
    NAMES,
    about,
    finding,
    judged,
    leaders,
    of_test_cells,
    ranked,
    within,
)
from cellclassifier.plots.style import DARK_GREY, first_word

COLUMNS = 4
FILLED = "Filled: the best and what is not told apart from it (paired bootstrap over {over}; Holm)."


@rc_context(TEXT)
def all_metrics(summary: pd.DataFrame, pairs: pd.DataFrame, data: str) -> Figure:
    """Every metric of the test cells, a panel each; the methods in the order of macro-F1.

    summary: rows (method, part), columns (metric, "mean", "std", "low" or "high"), n_splits and
    n_cells; pairs: method_a, method_b, metric, p_holm; data: what the cells are called.
    """
    test = of_test_cells(summary)
    methods = ranked(test, "macro_f1")
    rows = -(-len(NAMES) // COLUMNS)
    figure, panels = plt.subplots(
        rows,
        COLUMNS,
        figsize=(14.5, rows * (1.3 + 0.36 * len(methods)) + 1),
        sharey=True,
        layout="constrained",
    )
    figure.get_layout_engine().set(wspace=0.05)
    for axes, metric in zip(panels.flat, NAMES, strict=True):
        scores = test.loc[methods, metric]
        draw_dots(axes, scores, leaders(judged(test, metric), pairs, metric))
        fit_axis(axes, scores)
        lower = "\n(lower is better)" if metric in FALLING else ""
        axes.set_title(f"{NAMES[metric]}{lower}", loc="left")
    return write_around(figure, _title(test, pairs), _note(test, data))


def _title(test: pd.DataFrame, pairs: pd.DataFrame) -> str:
    won: dict[str, list[str]] = {}
    for metric in NAMES:
        methods = judged(test, metric)
        leading = leaders(methods, pairs, metric)
        if len(methods) > 1 and len(leading) == 1:
            won.setdefault(leading[0], []).append(within(metric))
    title = finding(test, pairs, "macro_f1")
    if len(test) == 1:
        return title
    if not won:
        return f"{title};\nno method leads alone in any metric"
    sentences = [
        f"{first_word(method)} leads alone in {', '.join(of)}" for method, of in won.items()
    ]
    return "\n".join([title, *sentences])


def _note(test: pd.DataFrame, data: str) -> str:
    if len(test) == 1:
        return about(test, data)
    over = "splits and test cells" if (test["n_splits"] > 1).any() else "test cells"
    return f"{about(test, data)} {FILLED.format(over=over)}"


@rc_context(TEXT)
def metric_comparison(summary: pd.DataFrame, pairs: pd.DataFrame, metric: str, data: str) -> Figure:
    """One metric of every method, best on top: test cells with intervals, the other parts faint.

    Parameters as for ``all_metrics``.
    """
    test = of_test_cells(summary)
    methods = ranked(test, metric)
    scores = test.loc[methods, metric]
    parts = summary[metric]["mean"].unstack("part").loc[methods]
    figure, axes = plt.subplots(figsize=(11, 2.6 + 0.45 * len(methods)), layout="constrained")
    draw_other_parts(axes, parts)
    draw_dots(axes, scores, leaders(judged(test, metric), pairs, metric))
    fit_axis(axes, scores, parts[["train", "val"]])
    _write_values(axes, scores)
    lower = ", lower is better" if metric in FALLING else ""
    axes.set_xlabel(f"{NAMES[metric]} on test cells{lower}")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=NOTE, borderpad=0
    )
    return write_around(figure, finding(test, pairs, metric), _note(test, data))


def _write_values(axes: Axes, scores: pd.DataFrame) -> None:
    """The numbers of every row, to the right of the plot."""
    beyond = {"transform": axes.get_yaxis_transform(), "va": "center", "color": DARK_GREY}
    for place, (_, row) in enumerate(scores.iterrows()):
        axes.text(1.02, place, value(row), **beyond)
