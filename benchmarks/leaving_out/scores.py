"""What is right of the names that a model gives to a study that it has not seen."""

from __future__ import annotations

import anndata as ad
import numpy as np
import scipy.sparse as sp
from sklearn.metrics import f1_score

from cellclassifier.annotation.naming import Naming
from cellclassifier.data.features import best_genes
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.library_size import CountedGenes
from cellclassifier.data.match_genes import match_genes
from cellclassifier.trust.broader import CERTAINTY
from cellclassifier.trust.neighbours import Neighbours

N_BINS = 10
N_GENES = 2000  # of the networks


def file_of(known: ad.AnnData, cells: ad.AnnData) -> GeneCounts:
    """A file as a model of these training cells sees it: of the genes that tell its types."""
    labels = known.obs["cell_type"].to_numpy(str)
    columns = best_genes(known.X, labels, N_GENES, "anova")
    genes, symbols = known.var_names.to_numpy(str), known.var["gene_symbol"].to_numpy(str)
    match = match_genes(genes[columns], symbols[columns], cells.var)
    return CountedGenes.of(known).limit(match, cells.var).align(cells.X)


def near_in(cells: GeneCounts) -> sp.csr_matrix:
    """The 15 neighbours of each cell in its own file."""
    rows = np.arange(len(cells))
    return Neighbours.learn(cells, rows).of(cells, rows)


def scored(probabilities: np.ndarray, types: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and macro-F1 over cells whose type the model knows.

    probabilities: (n_cells, n_types); labels: (n_cells,).
    """
    known = np.isin(labels, types)
    predicted, own = types[probabilities[known].argmax(axis=1)], labels[known]
    macro = f1_score(own, predicted, labels=np.unique(own), average="macro", zero_division=0)
    return {"accuracy": np.mean(predicted == own), "macro_f1": macro}


def scored_broadly(
    probabilities: np.ndarray,
    types: np.ndarray,
    labels: np.ndarray,
    certainty: float = CERTAINTY,
) -> dict[str, float]:
    """The same with broader names where the type is unsure.

    broad_right: share of cells whose name holds for their type; kept: share that have a name of
    one type; broad_ece: calibration error of the names' probabilities, in ten bins.
    """
    naming, known = Naming.of(types, certainty), np.isin(labels, types)
    table, own = naming.columns(probabilities[known]), labels[known]
    place = {name: number for number, name in enumerate(naming.names)}
    members = naming.members[[place[name] for name in table["broad"]]]  # (n_known, n_types)
    right = members[np.arange(len(own)), np.searchsorted(types, own)]
    return {
        "broad_right": right.mean(),
        "kept": np.mean(members.sum(axis=1) == 1),
        "broad_ece": calibration_error(table["broad_probability"].to_numpy(), right),
    }


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """How far mean probability and share of right answers are apart, mean over bins of cells."""
    place = np.minimum((probability * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(place, probability - right, minlength=N_BINS)
    return float(np.abs(gaps).sum() / len(right))
