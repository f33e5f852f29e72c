"""Annotated cells on a map; nothing is saved or shown here."""

from __future__ import annotations

import textwrap
import warnings

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from cellclassifier.plots.cluster_labels import label_clusters
from cellclassifier.plots.embedding import draw_cells
from cellclassifier.plots.style import (
    DARK_GREY,
    colors_of_types,
    plain_text,
    short,
    title_above,
)

FEWEST_CELLS = 4  # that a UMAP can be made of
FADED = 0.3  # opacity of cells of no known type
MOSTLY = 0.5  # of a predicted type's cells, like no known type, to be said beside its name
MOST_LISTED = 8  # types that are too rare to be named there
SMALLEST_SHARE = 0.01  # of the cells, for a type to be named on the map
BASIS = "X_umap"
N_NEIGHBORS = 15  # scanpy's own number


def umap_of(space: np.ndarray, seed: int) -> np.ndarray:
    """UMAP of cells, (n_cells, 2), from their place among the known types, (n_cells, n).

    McInnes et al. 2018 (arXiv:1802.03426), as scanpy computes it.
    """
    import scanpy

    cells = ad.AnnData(np.asarray(space, dtype=np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parallelism that a fixed seed forbids
        n_neighbors = _neighbors(len(space))
        scanpy.pp.neighbors(cells, n_neighbors=n_neighbors, use_rep="X", random_state=seed)
        scanpy.tl.umap(cells, random_state=seed)
    return cells.obsm["X_umap"]


def _neighbors(n_cells: int) -> int:
    return min(N_NEIGHBORS, n_cells - 1)


@plain_text
def annotated_map(places: np.ndarray, table: pd.DataFrame, shown: np.ndarray) -> Figure:
    """All cells by predicted type and by probability; those of no known type faded, with a ring.

    table: predicted (categorical, of every type that the model knows: then two files have the same
    colours), probability and known of all cells of the file, to which every percentage refers;
    shown: (n_shown,) its rows that are drawn, at places (n_shown, 2).
    """
    predicted = table["predicted"].astype("category")
    colors = colors_of_types(map(str, predicted.cat.categories))
    shares = predicted.astype(str).value_counts(normalize=True)
    obs = table.iloc[shown].assign(predicted=predicted.iloc[shown].astype(str))
    cells = ad.AnnData(obs=obs.set_index(obs.index.astype(str)), obsm={BASIS: places})

    figure, (left, right) = plt.subplots(1, 2, figsize=(14.4, 6.6), layout="constrained")
    _draw(left, cells, "predicted", colors)
    _draw(right, cells, "probability", None, vmin=0, vmax=1, colorbar_loc=None)
    figure.colorbar(ScalarMappable(), ax=right, shrink=0.8, label="probability of the prediction")
    _explain(left, shares, 1 - table["known"].mean())
    strange = (~table["known"].astype(bool)).groupby(predicted.astype(str)).mean()
    title_above(figure, _title(table, shares, strange, len(shown)))
    named = shares[shares >= SMALLEST_SHARE]
    texts = {name: f"{short(name)} {share:.0%}" for name, share in named.items()}
    for name in named.index[strange[named.index] > MOSTLY]:
        texts[name] += f" ({strange[name]:.0%} far)"
    label_clusters(left, places, obs["predicted"].to_numpy(str), texts, colors)
    return figure


def _draw(axes: Axes, cells: ad.AnnData, key: str, colors: dict | None, **look) -> None:
    """Cells of no known type first, so that the others lie on top."""
    known = cells.obs["known"].to_numpy(bool)
    look["size"] = float(np.clip(60_000 / cells.n_obs, 4, 36))
    if not known.all():
        unknown = draw_cells(cells[~known], BASIS, key, colors, axes, alpha=FADED, **look)
        unknown.update_scalarmappable()  # colours of numbers
        ring = {"facecolors": "none", "edgecolors": unknown.get_facecolors()[:, :3]}
        x, y = unknown.get_offsets().T
        axes.scatter(x, y, s=look["size"], linewidths=0.1 * look["size"] ** 0.5, **ring)
    if known.any():
        draw_cells(cells[known], BASIS, key, colors, axes, **look)
    made_of = f"{_neighbors(cells.n_obs)} neighbours in the model's space of known types"
    axes.set(xlabel=f"UMAP 1 ({made_of})", ylabel="UMAP 2", xticks=[], yticks=[])


def _explain(axes: Axes, shares: pd.Series, unknown: float) -> None:
    """What a ring means, and which types are too rare to be named on the map."""
    ring = axes.scatter([], [], s=60, color="white", edgecolor=DARK_GREY)
    words = [f"faded, with a ring: far, like no known type ({unknown:.1%})"]
    rare = [short(name) for name in shares.index[shares < SMALLEST_SHARE]]
    if rare:
        more = f" and {len(rare) - MOST_LISTED} more" if len(rare) > MOST_LISTED else ""
        words.append(
            f"not named, under {SMALLEST_SHARE:.0%}: {', '.join(rare[:MOST_LISTED])}{more}"
        )
    look = {"frameon": False, "loc": "upper left", "bbox_to_anchor": (0, -0.05)}
    axes.legend([ring], ["\n".join(textwrap.fill(line, 75) for line in words)], **look)


def _title(table: pd.DataFrame, shares: pd.Series, strange: pd.Series, n_shown: int) -> str:
    """strange: share of each predicted type's cells that are like no known type."""
    cells = f"{len(table):,} cells"
    sample = "" if n_shown == len(table) else f"; {n_shown:,} of them are drawn"
    first = shares.index[0]
    doubt = ", most of them like no known type" if strange[first] > MOSTLY else ""
    return (
        f"{short(first)} is the most frequent prediction ({shares.iloc[0]:.0%} of "
        f"{cells}{doubt}{sample});\n"
        f"{1 - table['known'].mean():.1%} of all cells look like no known type; "
        f"the median probability of a prediction is {table['probability'].median():.2f}"
    )
