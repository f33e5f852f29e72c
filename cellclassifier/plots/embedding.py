"""Cells in a plane, PCA or UMAP, by type and by batch, as scanpy draws them."""

from __future__ import annotations

import warnings

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from cellclassifier.plots.cluster_labels import label_clusters
from cellclassifier.plots.style import (
    PALETTE,
    bare,
    colors_of_types,
    plain_text,
    short,
    title_above,
)

MOST_GROUPS = 12  # in a legend
NAMES = {"X_pca": "PCA", "X_umap": "UMAP"}


@plain_text
def cells_in_plane(
    cells: ad.AnnData,
    basis: str,
    agreement: dict[str, float],
    n_neighbors: int,
    groups: pd.Series | None = None,
) -> Figure:
    """Cells coloured by type and, beside it, by group, each type's name on its cells.

    cells: obs["cell_type"] and scanpy's obsm["X_pca"], uns["pca"] and, for the basis "X_umap", that
    too; its genes are those of the PCA. agreement: share of a cell's ``n_neighbors`` nearest ones
    that have its type, in each basis' plane and in all components ("all"); groups: the group of
    (at least) each of these cells, by its name, for instance the batch.
    """
    n_panels = 1 if groups is None else 2
    figure, panels = plt.subplots(
        1, n_panels, figsize=(6.6 * n_panels, 6.0), squeeze=False, layout="constrained"
    )
    obs = cells.obs[["cell_type"]].astype(str)
    shown = ad.AnnData(obs=obs, obsm={basis: cells.obsm[basis][:, :2]})
    by_type, *others = panels[0]
    colors = colors_of_types(obs["cell_type"])
    draw_cells(shown, basis, "cell_type", colors, by_type)
    by_type.set_title(f"by type ({len(colors)})" if others else "", fontsize=12, loc="left")
    for by_group in others:
        draw_groups(shown, basis, groups.loc[shown.obs_names], by_group)
    for axes in panels[0]:
        _name_axes(axes, cells, basis, n_neighbors)
    title_above(figure, _title(cells, basis, agreement, n_neighbors))
    names = obs["cell_type"].to_numpy()
    label_clusters(by_type, shown.obsm[basis], names, {name: name for name in colors}, colors)
    return figure


def draw_cells(
    cells: ad.AnnData, basis: str, key: str, colors: dict[str, str] | None, axes: Axes, **look
) -> PathCollection:
    """Scanpy's scatter of cells by obs[key], without a legend, in an order that favours no type."""
    from scanpy import pl  # slow to import

    cells = cells[np.random.default_rng(0).permutation(cells.n_obs)].copy()
    size = float(np.clip(40_000 / cells.n_obs, 3, 30))
    look = {"size": size, "legend_loc": None, "sort_order": False, "title": "", **look}
    with warnings.catch_warnings():
        # scanpy's own, about how it changes a colour map
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        pl.embedding(cells, basis, color=key, palette=colors, ax=axes, show=False, **look)
    bare(axes)
    return axes.collections[-1]


def draw_groups(shown: ad.AnnData, basis: str, groups: pd.Series, axes: Axes) -> None:
    """Cells by group, with a legend of at most ``MOST_GROUPS``; sets obs["group"] of ``shown``."""
    shown.obs["group"] = groups.astype(str).map(short).to_numpy()
    names = sorted(shown.obs["group"].unique())
    colors = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    draw_cells(shown, basis, "group", colors, axes)
    what = short(str(groups.name or "group"))
    axes.set_title(f"by {what} ({len(names)})", fontsize=12, loc="left")
    if len(names) <= MOST_GROUPS:
        points = [axes.scatter([], [], color=colors[name], s=40) for name in names]
        axes.legend(points, names, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _name_axes(axes: Axes, cells: ad.AnnData, basis: str, n_neighbors: int) -> None:
    if basis == "X_pca":
        ratios = cells.uns["pca"]["variance_ratio"][:2]
        names = [f"PC {i} ({ratio:.1%} of the variance)" for i, ratio in enumerate(ratios, 1)]
    else:
        n_components = cells.obsm["X_pca"].shape[1]
        made_of = f"{n_neighbors} neighbours in {n_components} principal components"
        names = [f"UMAP 1 ({made_of})", "UMAP 2"]
    axes.set(xlabel=names[0], ylabel=names[1], xticks=[], yticks=[])


def _title(cells: ad.AnnData, basis: str, agreement: dict[str, float], n_neighbors: int) -> str:
    n_components = cells.obsm["X_pca"].shape[1]
    return (
        f"{NAMES[basis]}: {agreement[basis]:.0%} of a cell's {n_neighbors} nearest neighbours have "
        f"its type\n({agreement['all']:.0%} in {n_components} principal components of "
        f"{cells.n_vars:,} genes; {cells.n_obs:,} cells)"
    )
