"""One label per cell: softmax, the most probable label, stratification within types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import log_softmax, softmax

from cellclassifier.errors import InputError
from cellclassifier.protocol import metrics, splits
from cellclassifier.protocol.metrics import SMALLEST_PROBABILITY
from cellclassifier.protocol.targets import Targets


@dataclass(frozen=True)
class SingleLabel(Targets):
    """One label per cell; answers: (n_cells,) str."""

    kind: ClassVar[str] = "one label"

    @classmethod
    def of(cls, labels) -> SingleLabel:
        """From the labels of training cells, which are all the names there are."""
        labels = np.asarray(labels).astype(str)
        return cls(labels, np.unique(labels))

    @classmethod
    def without_answers(cls, names: np.ndarray) -> SingleLabel:
        """The names alone."""
        return cls(np.empty(0, dtype=str), names)

    @property
    def labels(self) -> np.ndarray:
        """(n_cells,) str, the answers."""
        return self.answers

    @property
    def codes(self) -> np.ndarray:
        """(n_cells,) places of the answers in ``names``."""
        return np.searchsorted(self.names, self.answers)

    def alike(self, answers) -> SingleLabel:
        """The same question about other cells, answers (n_cells,)."""
        labels = np.asarray(answers).astype(str)
        unknown = np.setdiff1d(labels, self.names)
        if len(unknown):
            raise InputError(
                f"some cells have types that no training cell has: {', '.join(unknown)}; "
                "leave small types out with --min-cells-per-type"
            )
        return SingleLabel(labels, self.names)

    def parts(self, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
        """70 / 15 / 15 % within every type."""
        return splits.split_cells(self.answers, seed, groups)

    def tempered(self, probabilities: np.ndarray, temperature: float) -> np.ndarray:
        """Softmax of the logarithms divided by the temperature."""
        if temperature == 1.0:
            return probabilities
        return softmax(_logarithms(probabilities) / temperature, axis=1)

    def cross_entropy(self, probabilities: np.ndarray, temperature: float) -> float:
        """Of the labels, summed over cells, in nats."""
        scaled = log_softmax(_logarithms(probabilities) / temperature, axis=1)
        return -float(scaled[np.arange(len(self)), self.codes].sum())

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The most probable label, (n_cells,)."""
        return self.names[probabilities.argmax(axis=1)]

    def texts(self, answers: np.ndarray | None = None) -> np.ndarray:
        """The labels themselves."""
        return self.answers if answers is None else answers

    def score(self, probabilities: np.ndarray) -> dict[str, float]:
        """``metrics.score``."""
        return metrics.score(self.answers, probabilities, self.names)

    def calibration_error(self, probabilities: np.ndarray) -> float:
        """Of the most probable label's probability."""
        return metrics.expected_calibration_error(self.answers, probabilities, self.names)

    def intervals(self, probabilities: np.ndarray, seed: int) -> dict[str, float]:
        """Of accuracy and macro-F1."""
        return metrics.bootstrap_intervals(self.answers, self.decide(probabilities), seed)

    def per_name(self, probabilities: np.ndarray) -> pd.DataFrame:
        """``metrics.per_type``."""
        return metrics.per_type(self.answers, self.decide(probabilities))

    def clusters(self) -> np.ndarray:
        """The labels."""
        return self.answers


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1))
