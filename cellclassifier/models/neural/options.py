"""How long and how fast a network learns: options of every network, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cellclassifier.errors import InputError


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the training loop; a network's own options inherit them, with its own defaults."""

    epochs: int = 50
    """most passes over the training cells"""

    patience: int = 3
    """stop after so many epochs without a better score on the validation cells"""

    learning_rate: float = 1e-3
    """highest learning rate of the schedule"""

    schedule: Literal["linear", "cosine", "constant", "plateau"] = "linear"
    """how the learning rate goes on after the warm-up: down to 0 by the last step, constant, or
    halved after 5 epochs without a better score"""

    warmup_share: float = 0.1
    """share of all steps in which the learning rate rises"""

    weight_decay: float = 0.001
    """decay of AdamW; biases and the weights of norms do not decay"""

    batch_size: int = 32
    """cells per step"""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """where to compute; auto takes a GPU if there is one"""

    def check(self) -> None:
        """Raise InputError for a value out of range."""
        require_at_least(self, 1, "epochs", "patience", "batch_size")
        require_at_least(self, 0, "warmup_share", "weight_decay")
        if not self.learning_rate > 0:
            raise InputError(f"--learning-rate {self.learning_rate}: expected more than 0")
        if self.warmup_share >= 1:
            raise InputError(f"--warmup-share {self.warmup_share}: expected less than 1")


def require_at_least(options: object, least: int, *names: str) -> None:
    """Raise InputError where an option is below ``least``."""
    for name in names:
        value = getattr(options, name)
        if value < least:
            raise InputError(f"--{name.replace('_', '-')} {value}: expected at least {least}")
