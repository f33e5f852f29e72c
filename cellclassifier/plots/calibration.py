"""Does a cell predicted with 80 % confidence turn out right in 80 % of cases?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.style import (
    DARK_GREY,
    GREY,
    NO_GENES,
    bare,
    color_of,
    first_word,
    in_a_line,
    method_marker,
    plain_text,
    title_of_axes,
)

FEWEST_CELLS = 10  # behind a point of a curve


@plain_text
def reliability_curves(tables: dict[str, pd.DataFrame], ece: dict[str, float]) -> Figure:
    """Accuracy against confidence, one line per method.

    tables: per method the result of ``metrics.reliability``; ece: expected calibration error per
    method. The majority baseline, whose confidence is the same for every cell, is left out.
    """
    methods = [name for name in sorted(tables, key=ece.get) if name != NO_GENES] or [NO_GENES]
    figure, axes = plt.subplots(figsize=(6.4, 5.6))
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    for i, method in enumerate(methods):
        table = tables[method]
        table = table[table["n_cells"] >= FEWEST_CELLS]
        label = f"{in_a_line(method)} (ECE {ece[method]:.3f})"
        style = {"color": color_of(i), "marker": method_marker(i), "markersize": 5}
        axes.plot(table["confidence"], table["accuracy"], label=label, **style)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_xlabel("confidence (probability of the predicted type)")
    axes.set_ylabel("accuracy of test cells predicted with that confidence")
    title_of_axes(axes, _title(methods, ece))
    axes.text(0.03, 0.95, "above the dashed line: not sure enough", color=DARK_GREY, fontsize=9)
    axes.text(0.97, 0.04, "below it: too sure", ha="right", color=DARK_GREY, fontsize=9)
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    bare(axes)
    return figure


def _title(methods: list[str], ece: dict[str, float]) -> str:
    """Methods: best first."""
    best, worst = methods[0], methods[-1]
    title = f"{first_word(best)} is best calibrated: off by {ece[best]:.1%}"
    if worst == best:
        return title
    return f"{title};\n{in_a_line(worst)} is worst: off by {ece[worst]:.1%} on average"
