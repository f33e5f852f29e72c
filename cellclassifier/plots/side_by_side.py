"""The same cells on the maps of several embeddings."""

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
def maps_side_by_side(
    maps: Mapping[str, np.ndarray], types: pd.Series, batches: pd.Series
) -> Figure:
    """A column for each embedding: its cells by type above, by batch below.

    maps: of every embedding, (n_cells, 2); types, batches: (n_cells,) texts.
    """
    figure, rows = plt.subplots(
        2, len(maps), figsize=(5.4 * len(maps), 10), squeeze=False, layout="constrained"
    )
    names, colors = types.to_numpy(str), colors_of_types(types)
    obs = pd.DataFrame({"cell_type": names}, index=np.arange(len(names)).astype(str))
    panels = []
    for (name, places), above, below in zip(maps.items(), *rows, strict=True):
        shown = ad.AnnData(obs=obs.copy(), obsm={BASIS: np.asarray(places)})
        draw_cells(shown, BASIS, "cell_type", colors, above)
        draw_groups(shown, BASIS, batches.set_axis(obs.index), below)
        above.set_title(name, loc="left")
        for axes in (above, below):
            axes.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
            if axes.get_legend() and name != list(maps)[-1]:
                axes.get_legend().remove()
        panels.append((above, shown.obsm[BASIS]))
    n_types, n_batches = len(colors), batches.nunique()
    title_above(
        figure,
        f"UMAPs of {len(names):,} test cells in {len(maps)} embeddings: {n_types} types above, "
        f"{n_batches} batches below",
    )
    for axes, places in panels:
        label_clusters(axes, places, names, {name: short(name) for name in colors}, colors)
    return figure
