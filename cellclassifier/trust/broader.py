"""A broader name where a fine one is unsure: "T cell" where CD4 and CD8 share the probability."""

from __future__ import annotations

import numpy as np

CERTAINTY = 0.8  # of a name, by default
ROUNDING = 1e-6  # by which a sum of float32 probabilities may miss what it is


def finest_names(
    probabilities: np.ndarray,
    members: np.ndarray,
    certainty: float = CERTAINTY,
    for_broad: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The finest name that is certain enough, and its probability, (n_cells,) each.

    probabilities: calibrated, (n_cells, n_labels); members: which labels each name holds for,
    (n_names, n_labels) bool, one of them for all (a name's probability is the sum of its labels');
    for_broad: probabilities that names for several labels are summed from, default: the same.
    Returns which of the names, and its probability: of those that reach ``certainty`` the one for
    the fewest labels, of names for equally many the most probable.
    """
    sizes, weights = members.sum(axis=1), members.T.astype(probabilities.dtype)
    sums = probabilities @ weights
    if for_broad is not None and for_broad is not probabilities:
        sums = np.where(sizes > 1, for_broad @ weights, sums)
    # A sum is at most 1, so that half of it never outweighs one label more.
    rank = np.where(sums >= certainty - ROUNDING, sizes - sums / 2, np.inf)
    chosen = rank.argmin(axis=1)
    return chosen, np.minimum(sums[np.arange(len(sums)), chosen], 1)
