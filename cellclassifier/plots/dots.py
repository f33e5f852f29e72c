"""Dots with intervals, a row per method: what the figures of scores are made of."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellclassifier.plots.style import (
    DARK_GREY,
    GREY,
    NO_GENES,
    PART_NAMES,
    color_of_method,
    in_a_line,
    wrapped,
)

TEXT = {"font.size": 13, "axes.titlesize": 14, "text.parse_math": False}  # points, for a projector
TITLE, NOTE = 15, 12  # points
LETTERS_PER_INCH = {TITLE: 9.5, NOTE: 12}
TRAINING_MARKS = {"train": "X", "val": "d"}
FAINT = "#B0B0B0"


def ends(row: pd.Series) -> tuple[float, float]:
    """Its 95 % interval; the mean twice where it has none, as calibration errors have.

    row: mean, perhaps low and high.
    """
    low, high = row.get("low"), row.get("high")
    return (row["mean"], row["mean"]) if pd.isna(low) or pd.isna(high) else (low, high)


def value(row: pd.Series) -> str:
    """The mean and its interval in figures."""
    low, high = ends(row)
    return f"{row['mean']:.2f}" if low == high else f"{row['mean']:.2f} ({low:.2f} to {high:.2f})"


def draw_dots(axes: Axes, scores: pd.DataFrame, leading: list[str]) -> None:
    """A row per method, the first on top: mean and interval; filled where it is ``leading``.

    scores: (n_methods) rows of mean, std, low, high. The axis fits the methods that look at genes;
    of the one that does not, an arrow at the edge says where it is.
    """
    for place, (method, row) in enumerate(scores.iterrows()):
        low, high = ends(row)
        axes.errorbar(
            row["mean"],
            place,
            xerr=[[max(row["mean"] - low, 0)], [max(high - row["mean"], 0)]],
            fmt="o",
            color=color_of_method(method),
            markerfacecolor=color_of_method(method) if method in leading else "white",
            markersize=9,
            capsize=4,
            linewidth=2,
        )
    axes.set_yticks(range(len(scores)), [in_a_line(name) for name in scores.index])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E5E5E5")
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    sns.despine(ax=axes, left=True)


def draw_other_parts(axes: Axes, means: pd.DataFrame) -> None:
    """Small faint marks where the same methods are on training and validation cells.

    means: (n_methods) rows in the order of the dots, columns of parts.
    """
    for part, marker in TRAINING_MARKS.items():
        sns.scatterplot(
            x=means[part].to_numpy(),
            y=range(len(means)),
            marker=marker,
            color=FAINT,
            s=45,
            ax=axes,
            label=f"mean on {PART_NAMES[part]} cells",
            legend=False,
        )


def fit_axis(axes: Axes, scores: pd.DataFrame, further: pd.DataFrame | None = None) -> None:
    """Limits around the methods that look at genes; an arrow for one whose bar is beyond them.

    further: other values that have to be inside, a row per method.
    """
    shown = scores.index[scores.index != NO_GENES] if len(scores) > 1 else scores.index
    values = [end for method in shown for end in ends(scores.loc[method])]
    if further is not None:
        values += further.loc[shown].stack().to_list()
    if NO_GENES in scores.index and _reaches(scores.loc[NO_GENES], min(values), max(values)):
        values += [scores.loc[NO_GENES, "mean"], *ends(scores.loc[NO_GENES])]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05
    axes.set_xlim(low - margin, high + margin)
    if NO_GENES in scores.index and NO_GENES not in shown:
        _point_beyond(axes, scores.index.get_loc(NO_GENES), scores.loc[NO_GENES, "mean"])


def _reaches(row: pd.Series, low: float, high: float) -> bool:
    """Whether an error bar lies among the others', where an arrow and its number would cover it."""
    begins, ends_at = ends(row)
    return begins < high and ends_at > low


def _point_beyond(axes: Axes, place: int, mean: float) -> None:
    low, high = axes.get_xlim()
    if low <= mean <= high:
        return
    left = mean < low
    axes.annotate(
        f"{mean:.2f}",
        (0 if left else 1, place),
        (0.12 if left else 0.88, place),
        xycoords=axes.get_yaxis_transform(),
        textcoords=axes.get_yaxis_transform(),
        arrowprops={"arrowstyle": "->", "color": GREY},
        ha="left" if left else "right",
        va="center",
        color=DARK_GREY,
    )


def write_around(figure: Figure, title: str, note: str) -> Figure:
    """The finding above everything, what was measured below it; returns the figure.

    For figures of constrained layout, which makes room for both.
    """
    figure.suptitle(_wrapped(figure, title, TITLE), x=0.01, ha="left", fontsize=TITLE)
    figure.supxlabel(
        _wrapped(figure, note, NOTE), x=0.01, ha="left", fontsize=NOTE, color=DARK_GREY
    )
    return figure


def _wrapped(figure: Figure, text: str, size: int) -> str:
    return wrapped(text, int(figure.get_figwidth() * LETTERS_PER_INCH[size]))
