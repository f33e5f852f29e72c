"""Fit a classifier on one split and tell how it did: the rows of every table of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.protocol.metrics import reliability
from cellclassifier.protocol.options import PARTS
from cellclassifier.protocol.questions import as_targets
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.protocol.targets import Targets


@dataclass(frozen=True)
class Evaluation:
    """What one method did on one split.

    scores: one row per part: method, part, split, n_cells, the metrics of the question,
    fit_seconds, 95 % intervals (test only), ece_raw; per_type: one row per name, of the test part;
    predictions: one row per cell with part, label, predicted and a probability column per name.
    """

    classifier: Any
    split: int
    scores: pd.DataFrame
    per_type: pd.DataFrame
    predictions: pd.DataFrame

    def facts(self) -> dict:
        """What a model card tells of it, as JSON values.

        n_cells: of every type in every part; scores, per_type: of the test cells.
        """
        (test,) = _plain_rows(self.scores[self.scores["part"] == "test"])
        facts = {"scores": test, "per_type": _plain_rows(self.per_type)}
        if isinstance(self.classifier.targets_, SingleLabel):
            labels = self.predictions.groupby("part")["label"]
            facts["n_cells"] = {part: labels.get_group(part).value_counts() for part in PARTS}
            facts["n_cells"] = {p: n.sort_index().to_dict() for p, n in facts["n_cells"].items()}
        return facts


def _plain_rows(table: pd.DataFrame) -> list[dict]:
    """Rows as JSON values, None where a value is missing."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def evaluate(
    classifier, cells: ad.AnnData, part_of_cell: np.ndarray, split: int, inputs=None
) -> Evaluation:
    """Fit on the training cells, choose on the validation cells, score the test cells once.

    Choosing includes the temperature that calibrates the probabilities; ece_raw is the
    calibration error without it.

    cells: raw counts with obs["cell_type"]; part_of_cell: (n_cells,) of ``PARTS``; inputs: what
    the classifier is given instead of the cells, a row for each, taken by index arrays.
    """
    part_of_cell = np.asarray(part_of_cell)
    targets = as_targets(cells.obs["cell_type"].to_numpy().astype(str))
    rows = {part: np.flatnonzero(part_of_cell == part) for part in PARTS}
    names = {part: cells.obs_names[rows[part]] for part in PARTS}
    if inputs is None:
        inputs = {part: cells[rows[part]].copy() for part in PARTS}
    else:
        inputs = {part: inputs[rows[part]] for part in PARTS}
    return evaluate_parts(classifier, inputs, targets, part_of_cell, names, split)


def evaluate_parts(
    classifier, inputs: dict[str, Any], targets: Targets, part_of_cell, names: dict, split: int
) -> Evaluation:
    """``evaluate`` for any input and question.

    inputs, names: of every part, what the classifier is given and what its rows are called; without
    "val" nothing is calibrated by it (folds, of a model that calibrates itself within training);
    targets: of all rows together, in the order of part_of_cell, (n,) of ``PARTS``.
    """
    parts = [part for part in PARTS if part in inputs]
    answers = {part: targets[part_of_cell == part] for part in parts}
    validation = (inputs["val"], answers["val"]) if "val" in inputs else None
    outputs = classifier.fit_with_outputs(inputs["train"], answers["train"], validation)
    outputs |= {part: classifier.outputs(inputs[part]) for part in parts if part not in outputs}
    scores, predictions = [], []
    for part in parts:
        own = classifier.targets_.alike(answers[part].answers)
        raw = outputs[part].probabilities
        probabilities = classifier.calibrated(raw)
        key = {"method": classifier.method, "part": part, "split": split, "n_cells": len(own)}
        row = key | own.score(probabilities) | {"fit_seconds": classifier.fit_seconds_}
        if part == "test":
            row |= own.intervals(probabilities, seed=split)
            per_type = own.per_name(probabilities)
        scores.append(row | {"ece_raw": own.calibration_error(raw)})
        predictions.append(_prediction_rows(own, names[part], part, probabilities))
    per_type.insert(0, "method", classifier.method)
    per_type.insert(1, "split", split)
    return Evaluation(
        classifier,
        split,
        _with_raw_error_last(pd.DataFrame(scores)),
        per_type,
        _in_order(pd.concat(predictions), part_of_cell),
    )


def _with_raw_error_last(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[[*scores.columns.drop("ece_raw"), "ece_raw"]]


def _prediction_rows(targets: Targets, names, part: str, probabilities) -> pd.DataFrame:
    table = pd.DataFrame(probabilities.astype(np.float32), columns=targets.names)
    told = targets.texts(targets.decide(probabilities))
    for place, (name, values) in enumerate(
        {"cell": names, "part": part, "label": targets.texts(), "predicted": told}.items()
    ):
        table.insert(place, name, values)
    return table


def _in_order(predictions: pd.DataFrame, part_of_cell: np.ndarray) -> pd.DataFrame:
    """Rows of one part after another, put into the order of the cells."""
    order = np.concatenate([np.flatnonzero(part_of_cell == part) for part in PARTS])
    return predictions.iloc[np.argsort(order)].reset_index(drop=True)


def pooled_reliability(predictions: pd.DataFrame) -> pd.DataFrame:
    """``metrics.reliability`` of rows of predictions, for instance of all splits together."""
    classes = predictions.columns.drop(["cell", "part", "label", "predicted"])
    labels, probabilities = predictions["label"].to_numpy(), predictions[classes].to_numpy()
    return reliability(labels, probabilities, classes.to_numpy())
