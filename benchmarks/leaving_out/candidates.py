"""Two simple ways that were thought to carry over to other laboratories; see how they compare."""

from __future__ import annotations

import anndata as ad
import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cellclassifier.data.features import (
    best_genes,
    log_normalize,
    standard_deviations,
)
from cellclassifier.data.gene_counts import total_counts

N_GENES = 2000
N_COMPONENTS = 20
N_NEIGHBOURS = 15
SHIFTED_SHARE = 0.2  # of the genes
FEWEST_CELLS = 20  # of a type in a study, to tell of a shift


def nearest_cells(known: ad.AnnData, cells: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """A vote of the 15 nearest training cells in 20 components of standardised genes."""
    columns = best_genes(known.X, _labels(known), N_GENES, "anova")
    values, new = _standardised(known, cells, columns)
    space = TruncatedSVD(N_COMPONENTS, random_state=0).fit(values)
    model = KNeighborsClassifier(N_NEIGHBOURS).fit(space.transform(values), _labels(known))
    return model.classes_, model.predict_proba(space.transform(new))


def steady_regression(known: ad.AnnData, cells: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression without the fifth of the genes that training studies disagree on most."""
    shifts = _shifts(known)
    steady = np.flatnonzero(shifts <= np.quantile(shifts, 1 - SHIFTED_SHARE))
    columns = steady[best_genes(known.X[:, steady], _labels(known), N_GENES, "anova")]
    values, new = _standardised(known, cells, columns)
    model = LogisticRegression(C=0.01, max_iter=200).fit(values, _labels(known))
    return model.classes_, model.predict_proba(new)


def _standardised(
    known: ad.AnnData, cells: ad.AnnData, columns: np.ndarray
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Both in the same genes, divided by their spread in training; not centred."""
    every = (log_normalize(each.X, total_counts(each.X)) for each in (known, cells))
    values, new = (of_all[:, columns] for of_all in every)
    scale = sp.diags(1 / standard_deviations(values))
    return sp.csr_matrix(values @ scale), sp.csr_matrix(new @ scale)


def _shifts(known: ad.AnnData) -> np.ndarray:
    """By how many standard deviations studies differ within types, median of types, (n_genes,)."""
    values = log_normalize(known.X, total_counts(known.X))
    labels, studies = _labels(known), known.obs["study"].to_numpy(str)
    spread, found = standard_deviations(values), []
    for name in np.unique(labels):
        means = [
            np.asarray(values[own].mean(axis=0)).ravel()
            for study in np.unique(studies)
            if (own := (labels == name) & (studies == study)).sum() >= FEWEST_CELLS
        ]
        if len(means) > 1:
            found.append(np.ptp(means, axis=0) / spread)
    return np.median(found, axis=0)


def _labels(cells: ad.AnnData) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy(str)
