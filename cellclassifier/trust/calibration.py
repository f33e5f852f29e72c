"""Probabilities that mean what they say: one temperature, learned from validation cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.model_selection import KFold

from cellclassifier.protocol.targets import Targets

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


def fit_calibration(targets: Targets, probabilities: np.ndarray) -> Calibration:
    """Temperature scaling (Guo et al. 2017, arXiv:1706.04599) of a model's validation cells.

    Kept only where it lowers the cross-entropy of cells that it was not learned from, in five
    folds; otherwise the probabilities stay as they are.

    targets: of the validation cells; probabilities: (n_cells, n_names), in the order of its names.
    """
    temperature = 1.0
    if len(targets) >= FOLDS and _helps(targets, probabilities):
        temperature = _best_temperature(targets, probabilities)
    calibrated = targets.tempered(probabilities, temperature)
    before, after = (targets.calibration_error(p) for p in (probabilities, calibrated))
    return Calibration(temperature, before, after)


def _helps(targets: Targets, probabilities: np.ndarray) -> bool:
    """Whether a temperature learned from four fifths is better than none on the last fifth."""
    gain = 0.0
    for learned, judged in KFold(FOLDS, shuffle=True, random_state=0).split(probabilities):
        temperature = _best_temperature(targets[learned], probabilities[learned])
        raw, scaled = (
            targets[judged].cross_entropy(probabilities[judged], t) for t in (1.0, temperature)
        )
        gain += raw - scaled
    return gain > 0


def _best_temperature(targets: Targets, probabilities: np.ndarray) -> float:
    found = minimize_scalar(
        lambda log_t: targets.cross_entropy(probabilities, np.exp(log_t)),
        bounds=(-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE),
        method="bounded",
    )
    return float(np.exp(found.x))
