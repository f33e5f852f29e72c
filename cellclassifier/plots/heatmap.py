"""Numbers in coloured squares: the one way in which all figures draw a table."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellclassifier.plots.style import short

INCHES_PER_LETTER = 0.095  # of a number in its square
SMALLEST_SQUARE = 0.5  # inches: the figure grows with the table, its letters do not shrink
SMALLEST = 2.8  # inches of all squares: room for what is written beside the colour bar
BAR, BAR_GAP = 0.25, 0.25  # inches
# Relative luminance above which black has more contrast than white, 4.6 to 1 at least:
# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
BRIGHT = 0.179


def annotated_heatmap(
    table: pd.DataFrame,
    texts: np.ndarray,
    bar_label: str,
    *,
    low: float = 0.0,
    high: float = 1.0,
    colors: str = "cividis",
    column_names: Sequence[str] | None = None,
    **bar,
) -> tuple[Figure, Axes]:
    """Seaborn's heat map of a table with a text in every square, named by rows and columns.

    texts: as the table, "" for an empty square; low and high: values at the ends of the colours,
    which ``bar_label`` explains; column_names: to stand upright instead of the table's own at an
    angle; bar: further options of the colour bar.
    """
    import seaborn  # slow to import

    longest = max(map(len, texts.ravel()), default=1)
    if column_names is not None:  # of several lines
        longest = max(longest, *(len(line) for name in column_names for line in name.split("\n")))
    width = max(SMALLEST_SQUARE, 0.14 + INCHES_PER_LETTER * longest) * table.shape[1]
    figure, axes, bar_axes = _laid_out(width, SMALLEST_SQUARE * len(table))
    seaborn.heatmap(
        table,
        annot=texts,
        fmt="",
        cmap=colors,
        vmin=low,
        vmax=high,
        linewidths=0.5,
        annot_kws={"fontsize": 11},
        cbar_kws={"label": bar_label, **bar},
        ax=axes,
        cbar_ax=bar_axes,
    )
    _color_texts(axes)
    _name(axes, table, column_names)
    return figure, axes


def _laid_out(width: float, height: float) -> tuple[Figure, Axes, Axes]:
    """A figure of the squares (in inches) and the bar alone: names lie outside, as the title does.

    All of it is saved, with ``bbox_inches="tight"``.
    """
    width, height = max(width, SMALLEST), max(height, SMALLEST)
    figure = plt.figure(figsize=(width + BAR_GAP + BAR, height))
    whole = figure.get_figwidth()
    axes = figure.add_axes((0, 0, width / whole, 1))
    return figure, axes, figure.add_axes(((width + BAR_GAP) / whole, 0, BAR / whole, 1))


def _color_texts(axes: Axes) -> None:
    """Black or white, whichever reads better: seaborn's white on khaki is lost on a projector."""
    squares = axes.collections[0]
    n_columns = squares.get_array().shape[1]
    for text in axes.texts:  # none in a square without a value
        column, row = map(int, text.get_position())
        color = squares.get_facecolors()[row * n_columns + column]
        text.set_color("black" if luminance(color) > BRIGHT else "white")


def luminance(color: Sequence[float]) -> float:
    """Relative luminance, 0 to 1, of red, green and blue as screens have them (sRGB, 0 to 1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def _name(axes: Axes, table: pd.DataFrame, column_names: Sequence[str] | None) -> None:
    axes.set_yticks(np.arange(len(table)) + 0.5, map(short, table.index), rotation=0)
    upright = column_names is not None
    names = column_names if upright else [short(name) for name in table.columns]
    leaning = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    look = {"rotation": 0} if upright else leaning
    axes.set_xticks(np.arange(table.shape[1]) + 0.5, names, **look)
    axes.set(xlabel="", ylabel="")
    axes.tick_params(length=0)
