"""Options of fine-tuning, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import files
from cellclassifier.models.neural.options import TrainingOptions, require_at_least

# What options left at None mean: the reference recipe for pretrained weights; random weights need
# larger steps and more of them, and nothing in them is worth freezing.
PRETRAINED = {"freeze_layers": 3, "epochs": 3, "learning_rate": 5e-5, "batch_size": 8}
FROM_SCRATCH = {"freeze_layers": 0, "epochs": 15, "learning_rate": 5e-4, "batch_size": 16}
# For a first look on a CPU; the second where the start is random.
QUICK = {"max_tokens": 96}
QUICK_FROM_SCRATCH = QUICK | {"epochs": 8, "pretrain_epochs": 3}


@dataclass(frozen=True)
class GeneformerOptions(TrainingOptions):
    """How a Geneformer classifier starts and trains."""

    pretrained: Path | None = None
    """folder of weights; default: geneformer_files/Geneformer-V1-10M, else --from-scratch"""

    from_scratch: bool = False
    """start from random weights; vocabulary and medians come from the training cells"""

    pretrain_epochs: int = 0
    """from scratch: first learn masked genes (15 %) on the training cells, without labels"""

    freeze_layers: int | None = None
    """lowest encoder layers that stay as they are; default 3 (from scratch 0)"""

    freeze_embeddings: bool = False
    """also keep the embeddings, so that nothing below the frozen layers is back-propagated"""

    epochs: int | None = None
    """most passes over the training cells; default 3 (from scratch 15)"""

    learning_rate: float | None = None
    """highest learning rate of the linear schedule; default 5e-5 (from scratch 5e-4)"""

    batch_size: int | None = None
    """cells of mean length, whose tokens every batch may hold; default 8 (from scratch 16)"""

    max_tokens: int = 2048
    """highest-ranked genes of a cell that the model sees"""

    pooling: Literal["first", "mean"] = "first"
    """what the classifier reads: the highest-ranked gene's position, or the mean over all"""

    class_weights: bool = False
    """weigh types by the inverse of their number of cells"""

    layers: int = 6
    """from scratch: encoder layers"""

    width: int = 256
    """from scratch: width of the encoder (4 heads, feed-forward twice as wide)"""

    dropout: float = 0.02
    """from scratch: share of activations and attentions that are dropped in training"""

    def resolved(self, folder: Path = files.FOLDER) -> GeneformerOptions:
        """With every default decided: the start, and what depends on it.

        Raises InputError for options that contradict each other or are out of range.
        """
        if self.from_scratch and self.pretrained:
            raise InputError("--from-scratch and --pretrained contradict each other: choose one")
        start = None if self.from_scratch else self.pretrained or files.find_model(folder)
        if start and self.pretrain_epochs:
            raise InputError("--pretrain-epochs is for --from-scratch: the weights are pretrained")
        for name in ("layers", "width", "dropout"):
            if start and getattr(self, name) != getattr(GeneformerOptions(), name):
                raise InputError(
                    f"--{name} is for --from-scratch: pretrained weights have their own"
                )
        defaults = PRETRAINED if start else FROM_SCRATCH
        decided = {k: v for k, v in defaults.items() if getattr(self, k) is None}
        result = replace(self, pretrained=start, from_scratch=start is None, **decided)
        result._check()
        return self if result == self else result  # a clone keeps the options it is given

    def _check(self) -> None:
        self.check()
        require_at_least(self, 1, "max_tokens", "layers")
        require_at_least(self, 0, "pretrain_epochs", "freeze_layers")
        if not 0 <= self.dropout < 1:
            raise InputError(f"--dropout {self.dropout}: expected 0 or more, and less than 1")
        if self.width < 4 or self.width % 4:
            raise InputError(f"--width {self.width}: expected a multiple of 4 (its 4 heads)")
