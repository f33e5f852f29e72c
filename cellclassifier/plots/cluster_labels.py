"""Names of clusters on the plot itself, so that no colour need be looked up in a legend."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from scipy.spatial import KDTree

from cellclassifier.plots.style import DARK_GREY, short

LETTERS_IN_A_LINE = 18
MOST_LABELS = 40  # more of them leave no room for cells: those of the largest clusters are shown
FRAME = 0.15  # between a label and its frame, in heights of its letters
FEWEST_AROUND = 10  # cells that make a place dense, where a cluster has that many
PIXELS = 4  # side of the squares in which cells are counted
# What a label costs, in pixels that it stands away from its cluster: every cell that it covers.
COVERS_OWN, COVERS_OTHER, COVERS_LABEL = 0.4, 3.0, 1e6


def label_clusters(
    axes: Axes,
    places: np.ndarray,
    names: np.ndarray,
    texts: Mapping[str, str],
    colors: Mapping[str, str],
) -> list[Text]:
    """Write a text for every cluster, on its cells or near them, and none on another.

    places: (n_cells, 2) and names: (n_cells,) of the cells; texts and colors: by name. Call it when
    the axes have the size that they will have. Each label, those of large clusters first, stands
    where it covers few cells of others, in a frame of its cluster's colour; where that is not at
    the cluster's densest place, a line leads there.
    """
    axes.get_figure().canvas.draw()
    pixels = axes.transData.transform(places) - axes.bbox.min
    crowd = _counted(axes, pixels)
    labels = []
    for name in _largest(names[np.isin(names, list(texts))]):
        own = pixels[names == name]
        label = _written(axes, texts[name], colors[name])
        corner, size = _free_place(label, crowd, _counted(axes, own), densest(own))
        crowd[tuple(slice(at, at + n) for at, n in zip(corner, size, strict=True))] += COVERS_LABEL
        _put(axes, label, (corner + size / 2) * PIXELS, densest(own), colors[name])
        labels.append(label)
    return labels


def _largest(names: np.ndarray) -> np.ndarray:
    found, counts = np.unique(names, return_counts=True)
    return found[np.argsort(-counts, kind="stable")[:MOST_LABELS]]


def densest(places: np.ndarray) -> np.ndarray:
    """The place, (2,), of the cell that has a tenth of the others nearest around it.

    The median of two clusters would lie between them. Of few cells ten are asked for, or half of
    them: any two that lie side by side, perhaps among cells of another type, are no cluster.
    """
    k = max(1, len(places) // 10, min(len(places) // 2, FEWEST_AROUND))
    distances = KDTree(places).query(places, k=[k + 1])[0][:, 0]
    return places[distances.argmin()] if len(places) > 1 else places[0]


def _counted(axes: Axes, pixels: np.ndarray) -> np.ndarray:
    """Cells in each square of the axes, (n across, n up)."""
    squares = [np.arange(0, side + PIXELS, PIXELS) for side in axes.bbox.size]
    return np.histogram2d(*pixels.T, bins=squares)[0]


def _written(axes: Axes, words: str, color: str) -> Text:
    lines = textwrap.fill(short(words), LETTERS_IN_A_LINE)
    frame = {"boxstyle": f"round,pad={FRAME}", "facecolor": "#FFFFFFD8", "edgecolor": color}
    look = {"ha": "center", "va": "center", "fontsize": 11, "linespacing": 0.95, "zorder": 10}
    label = axes.text(0.5, 0.5, lines, transform=axes.transAxes, bbox=frame, **look)
    label.set_in_layout(False)  # it moves for the axes, not they for it
    return label


def box_of(label: Text) -> Bbox:
    """A label's frame, in pixels."""
    dots_per_point = label.get_figure().dpi / 72
    return label.get_window_extent().padded((FRAME * label.get_fontsize() + 1) * dots_per_point)


def _free_place(label: Text, crowd: np.ndarray, own: np.ndarray, place: np.ndarray):
    """Lower left corner and size, in squares, of the cheapest place for a label."""
    needed = np.ceil(box_of(label).size / PIXELS).astype(int) + 1
    size = np.minimum(needed, crowd.shape)
    others = np.maximum(crowd - own, 0)
    cost = COVERS_OWN * _sums(own, *size) + COVERS_OTHER * _sums(others, *size)
    x, y = ((np.arange(n) + side / 2) * PIXELS for n, side in zip(cost.shape, size, strict=True))
    cost += np.hypot(x[:, None] - place[0], y[None] - place[1])
    return np.array(np.unravel_index(cost.argmin(), cost.shape)), size


def _sums(counts: np.ndarray, width: int, height: int) -> np.ndarray:
    """Sum of the counts in every rectangle of that size."""
    sums = np.pad(counts.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    across = sums[width:] - sums[:-width]
    return across[:, height:] - across[:, :-height]


def _put(axes: Axes, label: Text, at: np.ndarray, place: np.ndarray, color: str) -> None:
    """Move a label; a line leads to a dot at its cluster, where that does not lie under it."""
    to_data = axes.transData.inverted()
    at, dot = to_data.transform(np.array([at, place]) + axes.bbox.min)
    label.set(position=at, transform=axes.transData)
    if not box_of(label).contains(*axes.transData.transform(dot)):
        outline = [withStroke(linewidth=2.5, foreground="white")]
        look = {"color": DARK_GREY, "linewidth": 1, "path_effects": outline, "zorder": 8}
        axes.plot(*np.transpose([at, dot]), scalex=False, scaley=False, **look)
        axes.plot(*dot, "o", color=color, markeredgecolor="black", markersize=6, zorder=9)
