"""How good a prediction is: labels and probabilities in, a dict of floats out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn import metrics as sk

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "micro_f1",
    "cross_entropy",
    "mcc",
    "kappa",
)
SMALLEST_PROBABILITY = 1e-7  # a sure and wrong answer costs 16 nats, not infinity


def score(labels: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """The seven metrics and the expected calibration error of one set of cells.

    labels: (n_cells,) true types, all of them in ``classes``; probabilities: (n_cells, n_types),
    columns in the order of ``classes``, which must be sorted. Cross-entropy is in nats.
    """
    predicted = classes[probabilities.argmax(axis=1)]
    over_types = {"average": "macro", "labels": np.unique(labels), "zero_division": 0}
    return {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.recall_score(labels, predicted, **over_types),
        "macro_f1": sk.f1_score(labels, predicted, **over_types),
        "micro_f1": sk.f1_score(labels, predicted, average="micro"),
        "cross_entropy": sk.log_loss(labels, _clipped(probabilities), labels=classes),
        "mcc": sk.matthews_corrcoef(labels, predicted),
        "kappa": sk.cohen_kappa_score(labels, predicted),
        "ece": expected_calibration_error(labels, probabilities, classes),
    }


def expected_calibration_error(labels, probabilities, classes, n_bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equal-width bins of confidence.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, equation 3.
    """
    table = reliability(labels, probabilities, classes, n_bins)
    gaps = (table["confidence"] - table["accuracy"]).abs()
    return float((gaps * table["n_cells"]).sum() / table["n_cells"].sum())


def reliability(labels, probabilities, classes, n_bins: int = 15) -> pd.DataFrame:
    """Per occupied bin of confidence: mean ``confidence``, ``accuracy`` and ``n_cells``."""
    confidence = probabilities.max(axis=1)
    correct = classes[probabilities.argmax(axis=1)] == labels
    # Bins are open below and closed above, as in the paper; 0 joins the first.
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    table = pd.DataFrame({"bin": bins, "confidence": confidence, "accuracy": correct})
    grouped = table.groupby("bin")
    return grouped.mean().assign(n_cells=grouped.size())


def per_type(labels: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Precision, recall, F1 and support of every type that occurs in ``labels``."""
    types = np.unique(labels)
    columns = sk.precision_recall_fscore_support(labels, predicted, labels=types, zero_division=0)
    return pd.DataFrame(
        dict(zip(("precision", "recall", "f1", "support"), columns, strict=True))
    ).assign(cell_type=types)[["cell_type", "precision", "recall", "f1", "support"]]


def bootstrap_intervals(
    labels: np.ndarray, predicted: np.ndarray, seed: int, n_samples: int = 1000
) -> dict[str, float]:
    """95 % percentile intervals of accuracy and macro-F1 over resampled cells.

    Both depend on the confusion matrix alone, and resampling cells with replacement is the same
    as drawing that matrix from a multinomial, so no cell is touched twice.
    """
    types = np.union1d(labels, predicted)
    confusion = sk.confusion_matrix(labels, predicted, labels=types)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(labels), confusion.ravel() / len(labels), size=n_samples)
    accuracy, macro_f1 = _accuracy_and_macro_f1(draws.reshape(n_samples, len(types), len(types)))
    intervals = {}
    for name, values in (("accuracy", accuracy), ("macro_f1", macro_f1)):
        intervals[f"{name}_low"], intervals[f"{name}_high"] = np.quantile(values, [0.025, 0.975])
    return intervals


def _accuracy_and_macro_f1(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both metrics of a stack of confusion matrices (n_samples, n_types, n_types)."""
    correct = np.diagonal(confusions, axis1=1, axis2=2)  # (n_samples, n_types)
    support, predicted = confusions.sum(axis=2), confusions.sum(axis=1)
    f1 = 2 * correct / np.maximum(support + predicted, 1)
    present = support > 0
    macro_f1 = (f1 * present).sum(axis=1) / present.sum(axis=1)
    return correct.sum(axis=1) / support.sum(axis=1), macro_f1


def _clipped(probabilities: np.ndarray) -> np.ndarray:
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1)
    return clipped / clipped.sum(axis=1, keepdims=True)
