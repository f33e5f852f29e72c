"""Fit a classifier on one split and tell how it did: the rows of every results table."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.interface import CellClassifier, Outputs
from cellclassifier.protocol.metrics import (
    METRICS,
    bootstrap_intervals,
    expected_calibration_error,
    per_type,
    reliability,
    score,
)
from cellclassifier.protocol.splits import PARTS

INTERVALS = ("accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high")
COMBINED_COLUMNS = [
    *("method", "dataset", *METRICS),
    *("ece", "split", "n_cells", "fit_seconds", *INTERVALS, "ece_raw"),
]


@dataclass(frozen=True)
class Evaluation:
    """What one method did on one split.

    combined: one row per part, columns ``COMBINED_COLUMNS``; per_type: one row per type of the
    test part; predictions: one row per cell with part, label, predicted and a probability
    column per type.
    """

    combined: pd.DataFrame
    per_type: pd.DataFrame
    predictions: pd.DataFrame


def evaluate(
    classifier: CellClassifier, cells: ad.AnnData, parts: np.ndarray, split: int
) -> Evaluation:
    """Fit on the training cells, choose on the validation cells, score the test cells once.

    Choosing includes the temperature that calibrates the probabilities; ece_raw is the
    calibration error without it.

    cells: raw counts with obs["cell_type"]; parts: (n_cells,) "train", "val" or "test".
    """
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    subsets = {part: cells[parts == part].copy() for part in PARTS}
    outputs, fit_seconds = train(classifier, subsets)
    rows, predictions = [], []
    for part in PARTS:
        own, raw = labels[parts == part], outputs[part].probabilities
        probabilities = classifier.calibration_.apply(raw)
        ece_raw = expected_calibration_error(own, raw, classifier.classes_)
        rows.append(
            _combined_row(classifier, own, probabilities, part, split)
            | {"fit_seconds": fit_seconds, "ece_raw": ece_raw}
        )
        predictions.append(
            _prediction_rows(classifier, subsets[part].obs_names, part, probabilities)
        )
    predictions = pd.concat(predictions).reindex(cells.obs_names)
    predictions.insert(1, "label", labels)
    test = predictions[predictions["part"] == "test"]
    types = per_type(test["label"].to_numpy(), test["predicted"].to_numpy())
    types.insert(0, "method", classifier.method)
    types.insert(1, "split", split)
    combined = pd.DataFrame(rows)[COMBINED_COLUMNS]
    return Evaluation(combined, types, predictions.rename_axis("cell").reset_index())


def train(
    classifier: CellClassifier, subsets: dict[str, ad.AnnData]
) -> tuple[dict[str, Outputs], float]:
    """Fit, calibrate and set thresholds; returns the outputs for every part, and fit seconds.

    subsets: raw counts with obs["cell_type"]: "train", "val" and any others.
    """
    labels = {
        part: cells.obs["cell_type"].to_numpy().astype(str) for part, cells in subsets.items()
    }
    start = time.perf_counter()
    classifier.fit(subsets["train"], labels["train"], (subsets["val"], labels["val"]))
    fit_seconds = time.perf_counter() - start
    classifier.name_genes(subsets["train"].var)
    outputs = {part: classifier.outputs(cells) for part, cells in subsets.items()}
    classifier.learn_trust(outputs["train"], labels["train"], outputs["val"], labels["val"])
    return outputs, fit_seconds


def _combined_row(classifier, labels, probabilities, part: str, split: int) -> dict:
    row = {"method": classifier.method, "dataset": part, "split": split, "n_cells": len(labels)}
    row |= score(labels, probabilities, classifier.classes_)
    if part == "test":
        predicted = classifier.classes_[probabilities.argmax(axis=1)]
        return row | bootstrap_intervals(labels, predicted, seed=split)
    return row | dict.fromkeys(INTERVALS)


def _prediction_rows(classifier, cell_names, part: str, probabilities) -> pd.DataFrame:
    table = pd.DataFrame(
        probabilities.astype(np.float32), index=cell_names, columns=classifier.classes_
    )
    table.insert(0, "part", part)
    table.insert(1, "predicted", classifier.classes_[probabilities.argmax(axis=1)])
    return table


def summarize(combined: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over splits of every metric, per method and part.

    Columns are (metric, "mean" or "std"); the standard deviation of a single split is 0.
    """
    metrics = [*METRICS, "ece", "fit_seconds", "ece_raw"]
    grouped = combined.groupby(["method", "dataset"], sort=False)[metrics]
    return grouped.agg(["mean", "std"]).fillna(0.0)


def beside_other_methods(types: pd.DataFrame, output: Path, own: Collection[str]) -> pd.DataFrame:
    """With the rows that other scripts left in per_type_results.csv, if they are of these types.

    The table is written by more than one script; each replaces the rows of its ``own`` methods.
    """
    path = output / "results" / "per_type_results.csv"
    if not path.exists():
        return types
    others = pd.read_csv(path).query("method not in @own")
    same = set(others["cell_type"]) == set(types["cell_type"])
    return pd.concat([others, types], ignore_index=True) if same else types


def pooled_reliability(predictions: pd.DataFrame) -> pd.DataFrame:
    """``metrics.reliability`` of rows of predictions, for instance of all splits together."""
    classes = predictions.columns.drop(["cell", "part", "label", "predicted"])
    labels, probabilities = predictions["label"].to_numpy(), predictions[classes].to_numpy()
    return reliability(labels, probabilities, classes.to_numpy())
