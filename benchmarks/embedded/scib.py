"""Scores of embeddings by scib-metrics, which needs requirements-bench.txt."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

# Our names of what scib-metrics computes.
COLUMNS = {
    "asw_type": "silhouette_label",
    "asw_batch": "bras",
    "ilisi": "ilisi_knn",
    "kbet": "kbet_per_label",
    "nmi": "nmi_ari_cluster_labels_kmeans_nmi",
    "ari": "nmi_ari_cluster_labels_kmeans_ari",
    "overall": "Total",
}


def scores_of(cells: ad.AnnData, embeddings: list[str]) -> pd.DataFrame:
    """The scores ``COLUMNS`` of every embedding, embeddings x scores.

    cells: log-normalised, with obs["cell_type"], obs["batch"] and every embedding in obsm.
    """
    from scib_metrics.benchmark import Benchmarker

    judge = Benchmarker(cells, "batch", "cell_type", embeddings, progress_bar=False)
    judge.prepare(neighbor_computer=exact_neighbors)
    judge.benchmark()
    found = judge.get_results(clean_names=False).loc[embeddings]
    return found[list(COLUMNS.values())].set_axis(list(COLUMNS), axis=1).astype(float)


def exact_neighbors(values: np.ndarray, k: int):
    """Neighbours as scib-metrics takes them, of all distances: the same every time."""
    from scib_metrics.nearest_neighbors import NeighborsResults

    distances, indices = NearestNeighbors(n_neighbors=k).fit(values).kneighbors(values)
    return NeighborsResults(indices=indices, distances=distances)
