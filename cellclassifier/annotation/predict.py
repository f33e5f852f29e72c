"""What a trained model says of new cells: the rows of annotations.csv, and their summary."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.annotation.first_pass import FirstPass
from cellclassifier.annotation.naming import Naming
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.in_order import in_order
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.trust.far import remark_on_far

log = logging.getLogger(__name__)

# Least calibrated probability of each level of confidence, of cells that are not far.
LEVELS = {"high": 0.9, "medium": 0.6, "low": 0.0}
FLAGS = ("far", "between")  # two kinds of doubt: columns of annotations
NUMBERS = (  # of a summary, in this order
    "n_unknown",
    "unknown_share",
    "mean_probability",
    *(name for flag in FLAGS for name in (f"n_{flag}", f"{flag}_share")),
)


@dataclass(frozen=True)
class Annotations:
    """What a model says of some cells.

    table: one row per cell: cell, predicted, probability, second, second_probability, confidence,
    known, broad, broad_probability, far, between; probabilities: (n_cells, n_types) float32,
    calibrated; space: (n_cells, n_components), the cells among the known types (see
    novelty.Novelty), no columns where the model has none; own_places: (n_cells, n_components), in
    the file's own space, where the first pass was to keep it.
    """

    table: pd.DataFrame
    probabilities: np.ndarray
    space: np.ndarray
    own_places: np.ndarray | None = None


def annotate_chunk(
    model: GeneClassifier,
    cells: ad.AnnData | GeneCounts,
    names: np.ndarray | None = None,
    naming: Naming | None = None,
    first: FirstPass | None = None,
    start: int = 0,
) -> Annotations:
    """Annotate cells of raw counts; counts of the model's genes come with names, (n_cells,).

    naming: which broader names there are, default: ``Naming.of`` the model's types; first: what
    a first pass over the file told, default: over these cells, as if they were all of it; start:
    how many cells of the file came before these.

    far: like no type that the model knows (see ``trust.far``; of a model without profiles, see
    ``trust.novelty``). between: not far, but the model hesitates more between types than with 95 %
    of validation cells of the predicted one. known: not far, and not without any count. confidence:
    by probability, but low where a cell is not known, and medium at most where it is between.
    Raises InputError for a model that gives no numbers.
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
    rows = np.arange(len(cells))
    if first is None:
        first = FirstPass.of_sample_at(model, cells, rows)
    is_far, near = (None, None) if first.view is None else first.look(cells, start + rows)
    averaged = probabilities
    if first.of_sample is not None:
        averaged = first.smoothed(model.calibrated(outputs.probabilities, to_average=True), near)
    if first.smooth == "all":
        probabilities = averaged
    place, second = _two_best(probabilities)
    space, far, hesitates = _beside_known_cells(model, outputs, place)
    far = far if is_far is None else is_far
    has_counts = cells.totals > 0
    far &= has_counts
    known, between = has_counts & ~far, has_counts & ~far & hesitates
    best = probabilities[rows, place]
    table = pd.DataFrame(
        {
            "cell": names,
            "predicted": model.classes_[place],
            "probability": best.astype(np.float32),
            "second": model.classes_[second],
            "second_probability": probabilities[rows, second].astype(np.float32),
            "confidence": _confidence(best, known, between),
            "known": known,
        }
    )
    naming = naming or Naming.of(model.classes_)
    table = table.join(naming.columns(probabilities, averaged))
    table["far"], table["between"] = far, between
    return Annotations(table, probabilities.astype(np.float32), space, first.own_places(cells))


def annotate_chunks(
    model: GeneClassifier,
    chunks: Callable[[int], Iterator[sp.csr_matrix]],
    chunk_cells: int,
    align: Callable[[sp.csr_matrix], GeneCounts],
    names: np.ndarray,
    naming: Naming,
    first: FirstPass,
) -> Iterator[Annotations]:
    """``annotate_chunk`` of all cells of a file, in their order, in the model's threads.

    chunks: gives the file's raw counts, so many cells at a time; chunk_cells: that are in memory
    at a time; align: gives counts of the model's genes; names: of all cells, (n_cells,).
    """

    def annotated(chunk: tuple[int, sp.csr_matrix]) -> Annotations:
        start, counts = chunk
        own = names[start : start + counts.shape[0]]
        return annotate_chunk(model, align(counts), own, naming, first, start)

    if not model.answers_in_threads:
        return map(annotated, _with_starts(chunks(chunk_cells)))
    size = -(-chunk_cells // model.jobs)
    return in_order(annotated, _with_starts(chunks(size)), model.jobs)


def _with_starts(chunks: Iterator[sp.csr_matrix]) -> Iterator[tuple[int, sp.csr_matrix]]:
    start = 0
    for counts in chunks:
        yield start, counts
        start += counts.shape[0]


def _beside_known_cells(
    model: GeneClassifier, outputs: Outputs, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where cells are among known ones, whether they are far from them, and whether in doubt.

    Without novelty (a model that saw no validation cells) there is no place, and nothing is.
    """
    if model.novelty_ is None:
        none = np.zeros(len(place), dtype=bool)
        return np.zeros((len(place), 0)), none, none
    space = model.novelty_.place(outputs.features)
    score = model.novelty_.score(space, outputs.probabilities)
    hesitates = model.novelty_.hesitates(outputs.probabilities, place)
    return space, ~model.novelty_.is_known(score, place), hesitates


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Cells per predicted type, most frequent first; ``totals`` are those of all types together.

    table: predicted, probability, known, far, between of every cell.

    Columns: predicted, n_cells, cell_share, n_unknown, unknown_share, mean_probability, n_far,
    far_share, n_between, between_share. Unknown cells are far, or have no counts.
    """
    cells = pd.DataFrame(
        {
            "predicted": table["predicted"].astype(str),
            "probability": table["probability"].astype(float),
            "unknown": ~table["known"].astype(bool),
            **{flag: table[flag].astype(bool) for flag in FLAGS},
        }
    )
    grouped = cells.groupby("predicted").agg(
        n_cells=("unknown", "size"),
        n_unknown=("unknown", "sum"),
        mean_probability=("probability", "mean"),
        **{f"n_{flag}": (flag, "sum") for flag in FLAGS},
    )
    grouped = grouped.sort_values("n_cells", ascending=False, kind="stable")
    for name in ("unknown", *FLAGS):
        grouped[f"{name}_share"] = grouped[f"n_{name}"] / grouped["n_cells"]
    grouped["cell_share"] = grouped["n_cells"] / len(cells)
    return grouped.reset_index()[["predicted", "n_cells", "cell_share", *NUMBERS]]


def totals(table: pd.DataFrame) -> dict[str, float]:
    """Of all cells: n_cells and ``NUMBERS``; table: as ``summarize`` takes it."""
    flags = {"unknown": ~table["known"].to_numpy(bool)}
    flags |= {flag: table[flag].to_numpy(bool) for flag in FLAGS}
    found = {f"n_{name}": int(values.sum()) for name, values in flags.items()}
    found |= {f"{name}_share": float(values.mean()) for name, values in flags.items()}
    found["mean_probability"] = float(table["probability"].to_numpy().mean(dtype=float))
    return {"n_cells": len(table)} | {name: found[name] for name in NUMBERS}


def say_if_many_are_far(table: pd.DataFrame) -> None:
    """Warn, in one sentence, where most of a file should not be believed; table: with far."""
    remark = remark_on_far(table["far"].to_numpy(bool))
    if remark:
        log.warning(remark)


def _two_best(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the most and second most probable type, (n_cells,) each; the first among equals."""
    first = probabilities.argmax(axis=1)
    others = probabilities.copy()
    others[np.arange(len(first)), first] = -np.inf
    return first, others.argmax(axis=1)


def _confidence(probability: np.ndarray, known: np.ndarray, between: np.ndarray) -> np.ndarray:
    """By probability; a sure answer to a question that does not arise is no confident one."""
    is_high, is_medium = (probability >= LEVELS[level] for level in ("high", "medium"))
    levels = [known & is_high & ~between, known & is_medium]
    return np.select(levels, ["high", "medium"], "low")
