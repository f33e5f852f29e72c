"""What every encoder does: it learns from sentences, or does not, and makes vectors of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellama.sentences import CellSentences


@dataclass(frozen=True)
class Lesson:
    """What there is to learn from.

    sentences: of the training cells; codes: their types, (n_cells,) int, or None; coordinates:
    (n_cells, n_components) in principal components, or None; groups: (n_cells,) texts, cells that
    differ in them are unlike by decree; validation: (sentences, codes), to choose the epoch by.
    """

    sentences: CellSentences
    codes: np.ndarray | None = None
    coordinates: np.ndarray | None = None
    groups: np.ndarray | None = None
    validation: tuple[CellSentences, np.ndarray] | None = None


class Encoder(ABC):
    """Sentences in, vectors out.

    options: all decided (``decided``); seed: of what is random; checkpoints: folder for those of
    training, or None.
    """

    contrasts = False  # whether types are learned by contrasts of a batch rather than a softmax
    softmax_: tuple[np.ndarray, np.ndarray] | None = None
    """coefficients (n_types, width) and intercepts (n_types,) that were learned with the vectors"""

    history_: list[dict]  # a row per epoch, as the training loop has it

    def __init__(self, options: CellamaOptions, seed: int = 0, checkpoints: Path | None = None):
        self.options, self.seed, self.checkpoints = options, seed, checkpoints
        self.history_ = []

    @abstractmethod
    def learn(self, lesson: Lesson) -> None:
        """Learn what the options say (``fine_tune``)."""

    @abstractmethod
    def vectors(self, sentences: CellSentences) -> np.ndarray:
        """(n_cells, width) float32; 0 for sentences without a known word."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers in a vector."""

    @abstractmethod
    def save(self, folder: Path) -> dict:
        """Write what was learned; returns JSON values that ``load`` needs beside it."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, options: CellamaOptions, known: dict, n_genes: int) -> Self:
        """Read what ``save`` wrote; ValueError or InputError where it does not fit."""
