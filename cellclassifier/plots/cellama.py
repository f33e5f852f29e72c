"""Embedded cells of several files, and who lives beside whom in a tissue."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.cluster_labels import label_clusters
from cellclassifier.plots.embedding import draw_cells, draw_groups
from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import COLORS, bare, colors_of_types, plain_text, title_above

BASIS = "X_umap"
NO_TYPE, GREY = "no label", "#A8A8A8"
MARKERS = "osD^"


@plain_text
def cells_by_type_and_file(cells: ad.AnnData, scores: pd.DataFrame) -> Figure:
    """UMAP of a common space, by type (where there are labels) and by file (where there are two).

    cells: obs["file"], obs["cell_type"] if any, obsm["X_umap"]; scores: statistic and value.
    """
    by_type = "cell_type" in cells.obs
    by_file = cells.obs["file"].nunique() > 1 or not by_type
    n_panels = by_type + by_file
    figure, panels = plt.subplots(
        1, n_panels, figsize=(6.6 * n_panels, 6.0), squeeze=False, layout="constrained"
    )
    obs = cells.obs.astype(str).replace({"cell_type": {"": NO_TYPE}})
    shown = ad.AnnData(obs=obs, obsm={BASIS: cells.obsm[BASIS]})
    panels = list(panels[0])
    colors = _colors(obs["cell_type"]) if by_type else {}
    if by_type:
        axes = panels[0]
        draw_cells(shown, BASIS, "cell_type", colors, axes)
        n_types = len(colors.keys() - {NO_TYPE})
        axes.set_title(f"by type ({n_types})", fontsize=12, loc="left")
    if by_file:
        draw_groups(shown, BASIS, obs["file"], panels[-1])
    for axes in panels:
        axes.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    title_above(figure, _title(cells, dict(zip(scores["statistic"], scores["value"], strict=True))))
    if by_type:
        names = {name: name for name in colors}
        label_clusters(panels[0], shown.obsm[BASIS], obs["cell_type"].to_numpy(), names, colors)
    return figure


def _colors(types: pd.Series) -> dict[str, str]:
    """Of every type; cells without one are grey."""
    without = {NO_TYPE: GREY} if (types == NO_TYPE).any() else {}
    return colors_of_types(types[types != NO_TYPE]) | without


def _title(cells: ad.AnnData, scores: dict[str, float]) -> str:
    text = f"Embedded sentences of {cells.n_obs:,} cells"
    found = []
    if "same_type" in scores:
        found.append(f"{scores['same_type']:.0%} of a cell's nearest neighbours have its type")
    if "other_file" in scores:
        mixed = scores["other_file"]
        found.append(f"{mixed:.0%} of the neighbours from other files that mixed files would have")
    return f"{text}: {', '.join(found)}" if found else text


@plain_text
def niche_heatmap(table: pd.DataFrame) -> Figure:
    """Shares of neighbouring types (columns) of each type (rows), which add up to 1."""
    texts = np.array([f"{100 * v:.0f}" if v >= 0.005 else "" for v in table.to_numpy().flat])
    figure, axes = annotated_heatmap(
        table, texts.reshape(table.shape), "share of the neighbours", high=float(table.max().max())
    )
    axes.set(ylabel="cell", xlabel="neighbour in the tissue")
    return title_above(figure, "Who lives beside whom: % of the nearest cells of each type")


@plain_text
def knowledge(table: pd.DataFrame, n_subsets: int) -> Figure:
    """Macro-F1 of zero-shot vectors of sentences that were changed, by what names the cells.

    table: sentence, named_by, macro_f1_mean, macro_f1_std, accuracy too.
    """
    ways = list(dict.fromkeys(table["sentence"]))
    figure, axes = plt.subplots(figsize=(8, 0.75 * len(ways) + 1), layout="constrained")
    names = list(dict.fromkeys(table["named_by"]))
    for i, (name, marker, color) in enumerate(zip(names, MARKERS, COLORS, strict=False)):
        rows = table[table["named_by"] == name].set_index("sentence").loc[ways]
        y = np.arange(len(ways)) + (i - (len(names) - 1) / 2) * 0.17
        look = {"fmt": marker, "color": color, "capsize": 3, "label": name}
        axes.errorbar(rows["macro_f1_mean"], y, xerr=rows["macro_f1_std"], **look)
    axes.set_yticks(np.arange(len(ways)), ways)
    axes.invert_yaxis()
    axes.set_xlabel("macro-F1 of test cells")
    axes.grid(axis="x", alpha=0.3)
    bare(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), title="named by")
    return title_above(figure, _title_of_knowledge(table, n_subsets))


def _title_of_knowledge(table: pd.DataFrame, n_subsets: int) -> str:
    means = table.groupby("sentence")["macro_f1_mean"].mean()
    bare_symbols, without = means["bare symbols"], means["no language (LSA)"]
    of = "One subset" if n_subsets == 1 else f"Mean ± SD of {n_subsets} subsets"
    return (
        f"MiniLM reads bare symbols: {bare_symbols:.2f} macro-F1 (mean of the ways to name cells); "
        f"genes renamed at random: {means['genes renamed']:.2f}; without any language: "
        f"{without:.2f}. {of} of FACS-sorted PBMC"
    )
