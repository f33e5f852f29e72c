"""Cells of a study whose type no training cell had: are they called far, and known ones not?"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.leaving_out.scores import N_GENES, file_of
from cellclassifier.data.features import best_genes
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.trust.far import Profiles

FEWEST_STRANGERS = 20
NOTHING = "(none)"


def strangers(known: ad.AnnData, cells: ad.AnnData) -> pd.DataFrame:
    """Leave out every type of training cells in turn, and none.

    Returns a row per type that was left out: far_auroc, caught (share of its cells called far),
    n_strangers (none where nothing was left out), known_far (share of the cells of types that are
    left), n_known.
    """
    labels = cells.obs["cell_type"].to_numpy(str)
    types, sizes = np.unique(labels, return_counts=True)
    enough = types[sizes >= FEWEST_STRANGERS]
    has = np.unique(known.obs["cell_type"].astype(str))
    rows = []
    for stranger in [NOTHING, *enough]:
        left = known.obs["cell_type"].to_numpy(str) != stranger
        if left.all() and stranger != NOTHING:  # no training cell has it anyway
            row = _of(*_scores(known, cells), labels == stranger, np.isin(labels, has))
        else:
            score, far = _scores(known[left].copy(), cells)
            row = _of(score, far, labels == stranger, np.isin(labels, has) & (labels != stranger))
        rows.append({"left_out": stranger} | row)
    return pd.DataFrame(rows)


def _of(score, far, strange: np.ndarray, known: np.ndarray) -> dict[str, float | None]:
    row = {"far_auroc": None, "caught": None, "n_strangers": int(strange.sum())}
    if strange.any():
        either = strange | known
        row["far_auroc"] = roc_auc_score(strange[either], score[either])
        row["caught"] = far[strange].mean()
    return row | {"known_far": far[known].mean(), "n_known": int(known.sum())}


def _scores(known: ad.AnnData, cells: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """How far cells are, and which are called so, (n_cells,) each, by profiles of some cells."""
    labels = known.obs["cell_type"].to_numpy(str)
    genes = known.var_names[best_genes(known.X, labels, N_GENES, "anova")].to_numpy(str)
    studies, files = (known.obs[key].to_numpy(str) for key in ("study", "batch"))
    profiles = Profiles.fit(GeneCounts.of(known, genes), labels, studies, files=files)
    sample = file_of(known, cells)
    rows = np.arange(len(sample))
    view = profiles.view(sample, rows)
    score = view.score(sample, view.near(sample, rows))
    return score, profiles.is_far(score, view)
