"""Figures that introduce a file of cells; nothing is saved or shown here."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import (
    COLORS,
    bare,
    plain_text,
    short,
    title_above,
)

MAX_CELLS_IN_VIOLIN = 5000  # of a type: a violin of more looks the same


@plain_text
def cell_numbers(table: pd.DataFrame) -> Figure:
    """Bars of cells per type, largest first; table: cell_type and n_cells, sorted."""
    figure, axes = plt.subplots(figsize=(7.2, 1.0 + 0.34 * len(table)))
    rows = np.arange(len(table))
    axes.barh(rows, table["n_cells"], color=COLORS[0])
    total, largest = table["n_cells"].sum(), table["n_cells"].max()
    for row, n in enumerate(table["n_cells"]):
        axes.text(n + 0.01 * largest, row, f"{n:,} ({n / total:.1%})", va="center", fontsize=9)
    axes.set_yticks(rows, table["cell_type"])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlim(0, 1.22 * largest)
    axes.set_xlabel("cells")
    bare(axes)
    first, last = table.iloc[0], table.iloc[-1]
    title = f"{first['cell_type']} is the largest type ({first['n_cells'] / total:.0%} of cells)"
    if first["n_cells"] > last["n_cells"]:
        ratio = first["n_cells"] / last["n_cells"]
        title += f",\n{ratio:,.3g} times as many as {last['cell_type']} ({last['n_cells']:,})"
    return title_above(figure, title)


@plain_text
def violins(
    counts: np.ndarray, genes: np.ndarray, labels: np.ndarray, types, what: str = "counts"
) -> Figure:
    """Counts and genes per cell by type, on logarithmic axes; empty cells are left out.

    counts, genes, labels: (n_cells,); types: names in the order to show, top to bottom.
    """
    figure, both = plt.subplots(
        1, 2, figsize=(9.6, 1.2 + 0.42 * len(types)), sharey=True, layout="constrained"
    )
    medians = {}
    for axes, values, name, color in zip(
        both, (counts, genes), (what, "genes"), (COLORS[0], COLORS[2]), strict=True
    ):
        shown = values > 0
        groups = [np.log10(values[shown & (labels == t)]) for t in types]
        _violins_of(axes, groups, color)
        medians[name] = pd.Series({t: np.median(values[labels == t]) for t in types})
        _log_ticks(axes)
        axes.set_xlabel(f"{name} per cell (log scale; line: median)")
        bare(axes)
    both[0].set_yticks(range(len(types)), map(short, types))
    both[0].set_ylim(len(types) - 0.4, -0.6)
    by_type = medians[what]
    ratio = by_type.max() / max(by_type.min(), 1)
    title = (
        f"{by_type.idxmax()} cells hold {ratio:.1f} times the {what} of {by_type.idxmin()} cells"
    )
    return title_above(figure, title + "\n(medians)")


def _log_ticks(axes) -> None:
    """Ticks at 1, 2 and 5 times the powers of ten within an axis of log10 values."""
    low, high = axes.get_xlim()
    ticks = [m * 10.0**k for k in range(int(low) - 1, int(high) + 2) for m in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= np.log10(tick) <= high]
    axes.set_xticks(np.log10(ticks), [f"{tick:,.6g}" for tick in ticks])


def _violins_of(axes, groups: list[np.ndarray], color: str) -> None:
    for row, group in enumerate(groups):
        if not len(group):
            continue
        step = -(-len(group) // MAX_CELLS_IN_VIOLIN)
        parts = axes.violinplot(
            [group[::step]], [row], orientation="horizontal", widths=0.85, showextrema=False
        )
        parts["bodies"][0].set(facecolor=color, alpha=0.65)
        axes.plot([np.median(group)] * 2, [row - 0.3, row + 0.3], color="black", linewidth=1.5)


@plain_text
def similarity(profiles: pd.DataFrame, order: np.ndarray) -> Figure:
    """Correlation of the types' mean profiles (rows of ``profiles``), types in ``order``."""
    table = pd.DataFrame(np.corrcoef(profiles), profiles.index, profiles.index)
    table = table.loc[order, order]
    values = table.to_numpy()
    figure, _ = annotated_heatmap(
        table,
        np.array([f"{r:.2f}" for r in values.flat]).reshape(values.shape),
        "correlation of mean log expression",
        low=np.floor(20 * values.min()) / 20,
    )
    apart = np.where(np.eye(len(order), dtype=bool), -np.inf, values)
    first, second = np.unravel_index(apart.argmax(), apart.shape)
    title = (
        f"{short(order[first])} and {short(order[second])} are most alike (r = {apart.max():.3f})"
    )
    return title_above(figure, f"{title};\ntypes are ordered by similarity")
