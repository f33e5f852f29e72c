"""Does a cell predicted with 80 % confidence turn out right in 80 % of cases?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellclassifier.plots.dots import TEXT, write_around
from cellclassifier.plots.findings import leaders, not_told_apart, span
from cellclassifier.plots.style import GREY, NO_GENES, color_of_method, first_word, in_a_line

COLUMNS = 5
FEWEST_CELLS = 10  # behind a point
FEWEST_SHARE = 0.1  # of all test cells behind a point: with fewer, curves jump by chance
Z = 1.96  # of a 95 % interval


@rc_context(TEXT)
def reliability_curves(
    tables: dict[str, pd.DataFrame], ece: dict[str, float], pairs: pd.DataFrame, data: str
) -> Figure:
    """Accuracy against confidence with its interval, a panel per method, best calibrated first.

    tables: per method the result of ``metrics.reliability``: index bin, columns confidence,
    accuracy, n_cells; ece: expected calibration error per method; pairs, data: as for
    ``comparison.all_metrics``. The majority baseline, whose confidence is the same for every cell,
    is left out.
    """
    methods = [name for name in sorted(tables, key=ece.get) if name != NO_GENES] or [NO_GENES]
    columns = min(COLUMNS, len(methods))
    rows = -(-len(methods) // columns)
    figure, panels = plt.subplots(
        rows,
        columns,
        figsize=(max(8, 2.75 * columns), 2.9 * rows + 1.4),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, method in zip(panels.flat, methods, strict=False):
        _draw(axes, joined(tables[method]), color_of_method(method))
        axes.set_title(f"{in_a_line(method)}\nerror {ece[method]:.3f}", loc="left", fontsize=13)
    for axes in panels.flat[len(methods) :]:
        axes.set_axis_off()
    figure.supylabel("share of these cells that are right", fontsize=13)
    sizes = {method: int(tables[method]["n_cells"].sum()) for method in methods}
    note = (
        f"{data}: {max(sizes.values()):,} test cells of all splits. Across: confidence (the "
        "predicted type's probability). Above the dashed line a method is not sure enough, below "
        "it too sure; lines: 95 % intervals of a share; error: mean distance from the dashed line."
    )
    judged = [name for name in methods if sizes[name] == max(sizes.values())]
    return write_around(figure, _title(judged, ece, pairs), note)


def joined(table: pd.DataFrame) -> pd.DataFrame:
    """Neighbouring bins put together until there are enough cells behind each.

    Columns confidence, accuracy (means over cells), n_cells.
    """
    fewest = max(FEWEST_CELLS, FEWEST_SHARE * table["n_cells"].sum())
    below = table["n_cells"].cumsum() - table["n_cells"]
    groups, group, start = [], 0, 0.0
    for cells_below in below:
        if cells_below - start >= fewest:
            group, start = group + 1, cells_below
        groups.append(group)
    groups = np.array(groups)
    sizes = table["n_cells"].groupby(groups).sum()
    if len(sizes) > 1 and sizes.iloc[-1] < fewest:
        groups[groups == groups.max()] -= 1
    weighted = table[["confidence", "accuracy"]].mul(table["n_cells"], axis=0)
    sums = weighted.assign(n_cells=table["n_cells"]).groupby(groups).sum()
    return sums.assign(**{name: sums[name] / sums["n_cells"] for name in weighted})


def interval(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of shares of n (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return middle - half, middle + half


def _draw(axes: Axes, table: pd.DataFrame, color: str) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    share, n = table["accuracy"].to_numpy(), table["n_cells"].to_numpy(float)
    low, high = interval(share, n)
    error = [np.maximum(share - low, 0), np.maximum(high - share, 0)]
    axes.errorbar(
        table["confidence"], share, error, color=color, marker="o", markersize=7, linewidth=2
    )
    axes.set(xlim=(0, 1.04), ylim=(0, 1.04), xticks=(0, 0.5, 1), yticks=(0.5, 1))
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)


def _title(methods: list[str], ece: dict[str, float], pairs: pd.DataFrame) -> str:
    """Methods: those of all splits, best first."""
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
