"""Where on the picture each gene is: like genes side by side."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

N_COMPONENTS = 20  # in which genes are compared
MOST_CELLS = 5000  # that they are compared in
PERPLEXITY = 30.0


def side_of(n_genes: int) -> int:
    """Pixels along each side of the smallest square that has a place for every gene."""
    return math.isqrt(n_genes - 1) + 1


def places_of(features: sp.csr_matrix, names: np.ndarray, order: str, seed: int) -> np.ndarray:
    """The place of every gene, row by row from 0, (n_genes,) int64, no two alike.

    features: of training cells, (n_cells, n_genes), by which like genes are found; names:
    (n_genes,); order: "similarity", "alphabetical" or "random".
    """
    n_genes = features.shape[1]
    if order == "alphabetical":
        return np.argsort(np.argsort(names, kind="stable"))
    if order == "random":
        return np.random.default_rng(seed).permutation(n_genes)
    if n_genes < 3:
        return np.arange(n_genes)
    return assigned(flat_map(features, seed), side_of(n_genes))


def flat_map(features: sp.csr_matrix, seed: int) -> np.ndarray:
    """Genes in a plane, like ones near each other, (n_genes, 2), both coordinates 0 to 1, even.

    t-SNE (van der Maaten & Hinton 2008) of the genes' leading components; each coordinate is
    ranked, so that genes are spread evenly.
    """
    from sklearn.decomposition import TruncatedSVD  # slow to import, as is t-SNE
    from sklearn.manifold import TSNE

    some = features[:: -(-features.shape[0] // MOST_CELLS)]
    n_genes = features.shape[1]
    n_components = min(N_COMPONENTS, *(n - 1 for n in some.shape))
    with threadpool_limits(1):  # the same digits on any number of cores
        genes = TruncatedSVD(n_components, random_state=seed).fit_transform(standardised(some).T)
        perplexity = min(PERPLEXITY, (n_genes - 1) / 3)
        start = genes[:, :2] / max(genes[:, 0].std(), 1e-9) * 1e-4
        start = np.pad(start, ((0, 0), (0, 2 - start.shape[1])))
        plane = TSNE(2, perplexity=perplexity, init=start, random_state=seed, n_jobs=1)
        found = plane.fit_transform(genes)
    return (rankdata(found, axis=0) - 1) / max(n_genes - 1, 1)


def standardised(features: sp.csr_matrix) -> np.ndarray:
    """Dense, every gene of mean 0 and length 1, so that dot products are correlations."""
    values = features.toarray().astype(np.float32)
    values -= values.mean(axis=0)
    return values / np.maximum(np.linalg.norm(values, axis=0), 1e-6)


def assigned(plane: np.ndarray, side: int) -> np.ndarray:
    """The pixel of every point, none twice, for the least sum of squared distances, (n_points,).

    plane: (n_points, 2) in 0 to 1; pixels that are left over are at the lower end.
    """
    pixels = np.arange(len(plane))
    grid = np.column_stack([pixels // side, pixels % side]) / max(side - 1, 1)
    points, chosen = linear_sum_assignment(cdist(plane, grid, "sqeuclidean"))
    places = np.empty(len(plane), dtype=np.int64)
    places[points] = pixels[chosen]
    return places
