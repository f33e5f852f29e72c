"""Pictures of cells: every gene at its place, the mean of every type and one cell beside them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from cellclassifier.plots.against_time import spread_out
from cellclassifier.plots.style import plain_text, short, title_above, wrapped

COLUMNS = 4
MOST_TYPES = 22  # that are drawn
LIMITS = {"type": 1.5, "cell": 4.0}  # standard deviations at which colours end
COLORS = "PuOr_r"  # told apart by colour-blind readers; white is the mean of all cells
NO_GENE = "#DDDDDD"
LETTERS = 22  # of a line of a title


@plain_text
def pictures(table: pd.DataFrame, data: str) -> Figure:
    """The mean picture of every type, then one cell, whole and without half of its genes.

    table: a row per pixel: picture, kind ("type", "cell", "incomplete cell"), gene_symbol, row,
    column, value (standard deviations from the mean), marker, seen; data: of what cells.
    """
    panels = list(table.groupby(["kind", "picture"], sort=False))
    types = [panel for panel in panels if panel[0][0] == "type"][:MOST_TYPES]
    panels = types + [panel for panel in panels if panel[0][0] != "type"]
    n_rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(
        n_rows, COLUMNS, figsize=(13, 3.5 * n_rows), squeeze=False, layout="constrained"
    )
    images = {}
    for place, ((kind, name), pixels) in zip(axes.flat, panels, strict=False):
        images[kind.split()[-1]] = _draw(place, pixels, kind, name)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    labels = {"type": "means of types", "cell": "one cell"}
    for kind, image in images.items():
        bar = figure.colorbar(image, ax=axes, shrink=0.5, extend="both", aspect=30)
        bar.set_label(f"{labels[kind]}: standard deviations from the mean of all cells")
    return title_above(figure, _title(table, len(types), data))


def _draw(axes: Axes, pixels: pd.DataFrame, kind: str, name: str) -> AxesImage:
    side = int(max(pixels["row"].max(), pixels["column"].max())) + 1
    grid = np.full((side, side), np.nan)
    seen = pixels[pixels["seen"]] if kind == "incomplete cell" else pixels
    grid[seen["row"], seen["column"]] = seen["value"]
    limit = LIMITS[kind.split()[-1]]
    colors = plt.get_cmap(COLORS).with_extremes(bad=NO_GENE)
    image = axes.imshow(grid, cmap=colors, vmin=-limit, vmax=limit)
    axes.set(xticks=[], yticks=[])
    about = {
        "type": "",
        "cell": "\none cell",
        "incomplete cell": "\nthe same, half taken away",
    }
    axes.set_title(wrapped(short(name), LETTERS) + about[kind], fontsize=12)
    _name_places(axes, pixels[pixels["marker"]].sort_values(["row", "column"]), side)
    return image


def _name_places(axes: Axes, genes: pd.DataFrame, side: int) -> None:
    """A frame around every gene's pixel and a line to its name, towards the middle."""
    places = zip(genes["column"], genes["row"], genes["gene_symbol"], strict=True)
    heights = _heights(genes["row"].to_numpy(float), side)
    for (column, row, symbol), height in zip(places, heights, strict=True):
        frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, linewidth=1.5, zorder=3)
        axes.add_patch(frame).set_clip_on(False)  # nor is it cut at the picture's edge
        towards = 1 if column < side / 2 else -1
        axes.annotate(
            short(str(symbol)),
            (column + towards / 2, row),
            (column + towards * side / 9, height),
            ha="left" if towards == 1 else "right",
            va="center",
            fontsize=11,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
            arrowprops={"arrowstyle": "-", "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
        )


def _heights(rows: np.ndarray, side: int) -> np.ndarray:
    """Where names stand: near their rows, which ascend, none upon another or over the edge."""
    gap, place = side / 10, np.arange(len(rows))
    first = gap / 2 - 0.5 + gap * place
    last = side - 0.5 - gap / 2 - gap * place[::-1]
    return -spread_out(-np.clip(rows, first, last), gap)


def _title(table: pd.DataFrame, n_types: int, data: str) -> str:
    n_genes = len(table[["row", "column"]].drop_duplicates())
    return (
        f"What types look like: the mean pictures of {n_types} types and one cell, "
        f"{n_genes:,} genes at fixed places.\nTraining cells of {data}. Framed: genes that stand "
        "out in a type. Grey: no gene, or taken away."
    )
