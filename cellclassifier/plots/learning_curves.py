"""Macro-F1 against the number of training cells: would more cells help?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from cellclassifier.plots.against_time import spread_out
from cellclassifier.plots.dots import TEXT, write_around
from cellclassifier.plots.style import bare, color_of_method, first_word, in_a_line

LINE = 0.055  # height of a line of text, in heights of the plot
STILL_RISES = 0.02  # macro-F1 gained by the last step


@rc_context(TEXT)
def learning_curves(table: pd.DataFrame, data: str) -> Figure:
    """A line per method. table: method, n_train, macro_f1, of one split."""
    figure, axes = plt.subplots(figsize=(11, 6), layout="constrained")
    last = {}
    for method, rows in table.sort_values("n_train").groupby("method", sort=False):
        axes.plot(rows["n_train"], rows["macro_f1"], "o-", color=color_of_method(method), lw=2)
        last[method] = rows.iloc[-1]
    axes.set_xscale("log")
    sizes = sorted(table["n_train"].astype(int).unique())
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training cells (log scale)")
    axes.set_ylabel("macro-F1 on test cells")
    bare(axes)
    low, high = axes.get_ylim()
    order = sorted(last, key=lambda name: -last[name]["macro_f1"])
    shares = np.array([(last[name]["macro_f1"] - low) / (high - low) for name in order])
    for method, height in zip(order, spread_out(shares, LINE), strict=True):
        axes.annotate(
            f"{in_a_line(method)}: {last[method]['macro_f1']:.2f}",
            (last[method]["n_train"], last[method]["macro_f1"]),
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            color=color_of_method(method),
            arrowprops={"arrowstyle": "-", "color": color_of_method(method), "alpha": 0.4},
        )
    note = f"{data}. One split, one grid point per method; every type keeps two cells at least."
    return write_around(figure, _title(table, order), note)


def _title(table: pd.DataFrame, order: list[str]) -> str:
    """Order: methods by their last score, best first."""
    gains = {}
    for method, rows in table.sort_values("n_train").groupby("method"):
        if len(rows) > 1:
            gains[method] = rows["macro_f1"].iloc[-1] - rows["macro_f1"].iloc[-2]
    rising = [name for name in order if gains.get(name, 0) > STILL_RISES]
    smallest = table[table["n_train"] == table["n_train"].min()]
    first = smallest.loc[smallest["macro_f1"].idxmax(), "method"]
    ahead = f"{first_word(first)} needs fewest cells: ahead at {int(smallest['n_train'].iloc[0]):,}"
    if not rising:
        return f"{ahead}; no method gains over {STILL_RISES:g} by the last step"
    if len(rising) == len(gains):
        return f"{ahead}; all of them still rise at the end: more cells would help"
    names = ", ".join(map(in_a_line, rising[:3]))
    return f"{ahead}; {names} still {'rises' if len(rising) == 1 else 'rise'} at the end"
