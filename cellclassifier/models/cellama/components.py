"""Principal components of cells, whose cosines the published fine-tuning learns."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import GeneCounts

N_COMPONENTS = 50


def principal_components(cells: GeneCounts, seed: int) -> np.ndarray:
    """Of log-normalised, centred expression, (n_cells, at most 50) float64."""
    values = log_normalize(cells.counts, cells.totals).tocsc()
    n_components = min(N_COMPONENTS, *(n - 1 for n in values.shape))
    pca = PCA(n_components, svd_solver="arpack", random_state=seed)
    with threadpool_limits(1):
        return pca.fit_transform(values.astype(np.float64))
