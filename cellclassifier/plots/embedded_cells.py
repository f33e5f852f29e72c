"""Cells on the map of an embedding, by type and by batch."""

from __future__ import annotations

from collections.abc import Mapping

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.cluster_labels import label_clusters
from cellclassifier.plots.embedding import draw_cells, draw_groups
from cellclassifier.plots.style import colors_of_types, plain_text, short, title_above

BASIS = "X_umap"


@plain_text
def embedded_cells(
    places: np.ndarray,
    labels: np.ndarray,
    what: str,
    groups: pd.Series | None,
    agreement: Mapping[str, float],
) -> Figure:
    """A panel by type and, where there are groups, one by group.

    places: (n_cells, 2) of a UMAP; labels: (n_cells,), which are each cell's ``what``; groups:
    (n_cells,), its name that of the column; agreement: of "type" and "batch", the share of a cell's
    15 nearest neighbours in the embedding that have its own.
    """
    n_panels = 1 if groups is None else 2
    figure, panels = plt.subplots(
        1, n_panels, figsize=(7.2 * n_panels, 6.4), squeeze=False, layout="constrained"
    )
    names = np.asarray(labels, dtype=str)
    obs = pd.DataFrame({"cell_type": names}, index=np.arange(len(names)).astype(str))
    shown = ad.AnnData(obs=obs, obsm={BASIS: np.asarray(places)})
    colors = colors_of_types(names)
    by_type, *others = panels[0]
    draw_cells(shown, BASIS, "cell_type", colors, by_type)
    by_type.set_title(f"by {what} ({len(colors)})", fontsize=12, loc="left")
    for axes in others:
        draw_groups(shown, BASIS, groups.set_axis(obs.index), axes)
    for axes in panels[0]:
        axes.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    title_above(figure, _title(len(names), what, groups, agreement))
    texts = {name: short(name) for name in colors}
    label_clusters(by_type, shown.obsm[BASIS], names, texts, colors)
    return figure


def _title(n_cells: int, what: str, groups: pd.Series | None, agreement) -> str:
    said = f"{agreement['type']:.0%} of a cell's 15 nearest neighbours have its {what}"
    if groups is not None:
        mixed = float((groups.value_counts(normalize=True) ** 2).sum())
        said += f", {agreement['batch']:.0%} its {short(str(groups.name))} ({mixed:.0%} if mixed)"
    return f"UMAP of the embedding of {n_cells:,} cells: {said}"
