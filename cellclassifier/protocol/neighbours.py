"""Do cells lie beside others of their type?"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

N_NEIGHBORS = 15
N_QUERIES = 2000  # cells whose neighbours are looked up


def neighbour_agreement(space: np.ndarray, labels: np.ndarray, seed: int) -> float:
    """Mean share of the ``N_NEIGHBORS`` nearest cells that have a cell's own label.

    space: (n_cells, n_dimensions); labels: (n_cells,); of at most ``N_QUERIES`` cells.
    """
    queries = np.random.default_rng(seed).permutation(len(labels))[:N_QUERIES]
    k = min(N_NEIGHBORS, len(labels) - 1)
    found = NearestNeighbors(n_neighbors=k + 1).fit(space).kneighbors(space[queries])[1]
    others = [row[row != query][:k] for row, query in zip(found, queries, strict=True)]
    return float(np.mean(labels[np.stack(others)] == labels[queries][:, None]))
