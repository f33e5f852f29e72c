"""Made-up cells in a plane."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd


def cells_in_clusters(names, n_cells: int = 400, spread: float = 4.0) -> ad.AnnData:
    """Cells of types whose centres lie within ``spread`` of each other, with PCA and UMAP."""
    rng = np.random.default_rng(0)
    codes = np.arange(n_cells) % len(names)
    centres = rng.uniform(0, spread, (len(names), 3))
    obs = pd.DataFrame({"cell_type": pd.Categorical(np.array(names)[codes])})
    cells = ad.AnnData(np.zeros((n_cells, 7), np.float32), obs=obs.set_index(obs.index.astype(str)))
    cells.obsm["X_pca"] = centres[codes] + rng.normal(0, 0.5, (n_cells, 3))
    cells.obsm["X_umap"] = -cells.obsm["X_pca"][:, :2]
    cells.uns["pca"] = {"variance_ratio": np.array([0.21, 0.07, 0.01])}
    return cells
