"""Options of the networks that learn from thinned cells, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from cellclassifier.errors import InputError
from cellclassifier.models.neural.options import TrainingOptions, require_at_least

HIDDEN = {"augmented_regression": 0, "augmented_network": 128, "marker_network": 128}
BY_MARKERS = (
    "marker_network",
)  # learn CD4 and CD8 labels that the cells' counts do not contradict


@dataclass(frozen=True)
class AugmentedOptions(TrainingOptions):
    """Options of ``AugmentedClassifier``."""

    n_genes: int = 2000
    """genes to select, by ANOVA F"""

    n_networks: int = 2
    """networks that are trained, with other random numbers; their mean probability counts;
    one if linear"""

    dropout: float = 0.3
    """share of the hidden units that are left out at random while learning"""

    least_share: float = 0.2
    """counts are thinned to a share between this and all of them"""

    most_dropped: float = 0.8
    """of each cell up to this share of the genes is left out at random"""

    balance: float = 0.5
    """0 draws cells as they are, 1 every type equally often"""

    epochs: int = 30
    """most passes over the training cells"""

    patience: int = 8
    """stop after so many epochs without a better score on the validation cells"""

    learning_rate: float = 1e-3
    """highest learning rate of the schedule"""

    weight_decay: float = 0.01
    """decay of AdamW"""

    batch_size: int = 256
    """cells per step"""

    def check(self) -> None:
        """Raise InputError for a value out of range."""
        super().check()
        require_at_least(self, 1, "n_genes", "n_networks")
        for name, limit in (("least_share", 1), ("most_dropped", 1), ("balance", 1)):
            if not 0 <= getattr(self, name) <= limit:
                option = name.replace("_", "-")
                raise InputError(f"--{option} {getattr(self, name)}: expected 0 to {limit}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"--dropout {self.dropout}: expected 0 or more, less than 1")
