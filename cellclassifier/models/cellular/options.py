"""Options of CELLULAR, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cellclassifier.errors import InputError
from cellclassifier.models.neural.options import TrainingOptions, require_at_least

LOSSES = ("cosine-contrastive", "contrastive", "cellular", "softmax")
NETWORKS = ("mlp", "linear")
LARGEST_ENSEMBLE = 64


@dataclass(frozen=True)
class CellularOptions(TrainingOptions):
    """Options of ``CellularClassifier``."""

    loss: Literal["cosine-contrastive", "contrastive", "cellular", "softmax"] = "cosine-contrastive"
    """what is learned: cosine softmax and supervised contrastive together; contrastive alone; the
    three terms of the original; softmax alone. The head of those without softmax learns beside"""

    network: Literal["mlp", "linear"] = "mlp"
    """the encoder: two hidden layers, or one matrix"""

    ensemble: int = 1
    """networks of other random numbers, whose probabilities are averaged"""

    n_genes: int = 2000
    """genes to select"""

    gene_selection: Literal["anova", "pearson"] = "anova"
    """by what: how far types differ in them (F), or the variance of their Pearson residuals"""

    thin: float = 0.2
    """counts are thinned to a share between this and all of them; 1: they are not"""

    drop_genes: float = 0.8
    """of each cell up to this share of the genes is left out at random"""

    embedding_size: int = 64
    """dimensions of the embedding"""

    dropout: float = 0.3
    """share of the hidden units that are left out at random while learning"""

    temperature: float = 0.1
    """of the contrastive loss; the original's is learned"""

    balance: float = 0.5
    """0 takes types into a minibatch by their share of the cells, 1 all equally often"""

    least_cells: int = 4
    """cells of a type in a minibatch that has any, so that there is something to compare"""

    cells_per_epoch: int = 20_000
    """most cells in an epoch; of more, each epoch takes others"""

    epochs: int = 30
    """most epochs"""

    patience: int = 8
    """stop after so many epochs without a better score on the validation cells"""

    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    """how the learning rate goes on after the warm-up: down to 0 by the last step, or constant"""

    learning_rate: float = 2e-3
    """highest learning rate of the schedule"""

    weight_decay: float = 0.01
    """decay of AdamW"""

    batch_size: int = 256
    """cells per step"""

    def check(self) -> None:
        """Raise InputError for a value out of range."""
        super().check()
        require_at_least(self, 1, "n_genes", "embedding_size", "ensemble", "cells_per_epoch")
        require_at_least(self, 0, "least_cells")
        for name in ("thin", "drop_genes", "balance"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"--{name.replace('_', '-')} {getattr(self, name)}: expected 0 to 1"
                )
        if not 0 <= self.dropout < 1:
            raise InputError(f"--dropout {self.dropout}: expected 0 or more, less than 1")
        if not self.temperature > 0:
            raise InputError(f"--temperature {self.temperature}: expected more than 0")
        if self.ensemble > LARGEST_ENSEMBLE:
            raise InputError(f"--ensemble {self.ensemble}: expected at most {LARGEST_ENSEMBLE}")
