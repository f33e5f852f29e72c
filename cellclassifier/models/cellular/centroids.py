"""How far types are from each other in the input space, which CELLULAR's third term keeps."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

N_COMPONENTS = 100


def centroid_distances(
    values: sp.csr_matrix, types: np.ndarray, batches: np.ndarray, n_types: int
) -> np.ndarray:
    """Distances of the types' centroids in the leading components, (n_types, n_types).

    Within each batch, then averaged over the batches that have both types; NaN where none has.
    values: (n_cells, n_genes); types, batches: (n_cells,) int codes.
    """
    n_components = min(N_COMPONENTS, *(n - 1 for n in values.shape))
    if n_components < 1:
        return np.full((n_types, n_types), np.nan)
    with threadpool_limits(1, user_api="blas"):  # the same digits on any number of cores
        space = TruncatedSVD(n_components, random_state=0).fit_transform(values)
        of_batches = [
            _within(space[batches == batch], types[batches == batch], n_types)
            for batch in np.unique(batches)
        ]
    known = np.isfinite(of_batches)
    with np.errstate(invalid="ignore"):
        return np.where(known, of_batches, 0).sum(axis=0) / known.sum(axis=0)


def _within(space: np.ndarray, types: np.ndarray, n_types: int) -> np.ndarray:
    """Of one batch; NaN for types that it does not have."""
    centroids = np.full((n_types, space.shape[1]), np.nan)
    for code in np.unique(types):
        centroids[code] = space[types == code].mean(axis=0)
    return np.linalg.norm(centroids[:, None] - centroids, axis=2)
