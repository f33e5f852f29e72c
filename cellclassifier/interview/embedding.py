"""A look at the cells: PCA, UMAP, and whether neighbours are of one type."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data import features
from cellclassifier.protocol.neighbours import N_NEIGHBORS, neighbour_agreement
from cellclassifier.protocol.splits import subsample

MAX_SHOWN = 20_000  # cells in a PCA or UMAP
N_SHOWN_GENES = 2000  # of highest dispersion, that a PCA looks at

log = logging.getLogger(__name__)


def embedded(cells: ad.AnnData, seed: int, umap: bool) -> tuple[ad.AnnData, dict[str, float]]:
    """A PCA (and UMAP) of the cells by scanpy, and how many neighbours share a cell's type.

    Looks at no more than ``MAX_SHOWN`` cells, drawn within the types, and their ``N_SHOWN_GENES``
    genes of highest dispersion, log-normalised, as a sparse matrix. Returns cells with
    obsm["X_pca"] (and obsm["X_umap"]), and the mean share of the ``N_NEIGHBORS`` nearest cells that
    have the same type: in all components ("all"), and in each plane that is drawn, by its key.
    """
    import scanpy as sc

    labels = cells.obs["cell_type"].to_numpy().astype(str)
    shown = cells[subsample(labels, MAX_SHOWN, seed)]
    labels = shown.obs["cell_type"].to_numpy().astype(str)
    values = features.log_normalize(shown.X, features.total_counts(shown.X))
    if shown.n_vars > N_SHOWN_GENES:
        dispersion = features.gene_scores(shown.X, labels, "dispersion")
        values = values[:, np.sort(np.argsort(-dispersion, kind="stable")[:N_SHOWN_GENES])]
    result = ad.AnnData(values, obs=shown.obs[["cell_type"]].copy())
    log.info("PCA of %s cells and %s genes ...", f"{result.n_obs:,}", f"{result.n_vars:,}")
    sc.pp.pca(result, n_comps=min(50, *(np.array(result.shape) - 1)), random_state=seed)
    if umap:
        log.info("UMAP (a minute or more, half of it before the first cell moves) ...")
        sc.pp.neighbors(result, n_neighbors=N_NEIGHBORS, use_rep="X_pca", random_state=seed)
        sc.tl.umap(result, random_state=seed)
    spaces = {"all": result.obsm["X_pca"], "X_pca": result.obsm["X_pca"][:, :2]}
    if umap:
        spaces["X_umap"] = result.obsm["X_umap"]
    agreement = {key: neighbour_agreement(space, labels, seed) for key, space in spaces.items()}
    return result, agreement


def plane_table(shown: ad.AnnData) -> pd.DataFrame:
    """Where cells lie, a row per cell: cell, cell_type, and two columns per plane (pca_1, ...)."""
    table = pd.DataFrame(
        {"cell": shown.obs_names, "cell_type": shown.obs["cell_type"].to_numpy().astype(str)}
    )
    for key in (key for key in ("X_pca", "X_umap") if key in shown.obsm):
        name = key.removeprefix("X_")
        table[[f"{name}_1", f"{name}_2"]] = shown.obsm[key][:, :2]
    return table
