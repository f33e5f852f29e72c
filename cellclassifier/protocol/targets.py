"""What a model is asked, and the answers: the decision rule, the metrics, the strata.

A new kind of question (labels with ancestors, say) is a subclass; nothing else needs to know it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Targets(ABC):
    """The answers for some cells (or images), in terms of ``names``."""

    answers: np.ndarray
    """one row per cell"""

    names: np.ndarray
    """(n_names,) str, sorted: the columns of probabilities"""

    kind: ClassVar[str]

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, rows) -> Self:
        """Some of the cells; ``[:0]`` is the question without any answer."""
        return type(self)(self.answers[rows], self.names)

    @classmethod
    @abstractmethod
    def without_answers(cls, names: np.ndarray) -> Self:
        """The question alone."""

    @abstractmethod
    def alike(self, answers) -> Self:
        """The same question about other cells; InputError for an answer outside ``names``."""

    @abstractmethod
    def parts(self, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
        """Part of every cell ("train", "val", "test"), stratified; no group is in two parts."""

    @abstractmethod
    def tempered(self, probabilities: np.ndarray, temperature: float) -> np.ndarray:
        """Probabilities whose log-odds are divided by a temperature; 1 leaves them as they are."""

    @abstractmethod
    def cross_entropy(self, probabilities: np.ndarray, temperature: float) -> float:
        """Of the answers under tempered probabilities, summed over the cells, in nats."""

    @abstractmethod
    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The answer for every row of probabilities, in the form of ``answers``."""

    @abstractmethod
    def texts(self, answers: np.ndarray | None = None) -> np.ndarray:
        """Answers (by default these) as one text per cell, (n_cells,) str."""

    @abstractmethod
    def score(self, probabilities: np.ndarray) -> dict[str, float]:
        """Every metric of this kind of question, calibration error ("ece") included."""

    @abstractmethod
    def calibration_error(self, probabilities: np.ndarray) -> float:
        """Expected calibration error, 0 to 1."""

    @abstractmethod
    def intervals(self, probabilities: np.ndarray, seed: int) -> dict[str, float]:
        """95 % bootstrap intervals over cells, as <metric>_low and <metric>_high."""

    @abstractmethod
    def per_name(self, probabilities: np.ndarray) -> pd.DataFrame:
        """Scores of every name, one row each."""

    def clusters(self) -> np.ndarray | None:
        """A label per cell, (n_cells,), if cells of one lie together; None where no such exists."""
        return None
