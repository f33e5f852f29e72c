"""Does a cell predicted with 80 % confidence turn out right in 80 % of cases?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellclassifier.plots.dots import NOTE, TEXT, write_around
from cellclassifier.plots.findings import leaders, not_told_apart, span
from cellclassifier.plots.style import (
    DARK_GREY,
    GREY,
    NO_GENES,
    color_of_method,
    first_word,
    in_a_line,
)

FEWEST_CELLS = 10  # behind a point of a curve
N_BINS = 15  # of confidence


@rc_context(TEXT)
def reliability_curves(
    tables: dict[str, pd.DataFrame], ece: dict[str, float], pairs: pd.DataFrame, data: str
) -> Figure:
    """Accuracy against confidence, one line per method, above how many cells are behind it.

    tables: per method the result of ``metrics.reliability``: index bin, columns confidence,
    accuracy, n_cells; ece: expected calibration error per method; pairs, data: as for
    ``comparison.all_metrics``. The majority baseline, whose confidence is the same for every cell,
    is left out.
    """
    methods = [name for name in sorted(tables, key=ece.get) if name != NO_GENES] or [NO_GENES]
    figure, (curves, counts) = plt.subplots(
        2, 1, figsize=(11, 8), sharex=True, height_ratios=(3.4, 1), layout="constrained"
    )
    _draw_curves(curves, {method: tables[method] for method in methods}, ece)
    _draw_counts(counts, {method: tables[method] for method in methods})
    counts.set_xlim(-0.03, 1.02)  # room for two numbers at the corner
    counts.set_xlabel("confidence: probability of the predicted type")
    figure.align_ylabels()
    sns.despine(figure)
    n_cells = int(tables[methods[0]]["n_cells"].sum())
    note = f"{data}: {n_cells:,} test cells, of all splits together. ECE: mean distance from the "
    note += "dashed line, within each split. "
    note += f"Points of fewer than {FEWEST_CELLS} cells are not drawn."
    return write_around(figure, _title(methods, ece, pairs), note)


def _draw_curves(axes: Axes, tables: dict[str, pd.DataFrame], ece: dict[str, float]) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    for method, table in tables.items():
        table = table[table["n_cells"] >= FEWEST_CELLS]
        label = f"{in_a_line(method)} (ECE {ece[method]:.3f})"
        style = {"color": color_of_method(method), "marker": "o", "markersize": 6, "linewidth": 2}
        axes.plot(table["confidence"], table["accuracy"], label=label, **style)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("accuracy of these cells")
    axes.text(0.02, 0.93, "above the line: not sure enough", color=DARK_GREY, fontsize=NOTE)
    axes.text(0.99, 0.04, "below it: too sure", ha="right", color=DARK_GREY, fontsize=NOTE)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_counts(axes: Axes, tables: dict[str, pd.DataFrame]) -> None:
    """The test cells in every bin."""
    rows = [
        table.assign(method=method, center=(table.index.to_numpy() + 0.5) / N_BINS)
        for method, table in tables.items()
    ]
    sns.histplot(
        pd.concat(rows, ignore_index=True),
        x="center",
        weights="n_cells",
        hue="method",
        palette={method: color_of_method(method) for method in tables},
        bins=N_BINS,
        binrange=(0, 1),
        element="step",
        fill=False,
        legend=False,
        ax=axes,
    )
    axes.set_ylabel("cells\nper bin")


def _title(methods: list[str], ece: dict[str, float], pairs: pd.DataFrame) -> str:
    """Methods: best first."""
    best, worst = methods[0], methods[-1]
    if len(methods) == 1:
        return f"{first_word(best)}: confidence is off by {ece[best]:.1%} on average"
    leading = leaders(methods, pairs, "ece")
    values = span(pd.Series({method: ece[method] for method in leading}), ".1%")
    alone = len(leading) == 1
    who = f"{first_word(best)} is best" if alone else not_told_apart(leading, methods)
    finding = f"{who}: confidence is off by {values} on average"
    if len(leading) == len(methods):
        return finding
    return f"{finding};\nthat of {in_a_line(worst)} by {ece[worst]:.1%}"
