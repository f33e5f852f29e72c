"""How sure to be of another laboratory's cells, learned by leaving training studies out."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
import numpy as np
from sklearn.base import clone

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.studies import STUDY
from cellclassifier.protocol.targets import Targets
from cellclassifier.trust.calibration import temperature_of_averages
from cellclassifier.trust.neighbours import Neighbours, sampled_rows, smoothed

SEED = 42  # of the sample of a study of more than 20,000 cells
Trial = tuple[Targets, np.ndarray, Callable[[np.ndarray], np.ndarray]]


def temperature(model, training: tuple, validation: tuple) -> float | None:
    """The temperature that suits averages over neighbours in studies that were left out.

    Validation cells of the same studies say how sure to be of single cells of these studies; an
    average over neighbours in a new file is less sure by itself. So a model of the other studies
    names every study in turn, and the temperature is what suits these answers.

    model: a ``GeneClassifier`` to be cloned, whose ``believed`` labels its answers are held
    against; training, validation: (cells with obs["study"], labels (n_cells,)). None where there is
    one study, or none that others can name.
    """
    studies = np.unique(training[0].obs[STUDY].astype(str))
    found = [_left_out(model, study, training, validation) for study in studies]
    trials = list(filter(None, found))
    return temperature_of_averages(trials) if trials else None


def _left_out(model, study: str, training: tuple, validation: tuple) -> Trial | None:
    """The study's cells of types that the others have, named by a model of these."""
    (others, labels), held_out = (_others(*part, study) for part in (training, validation))
    if len(np.unique(labels)) < 2:
        return None
    can_be_asked = np.isin(held_out[1], labels)
    inner = clone(model).fit(others, labels, (held_out[0][can_be_asked], held_out[1][can_be_asked]))
    own = training[0].obs[STUDY].to_numpy(str) == study
    cells, own_labels = training[0][own], model.believed(training[0][own], training[1][own])
    sample = sampled_rows(cells.n_obs, SEED)
    cells, own_labels = inner.align(cells[sample]), own_labels[sample]
    known, average = np.isin(own_labels, inner.classes_), _averaging(cells)
    if average is None or not known.any():
        return None
    answers = inner.targets_.alike(own_labels[known])
    return answers, inner.outputs(cells).probabilities, lambda p: average(p)[known]


def _others(cells: ad.AnnData, labels: np.ndarray, study: str) -> tuple[ad.AnnData, np.ndarray]:
    """Cells of the other studies, which then are one: nothing is left out of them again."""
    rows = cells.obs[STUDY].to_numpy(str) != study
    others = cells[rows].copy()
    others.obs = others.obs.drop(columns=STUDY)
    return others, labels[rows]


def _averaging(cells: GeneCounts) -> Callable[[np.ndarray], np.ndarray] | None:
    """What averages probabilities of a file's cells over their neighbours; None of few cells."""
    rows = np.arange(len(cells))
    neighbours = Neighbours.learn(cells, rows)
    if neighbours is None:
        return None
    near = neighbours.of(cells, rows)
    return lambda probabilities: smoothed(probabilities, near, probabilities)
