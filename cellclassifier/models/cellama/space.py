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

    No rows for a single cell. same_type: share of a cell's 15 nearest that have its type
    (obs["cell_type"], "" for none);
    other_file: share that are of another file (obs["file"]), over the share of all cells that are:
    1 where files are mixed. With scib-metrics installed its silhouettes, too (Luecken et al. 2022,
    doi 10.1038/s41592-021-01336-8).
    """
    vectors = np.asarray(cells.obsm["X_cellama"], dtype=np.float64)
    scores = []
    if len(vectors) > 1:
        scores = _of_neighbours(vectors, cells.obs, seed) + _silhouettes(vectors, cells.obs)
    return pd.DataFrame(scores, columns=["statistic", "value", "remark"])


def _of_neighbours(vectors: np.ndarray, obs: pd.DataFrame, seed: int) -> list[tuple]:
    """Whether near cells are of one type, and of several files; of two cells or more."""
    rows = np.random.default_rng(seed).permutation(len(vectors))[:MOST_QUERIES]
    k = min(N_NEIGHBOURS, len(vectors) - 1)
    index = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(vectors)
    found = index.kneighbors(vectors[rows], return_distance=False)
    near = np.array([row[row != own][:k] for row, own in zip(found, rows, strict=True)])
    scores = []
    types = _types(obs)
    known = types[rows] != ""
    if known.any():
        value = (types[near] == types[rows][:, None])[known].mean()
        scores.append(("same_type", value, f"share of {k} neighbours that have the cell's type"))
    files = obs["file"].to_numpy(str)
    if len(np.unique(files)) > 1:
        other = (files[near] != files[rows][:, None]).mean()
        expected = np.mean([(files != own).mean() for own in files[rows]])
        scores.append(("other_file", other / expected, "neighbours of other files; 1 is mixed"))
    return scores


def _types(obs: pd.DataFrame) -> np.ndarray:
    """Types of the cells, "" where there is none."""
    return obs["cell_type"].to_numpy(str) if "cell_type" in obs else np.full(len(obs), "")


def _silhouettes(vectors: np.ndarray, obs: pd.DataFrame) -> list[tuple[str, float, str]]:
    """Of scib-metrics, where it is installed and there are types."""
    try:
        from scib_metrics import silhouette_batch, silhouette_label
    except ImportError:
        log.info("scib-metrics is not installed: its silhouettes are left out.")
        return []
    known = (_types(obs) != "").nonzero()[0]
    x, types = vectors[known], _types(obs)[known]
    if not 1 < len(np.unique(types)) < len(types):  # else no silhouette is defined
        return []
    files = obs["file"].to_numpy(str)[known]
    found = [("silhouette_label", float(silhouette_label(x, types)), "scib-metrics; 1 is best")]
    if len(np.unique(files)) > 1:
        value = float(silhouette_batch(x, types, files))
        found.append(("silhouette_batch", value, "scib-metrics; 1 is best"))
    return found
