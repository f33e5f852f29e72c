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
LOWER_IS_BETTER = ("cross_entropy", "ece")
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
    bins = confidence_bins(confidence, n_bins)
    table = pd.DataFrame({"bin": bins, "confidence": confidence, "accuracy": correct})
    grouped = table.groupby("bin")
    return grouped.mean().assign(n_cells=grouped.size())


def confidence_bins(confidence: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """(n_cells,) places of equal-width bins, open below and closed above; 0 joins the first."""
    return np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)


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
    confusions = draws.reshape(n_samples, len(types), len(types))
    correct = np.diagonal(confusions, axis1=1, axis2=2)
    scores = scores_of_counts(correct, confusions.sum(axis=2), confusions.sum(axis=1))
    intervals = {}
    for name in ("accuracy", "macro_f1"):
        low, high = np.quantile(scores[name], [0.025, 0.975])
        intervals |= {f"{name}_low": low, f"{name}_high": high}
    return intervals


def scores_of_counts(
    correct: np.ndarray, support: np.ndarray, predicted: np.ndarray
) -> dict[str, np.ndarray]:
    """The six metrics that depend on counts alone, of many sets of cells at once, (n_sets,) each.

    correct, support, predicted: (n_sets, n_types), cells of each type that were named rightly,
    that there are, and that were called so. A type without cells is no part of a mean over types;
    where chance explains everything, mcc and kappa are 0. Multiclass mcc: Gorodkin 2004,
    doi 10.1016/j.compbiolchem.2004.09.006.
    """
    n_cells, right = support.sum(axis=1), correct.sum(axis=1)
    present = support > 0
    f1 = 2 * correct / np.maximum(support + predicted, 1)
    by_chance = (support * predicted).sum(axis=1)
    above_chance = right * n_cells - by_chance
    spreads = [n_cells**2 - (counts**2).sum(axis=1) for counts in (support, predicted)]
    return {
        "accuracy": right / n_cells,
        "balanced_accuracy": (correct / np.maximum(support, 1)).sum(axis=1) / present.sum(axis=1),
        "macro_f1": (f1 * present).sum(axis=1) / present.sum(axis=1),
        "micro_f1": right / n_cells,
        "mcc": _ratio(above_chance, np.sqrt(spreads[0] * 1.0 * spreads[1])),
        "kappa": _ratio(above_chance, n_cells**2 - by_chance),
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Zero where nothing is below."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def losses(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(n_cells,) minus the logarithm of the true type's probability; codes: its columns."""
    return -np.log(_clipped(probabilities)[np.arange(len(codes)), codes])


def _clipped(probabilities: np.ndarray) -> np.ndarray:
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1)
    return clipped / clipped.sum(axis=1, keepdims=True)
