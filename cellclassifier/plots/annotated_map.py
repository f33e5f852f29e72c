"""Annotated cells on a map; nothing is saved or shown here."""

from __future__ import annotations

import warnings

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.style import bare, color_of, plain_text, short, title_above, type_marker

FEWEST_CELLS = 4  # that a UMAP can be made of
UNKNOWN_COLOR = "#C8C8C8"


def umap_of(space: np.ndarray, seed: int) -> np.ndarray:
    """UMAP of cells, (n_cells, 2), from their place among the known types, (n_cells, n).

    McInnes et al. 2018 (arXiv:1802.03426), as scanpy computes it.
    """
    import scanpy

    cells = ad.AnnData(np.asarray(space, dtype=np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parallelism that a fixed seed forbids
        n_neighbors = min(15, len(space) - 1)
        scanpy.pp.neighbors(cells, n_neighbors=n_neighbors, use_rep="X", random_state=seed)
        scanpy.tl.umap(cells, random_state=seed)
    return cells.obsm["X_umap"]


@plain_text
def annotated_map(places: np.ndarray, table: pd.DataFrame, n_cells: int) -> Figure:
    """Cells by predicted type (left) and by confidence (right); grey: of no known type.

    places: (n_shown, 2); table: predicted, probability and known of the same cells; n_cells: of
    the file, of which these are a sample.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(13.5, 5.4), layout="constrained")
    size = float(np.clip(20_000 / len(table), 3, 18))
    known = table["known"].to_numpy()
    for axes in (left, right):  # first, so that the others lie on top
        _draw_unknown(axes, places[~known], 1 - known.mean(), size)
    _draw_types(left, places, table, size)
    x, y = places[known].T
    probability = table["probability"][known]
    points = right.scatter(x, y, c=probability, s=size, linewidths=0, vmin=0, vmax=1)
    figure.colorbar(points, ax=right, shrink=0.8, label="calibrated probability of the prediction")
    return title_above(figure, _title(table, n_cells))


def _draw_unknown(axes, places: np.ndarray, share: float, size: float) -> None:
    x, y = places.T
    label = f"of no known type ({share:.0%})"
    axes.scatter(x, y, s=size, color=UNKNOWN_COLOR, linewidths=0, rasterized=True, label=label)
    axes.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    bare(axes)


def _draw_types(axes, places: np.ndarray, table: pd.DataFrame, size: float) -> None:
    """The cells of every known type, with a legend whose points are large enough to see."""
    for i, (name, cells) in enumerate(_by_frequency(table)):
        style = {"color": color_of(i), "marker": type_marker(i), "s": size, "linewidths": 0}
        x, y = places[cells].T
        label = f"{short(name)} ({len(cells) / len(table):.0%})"
        axes.scatter(x, y, label=label, rasterized=True, **style)
    legend = axes.legend(
        frameon=False, loc="upper left", bbox_to_anchor=(1, 1), markerscale=1.0, fontsize=9
    )
    for handle in legend.legend_handles:
        handle.set_sizes([36])


def _by_frequency(table: pd.DataFrame):
    predicted = table["predicted"].astype(str)
    for name in predicted.value_counts().index:
        yield name, np.flatnonzero((predicted == name) & table["known"])


def _title(table: pd.DataFrame, n_cells: int) -> str:
    known = table[table["known"]]
    shown = "" if len(table) == n_cells else f" (a sample of {len(table):,})"
    unknown = f"{1 - len(known) / len(table):.1%} of {n_cells:,} cells{shown} are of no known type"
    if known.empty:
        return unknown
    most = known["predicted"].astype(str).value_counts()
    first, share = short(most.index[0]), most.iloc[0] / len(table)
    return (
        f"{first} is the most frequent type ({share:.0%}); {unknown}\n"
        f"Median probability of the predicted type: {known['probability'].median():.2f}"
    )
