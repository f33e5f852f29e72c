"""Options of Spoticell, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cellclassifier.errors import InputError
from cellclassifier.models.neural.options import TrainingOptions, require_at_least

NETWORKS = ("fingerprint", "documented", "mlp")
PICTURED = ("fingerprint", "documented")  # networks that look at a picture
ORDERS = ("similarity", "alphabetical", "random")
METHODS = {  # of each network, the name in tables
    "fingerprint": "spoticell",
    "documented": "spoticell_documented",
    "mlp": "spoticell_mlp",
}
QUICK_EPOCHS = 5
LEAST_THIN = 0.001  # shares are even on a log scale, which has no 0
MOST_GENES = 10_000  # more make the layout, an assignment of genes to places, take hours


@dataclass(frozen=True)
class SpoticellOptions(TrainingOptions):
    """Options of ``SpoticellClassifier``."""

    network: Literal["fingerprint", "documented", "mlp"] = "fingerprint"
    """fingerprint keeps where a gene is; documented pools that away; mlp has no picture"""

    n_genes: int = 1024
    """genes of the picture, by ANOVA F"""

    order: Literal["similarity", "alphabetical", "random"] = "similarity"
    """where genes are: like ones side by side, or in a row by name, or anywhere"""

    thin: float = 0.1
    """half of the cells are thinned, to a share of their counts between this and all; 1: none"""

    drop_genes: float = 0.9
    """from most cells up to this share of the genes is taken; 0: from none"""

    loss: Literal["leaves", "bce"] = "leaves"
    """leaves: softmax, broader types are sums; bce: a yes or no per type, and a penalty"""

    dropout: float = 0.3
    """share of the units that are left out at random while learning"""

    label_smoothing: float = 0.0
    """share of every answer that goes to all types alike"""

    epochs: int = 24
    """most passes over the training cells"""

    patience: int = 10
    """stop after so many epochs without a better score on the validation cells"""

    learning_rate: float = 1e-3
    """learning rate to start with"""

    schedule: Literal["linear", "cosine", "constant", "plateau"] = "plateau"
    """how the learning rate goes on: plateau halves it after 5 epochs without a better score"""

    warmup_share: float = 0.02
    """share of all steps in which the learning rate rises"""

    weight_decay: float = 0.01
    """decay of AdamW"""

    batch_size: int = 64
    """cells per step"""

    def check(self) -> None:
        """Raise InputError for a value out of range."""
        super().check()
        require_at_least(self, 1, "n_genes")
        require_at_least(self, 2, "batch_size")  # batches are normalised
        if self.n_genes > MOST_GENES:
            raise InputError(f"--n-genes {self.n_genes}: expected at most {MOST_GENES:,}")
        for name, least, most in (("thin", LEAST_THIN, 1.0), ("drop_genes", 0.0, 0.99)):
            if not least <= getattr(self, name) <= most:
                option = name.replace("_", "-")
                found = f"--{option} {getattr(self, name)}"
                raise InputError(f"{found}: expected {least:g} to {most:g}")
        for name in ("dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                option = name.replace("_", "-")
                raise InputError(f"--{option} {getattr(self, name)}: expected 0 or more, below 1")
