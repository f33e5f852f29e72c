"""Probabilities that mean what they say: one temperature, learned from validation cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.model_selection import KFold

from cellclassifier.protocol.metrics import SMALLEST_PROBABILITY, expected_calibration_error

FOLDS = 5
LARGEST_LOG_TEMPERATURE = np.log(20.0)


@dataclass(frozen=True)
class Calibration:
    """A temperature (1 leaves probabilities as they are), and what it did on validation cells.

    val_ece_before, val_ece_after: expected calibration error of the validation cells.
    """

    temperature: float = 1.0
    val_ece_before: float | None = None
    val_ece_after: float | None = None

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, (n_cells, n_types); the order of a cell's types stays."""
        if self.temperature == 1.0:
            return probabilities
        return softmax(_logarithms(probabilities) / self.temperature, axis=1)


def fit_calibration(
    labels: np.ndarray, probabilities: np.ndarray, classes: np.ndarray
) -> Calibration:
    """Temperature scaling (Guo et al. 2017, arXiv:1706.04599) of a model's validation cells.

    Kept only where it lowers the cross-entropy of cells that it was not learned from, in five
    folds; otherwise the probabilities stay as they are.

    labels: (n_cells,); probabilities: (n_cells, n_types), columns in the order of ``classes``.
    """
    codes = np.searchsorted(classes, labels)
    temperature = 1.0
    if len(codes) >= FOLDS and _helps(codes, _logarithms(probabilities)):
        temperature = _best_temperature(codes, _logarithms(probabilities))
    calibration = Calibration(temperature)
    before, after = (
        expected_calibration_error(labels, p, classes)
        for p in (probabilities, calibration.apply(probabilities))
    )
    return Calibration(temperature, before, after)


def _helps(codes: np.ndarray, logarithms: np.ndarray) -> bool:
    """Whether a temperature learned from four fifths is better than none on the last fifth."""
    gain = 0.0
    for learned, judged in KFold(FOLDS, shuffle=True, random_state=0).split(codes):
        temperature = _best_temperature(codes[learned], logarithms[learned])
        raw, scaled = (
            _cross_entropy(codes[judged], logarithms[judged], t) for t in (1.0, temperature)
        )
        gain += raw - scaled
    return gain > 0


def _best_temperature(codes: np.ndarray, logarithms: np.ndarray) -> float:
    found = minimize_scalar(
        lambda log_t: _cross_entropy(codes, logarithms, np.exp(log_t)),
        bounds=(-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE),
        method="bounded",
    )
    return float(np.exp(found.x))


def _cross_entropy(codes: np.ndarray, logarithms: np.ndarray, temperature: float) -> float:
    """Sum over cells, in nats."""
    scaled = log_softmax(logarithms / temperature, axis=1)
    return -float(scaled[np.arange(len(codes)), codes].sum())


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1))
