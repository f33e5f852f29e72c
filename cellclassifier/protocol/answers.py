"""What a method said of test cells, kept so that any weighting of the cells is scored at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from cellclassifier.output.folder import Output
from cellclassifier.protocol.metrics import (
    METRICS,
    confidence_bins,
    losses,
    scores_of_counts,
)

COMPARED = (*METRICS, "ece")
CALIBRATION_BINS = 15
KEYS = ["cell", "part", "label", "predicted"]  # columns of predictions that are no probability


@dataclass(frozen=True)
class Answers:
    """The answers of one method to the test cells of one split.

    cells: (n_cells,) names; true, called, right: (n_cells, n_types), 1 where a cell is of a type,
    was called so, and both; loss: (n_cells,) nats; gaps: (n_cells, n_bins), confidence minus 1 if
    right, in the bin of the cell's confidence.
    """

    cells: np.ndarray
    true: np.ndarray
    called: np.ndarray
    right: np.ndarray
    loss: np.ndarray
    gaps: np.ndarray

    @classmethod
    def of(cls, predictions: pd.DataFrame) -> Self:
        """From rows of predictions/<method>-split<seed>.parquet."""
        types = predictions.columns.drop(KEYS)
        probabilities = predictions[types].to_numpy(float)
        label, predicted = (types.get_indexer(predictions[name]) for name in ("label", "predicted"))
        true, called = np.eye(len(types))[label], np.eye(len(types))[predicted]
        right = true * called
        confidence = probabilities.max(axis=1)
        in_bin = np.eye(CALIBRATION_BINS)[confidence_bins(confidence, CALIBRATION_BINS)]
        gaps = in_bin * (confidence - right.sum(axis=1))[:, None]
        cells = predictions["cell"].to_numpy(str)
        return cls(cells, true, called, right, losses(probabilities, label), gaps)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """``COMPARED`` of weighted cells; weights: (n_sets, n_cells); returns (n_sets, n_metrics).

        A weight of 2 is a cell that is there twice.
        """
        counts = (weights @ table for table in (self.right, self.true, self.called))
        n_cells = weights.sum(axis=1)
        values = scores_of_counts(*counts)
        values["cross_entropy"] = weights @ self.loss / n_cells
        values["ece"] = np.abs(weights @ self.gaps).sum(axis=1) / n_cells
        return np.stack([values[name] for name in COMPARED], axis=1)


def read_answers(output: Output, scores: pd.DataFrame) -> dict[str, dict[int, Answers]]:
    """Of every method that names one type per cell: the test cells of its splits.

    scores: rows of ``scores.combined``; methods of other questions have no accuracy there.
    """
    answers: dict[str, dict[int, Answers]] = {}
    keys = scores.dropna(subset=["accuracy"])[["method", "split"]].drop_duplicates()
    for method, split in keys.itertuples(index=False):
        rows = output.read_predictions(method, [split])
        answers.setdefault(method, {})[split] = Answers.of(rows[rows["part"] == "test"])
    return answers
