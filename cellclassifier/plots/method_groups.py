"""Methods from best to worst, and bars that join those which are not told apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from cellclassifier.plots.dots import TEXT, draw_dots, fit_axis, value, write_around
from cellclassifier.plots.findings import leaders, not_told_apart, span
from cellclassifier.plots.style import DARK_GREY, NO_GENES, first_word, in_a_line

SECONDS, MIB = "CPU seconds (log scale)", "memory added, MiB"
GAP = 0.035  # between bars, in widths of the plot


@rc_context(TEXT)
def method_groups(
    scores: pd.DataFrame, groups: list[list[str]], pairs: pd.DataFrame, data: str
) -> Figure:
    """Macro-F1 of every method with its 95 % interval, beside the groups that are not told apart.

    scores: (n_methods), best first, index method, columns mean, low, high, n_splits; groups: of
    methods, each a run of neighbours; pairs: method_a, method_b, metric, p_holm; data: which cells,
    how many. After the diagrams of Demšar 2006 (https://jmlr.org/papers/v7/demsar06a.html).
    """
    methods = list(scores.index)
    leading = leaders(_judged(scores), pairs, "macro_f1")
    figure, axes = plt.subplots(figsize=(11, 1.6 + 0.45 * len(methods)), layout="constrained")
    draw_dots(axes, scores, leading)
    fit_axis(axes, scores)
    axes.set_xlabel("macro-F1 on test cells")
    for place, (_, row) in enumerate(scores.iterrows()):
        axes.text(1.02, place, value(row), transform=axes.get_yaxis_transform(), va="center")
    joined = [group for group in groups if len(group) > 1]
    for number, group in enumerate(joined):
        places = [methods.index(name) for name in group]
        x = 1.32 + GAP * number
        ends = [min(places) - 0.25, max(places) + 0.25]
        look = {"color": DARK_GREY, "linewidth": 4, "solid_capstyle": "butt", "clip_on": False}
        axes.plot([x, x], ends, transform=axes.get_yaxis_transform(), **look)
    note = (
        f"{data}. Dots: mean over splits; lines: 95 % interval. Filled: the best and what is not "
    )
    note += "told apart from it. Bars at the right join neighbours of which no two are told apart "
    note += "(paired bootstrap over splits and test cells; Holm)."
    fewer = scores.index[scores["n_splits"] < scores["n_splits"].max()]
    if len(fewer):
        names = ", ".join(f"{in_a_line(m)} ({scores.loc[m, 'n_splits']:.0f})" for m in fewer)
        note += f" On fewer splits, and not judged: {names}."
    return write_around(figure, _title(scores, leading, joined), note)


def _judged(scores: pd.DataFrame) -> list[str]:
    """Methods of which a winner is named: that look at genes, on all splits."""
    whole = scores.index[scores["n_splits"] == scores["n_splits"].max()]
    return [name for name in whole if name != NO_GENES] or list(scores.index)


def _title(scores: pd.DataFrame, leading: list[str], joined: list[list[str]]) -> str:
    methods = _judged(scores)
    values = f"macro-F1 {span(scores.loc[leading, 'mean'])}"
    if len(methods) == 1:
        return f"{first_word(methods[0])}: {values}"
    if len(leading) == 1:
        second = methods[1]
        return (
            f"{first_word(leading[0])} is told apart from all others: {values}; "
            f"{in_a_line(second)} {scores.loc[second, 'mean']:.2f}"
        )
    n = len(joined)
    bars = f"; {n} group{'s' * (n != 1)} of methods are not told apart" if n > 1 else ""
    return f"{not_told_apart(leading, methods)}: {values}{bars}"


@rc_context(TEXT)
def costs(table: pd.DataFrame, data: str) -> Figure:
    """Seconds of the processor and added memory, of learning and of naming new cells.

    table: (n_methods) index method, columns fit_cpu_seconds, predict_cpu_seconds (per 1,000 cells),
    fit_added_gib, predict_added_gib; in the order to show.
    """
    figure, panels = plt.subplots(
        1, 2, figsize=(13, 1.8 + 0.42 * len(table)), sharey=True, layout="constrained"
    )
    places = np.arange(len(table))
    for axes, of, unit in zip(panels, ("cpu_seconds", "added_gib"), (SECONDS, MIB), strict=True):
        for kind, name, look in (
            ("fit", "learning", {"marker": "o", "s": 90}),
            ("predict", "naming 1,000 cells", {"marker": "D", "s": 60, "facecolor": "white"}),
        ):
            values = table[f"{kind}_{of}"].to_numpy(float) * (1024 if unit == MIB else 1)
            axes.scatter(values, places, color=DARK_GREY, label=name, zorder=3, **look)
        if unit == SECONDS:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
        else:
            most = 1024 * np.nanmax(table.filter(like=of).to_numpy(float), initial=0.001)
            axes.set_xlim(-0.04 * most, 1.08 * most)  # whole marks at 0
        axes.grid(axis="x", color="#E5E5E5")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(unit)
    panels[0].set_yticks(places, [in_a_line(name) for name in table.index])
    panels[0].set_ylim(len(table) - 0.5, -0.5)
    panels[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    note = f"{data}. CPU seconds of all threads together; memory added to what the process held "
    note += "before (libraries, cells)."
    return write_around(figure, _title_of_costs(table), note)


def _title_of_costs(table: pd.DataFrame) -> str:
    seconds = table["fit_cpu_seconds"].astype(float).dropna()
    if seconds.empty:
        return "No cost was measured"
    cheap, dear = seconds.idxmin(), seconds.idxmax()
    if cheap == dear:
        return f"{first_word(cheap)} learns in {seconds[cheap]:,.2g} CPU seconds"
    times = seconds[dear] / max(seconds[cheap], 1e-3)
    return (
        f"{first_word(dear)} costs {times:,.0f} times the learning of {in_a_line(cheap)} "
        f"({seconds[dear]:,.3g} and {seconds[cheap]:,.2g} CPU seconds)"
    )
