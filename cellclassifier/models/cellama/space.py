"""How well a space of cells holds types together and files apart from mattering."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

N_NEIGHBOURS = 15
MOST_QUERIES = 5000  # cells whose neighbours are looked up
log = logging.getLogger(__name__)


def scores_of_space(cells: ad.AnnData, seed: int = 0) -> pd.DataFrame:
    """Scores of obsm["X_cellama"], one a row: statistic, value, remark.

    same_type: share of a cell's 15 nearest that have its type (obs["cell_type"], "" for none);
    other_file: share that are of another file (obs["file"]), over the share of all cells that are:
    1 where files are mixed. With scib-metrics installed its silhouettes, too (Luecken et al. 2022,
    doi 10.1038/s41592-021-01336-8).
    """
    vectors = np.asarray(cells.obsm["X_cellama"], dtype=np.float64)
    rows = np.random.default_rng(seed).permutation(len(vectors))[:MOST_QUERIES]
    k = min(N_NEIGHBOURS, len(vectors) - 1)
    index = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(vectors)
    found = index.kneighbors(vectors[rows], return_distance=False)
    near = np.array([row[row != own][:k] for row, own in zip(found, rows, strict=True)])
    scores = []
    if "cell_type" in cells.obs:
        types = cells.obs["cell_type"].to_numpy(str)
        known = types[rows] != ""
        value = (types[near] == types[rows][:, None])[known].mean()
        scores.append(("same_type", value, "share of 15 neighbours that have the cell's type"))
    files = cells.obs["file"].to_numpy(str)
    if len(np.unique(files)) > 1:
        other = (files[near] != files[rows][:, None]).mean()
        expected = np.mean([(files != own).mean() for own in files[rows]])
        scores.append(("other_file", other / expected, "neighbours of other files; 1 is mixed"))
    scores += _silhouettes(vectors, cells.obs)
    return pd.DataFrame(scores, columns=["statistic", "value", "remark"])


def _silhouettes(vectors: np.ndarray, obs: pd.DataFrame) -> list[tuple[str, float, str]]:
    """Of scib-metrics, where it is installed and there are types."""
    try:
        from scib_metrics import silhouette_batch, silhouette_label
    except ImportError:
        log.info("scib-metrics is not installed: its silhouettes are left out.")
        return []
    if "cell_type" not in obs:
        return []
    known = (obs["cell_type"].to_numpy(str) != "").nonzero()[0]
    x, types = vectors[known], obs["cell_type"].to_numpy(str)[known]
    files = obs["file"].to_numpy(str)[known]
    found = [("silhouette_label", float(silhouette_label(x, types)), "scib-metrics; 1 is best")]
    if len(np.unique(files)) > 1:
        value = float(silhouette_batch(x, types, files))
        found.append(("silhouette_batch", value, "scib-metrics; 1 is best"))
    return found
