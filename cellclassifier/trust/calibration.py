"""Probabilities that mean what they say: one temperature, learned from cells not learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    val_ece_before, val_ece_after: expected calibration error of the validation cells;
    averaged_temperature: of probabilities that are averaged over neighbours in a new file (None:
    the same), which is itself a way to be less sure.
    """

    temperature: float = 1.0
    val_ece_before: float | None = None
    val_ece_after: float | None = None
    averaged_temperature: float | None = None

    @property
    def of_averages(self) -> float:
        """The temperature of probabilities that are to be averaged."""
        own = self.averaged_temperature
        return self.temperature if own is None else own


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


def temperature_of_averages(
    trials: Sequence[tuple[Targets, np.ndarray, Callable[[np.ndarray], np.ndarray]]],
) -> float:
    """The temperature of files that were left out, whose probabilities are averaged afterwards.

    trials: of every file the cells' targets, their probabilities, (n_cells, n_names), and what
    averages them. Each file has the same weight, whatever its size.
    """

    def loss(temperature: float) -> float:
        losses = []
        for targets, probabilities, average in trials:
            averaged = average(targets.tempered(probabilities, temperature))
            losses.append(targets.cross_entropy(averaged, 1.0) / len(targets))
        return float(np.mean(losses))

    return _least(loss)


def _best_temperature(targets: Targets, probabilities: np.ndarray) -> float:
    return _least(lambda temperature: targets.cross_entropy(probabilities, temperature))


def _least(loss: Callable[[float], float]) -> float:
    """The temperature of the smallest loss."""
    found = minimize_scalar(
        lambda log_t: loss(np.exp(log_t)),
        bounds=(-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE),
        method="bounded",
    )
    return float(np.exp(found.x))
