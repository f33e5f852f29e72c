"""What a trained model says of new cells: the rows of annotations.csv, and their summary."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.annotation.naming import Naming
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier

# Least calibrated probability of each level of confidence.
LEVELS = {"high": 0.9, "medium": 0.6, "low": 0.0}


@dataclass(frozen=True)
class Annotations:
    """What a model says of some cells.

    table: one row per cell: cell, predicted, probability, second, second_probability, confidence,
    known, broad, broad_probability; probabilities: (n_cells, n_types) float32, calibrated; space:
    (n_cells, n_components), the cells among the known types (see novelty.Novelty), no columns where
    the model has none.
    """

    table: pd.DataFrame
    probabilities: np.ndarray
    space: np.ndarray


def annotate_chunk(
    model: GeneClassifier,
    cells: ad.AnnData | GeneCounts,
    names: np.ndarray | None = None,
    naming: Naming | None = None,
) -> Annotations:
    """Annotate cells of raw counts; counts of the model's genes come with names, (n_cells,).

    naming: which broader names there are, default: ``Naming.of`` the model's types.

    A cell is not known where its novelty score is beyond the threshold of its predicted type, or
    where it has no counts at all; without novelty (a model that saw no validation cells) every
    other cell passes for known. Raises InputError for a model that gives no numbers.
    """
    names = cells.obs_names.to_numpy() if names is None else names
    cells = model.align(cells)
    outputs = model.outputs(cells)
    probabilities = model.calibrated(outputs.probabilities)
    if np.isnan(probabilities).any():
        raise InputError(
            f"this {model.method} gives no probabilities, as its numbers are too large: train and "
            "save it again"
        )
    first, second = _two_best(probabilities)
    known = cells.totals > 0
    space = np.zeros((len(first), 0))
    if model.novelty_ is not None:
        space = model.novelty_.place(outputs.features)
        score = model.novelty_.score(space, outputs.probabilities)
        known &= model.novelty_.is_known(score, first)
    rows = np.arange(len(first))
    best = probabilities[rows, first]
    table = pd.DataFrame(
        {
            "cell": names,
            "predicted": model.classes_[first],
            "probability": best.astype(np.float32),
            "second": model.classes_[second],
            "second_probability": probabilities[rows, second].astype(np.float32),
            "confidence": _levels(best),
            "known": known,
        }
    )
    naming = naming or Naming.of(model.classes_)
    table = table.join(naming.columns(probabilities))
    return Annotations(table, probabilities.astype(np.float32), space)


def summarize(predicted: pd.Series, probability: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    """Cells per predicted type, most frequent first; ``totals`` are those of all types together.

    Columns: predicted, n_cells, cell_share, n_unknown, unknown_share, mean_probability.
    """
    table = pd.DataFrame(
        {
            "predicted": predicted.astype(str),
            "probability": probability.astype(float),
            "unknown": ~known,
        }
    )
    grouped = table.groupby("predicted").agg(
        n_cells=("unknown", "size"),
        n_unknown=("unknown", "sum"),
        mean_probability=("probability", "mean"),
    )
    grouped = grouped.sort_values("n_cells", ascending=False, kind="stable")
    grouped.insert(1, "cell_share", grouped["n_cells"] / len(table))
    grouped.insert(3, "unknown_share", grouped["n_unknown"] / grouped["n_cells"])
    return grouped.reset_index()


def totals(probability: np.ndarray, known: np.ndarray) -> dict[str, float]:
    """Of all cells: n_cells, n_unknown, unknown_share, mean_probability."""
    n_cells, n_unknown = len(known), int((~known).sum())
    shares = {
        "unknown_share": n_unknown / n_cells,
        "mean_probability": float(probability.mean(dtype=float)),
    }
    return {"n_cells": n_cells, "n_unknown": n_unknown} | shares


def _two_best(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the most and second most probable type, (n_cells,) each; the first among equals."""
    first = probabilities.argmax(axis=1)
    others = probabilities.copy()
    others[np.arange(len(first)), first] = -np.inf
    return first, others.argmax(axis=1)


def _levels(probability: np.ndarray) -> np.ndarray:
    return np.select([probability >= least for least in LEVELS.values()], list(LEVELS), "low")
