"""Figures that introduce a file of cells; nothing is saved or shown here."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import (
    bare,
    colors_of_types,
    plain_text,
    short,
    title_above,
)

FEWEST_TICKS = 3
MAX_CELLS_IN_VIOLIN = 5000  # of a type: a violin of more looks the same


@plain_text
def cell_numbers(table: pd.DataFrame) -> Figure:
    """Bars of cells per type, largest first; table: cell_type and n_cells, sorted."""
    import seaborn  # slow to import

    figure, axes = plt.subplots(figsize=(8.4, 1.2 + 0.4 * len(table)))
    types, colors = table["cell_type"], colors_of_types(table["cell_type"])
    look = {"orient": "h", "saturation": 1, "legend": False, "ax": axes}
    seaborn.barplot(table, x="n_cells", y=types, hue=types, palette=colors, **look)
    total, largest = table["n_cells"].sum(), table["n_cells"].max()
    for row, n in enumerate(table["n_cells"]):
        axes.text(n + 0.01 * largest, row, f"{n:,} ({n / total:.1%})", va="center", fontsize=11)
    axes.set_yticks(range(len(table)), types.map(short))
    axes.set_xlim(0, 1.22 * largest)
    axes.set(xlabel="cells", ylabel="")
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
    import seaborn  # slow to import

    figure, both = plt.subplots(
        1, 2, figsize=(11.5, 1.6 + 0.46 * len(types)), sharey=True, layout="constrained"
    )
    colors, medians = colors_of_types(types), {}
    for axes, values, name in zip(both, (counts, genes), (what, "genes"), strict=True):
        shown = _some_of_each(values, labels)
        log10, of_type = np.log10(values[shown]), labels[shown]
        look = {"palette": colors, "legend": False, "density_norm": "width", "cut": 0}
        look |= {"order": types, "hue_order": types, "inner": "box", "saturation": 1}
        seaborn.violinplot(x=log10, y=of_type, hue=of_type, orient="h", ax=axes, **look)
        medians[name] = pd.Series({t: np.median(values[labels == t]) for t in types})
        _log_ticks(axes)
        axes.set(xlabel=f"{name} per cell (log scale)\nbox: quartiles, white: median", ylabel="")
        bare(axes)
    both[0].set_yticks(range(len(types)), map(short, types))
    by_type = medians[what]
    ratio = by_type.max() / max(by_type.min(), 1)
    title = (
        f"{by_type.idxmax()} cells hold {ratio:.1f} times the {what} of {by_type.idxmin()} cells"
    )
    return title_above(figure, title + "\n(medians)")


def _some_of_each(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Indices of at most ``MAX_CELLS_IN_VIOLIN`` cells of each type that have any."""
    cells = pd.Series(np.flatnonzero(values > 0))
    of_type = cells.groupby(labels[cells])
    step = -(-of_type.transform("size") // MAX_CELLS_IN_VIOLIN)
    return cells[of_type.cumcount() % step == 0].to_numpy()


def _log_ticks(axes) -> None:
    """Three ticks or more on an axis of log10 values, at 1, 2 and 5 or, if short, at others."""
    low, high = axes.get_xlim()
    decades = 10.0 ** np.arange(np.floor(low), np.ceil(high) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = np.sort(np.outer(decades, steps).ravel())
        ticks = ticks[(np.log10(ticks) >= low) & (np.log10(ticks) <= high)]
        if len(ticks) >= FEWEST_TICKS:
            break
    else:
        ticks = MaxNLocator(4).tick_values(10**low, 10**high)
        ticks = ticks[(ticks > 0) & (ticks >= 10**low) & (ticks <= 10**high)]
    axes.set_xticks(np.log10(ticks), [f"{tick:,.6g}" for tick in ticks])


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
