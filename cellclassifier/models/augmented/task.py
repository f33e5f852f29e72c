"""What the network learns: types of cells that are thinned anew in every epoch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cellclassifier.data.augment import seen_genes, thinned
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.augmented.options import AugmentedOptions
from cellclassifier.models.neural.seen_genes import inputs_of, rows_of
from cellclassifier.models.neural.task import Inputs, Task, judged


class ThinnedCells(Task):
    """Cells drawn with a preference for small types, each thinned and robbed of some genes.

    codes: the type of each cell, (n_cells,) int; validation: (cells, codes) to choose the epoch by,
    as they are, or None.
    """

    best = "macro_f1"

    def __init__(
        self,
        cells: GeneCounts,
        codes: np.ndarray,
        validation: tuple[GeneCounts, np.ndarray] | None,
        options: AugmentedOptions,
        seed: int,
    ):
        self.cells, self.codes, self.validation = cells, codes, validation
        self.options, self.seed = options, seed
        self.n_samples = self.items = len(cells)
        weights = np.bincount(codes)[codes].astype(float) ** -options.balance
        self.shares = weights / weights.sum()

    def batches(self, epoch: int) -> list[np.ndarray]:
        """As many cells as there are, drawn with replacement."""
        rng = np.random.default_rng((self.seed, epoch))
        drawn = rng.choice(self.n_samples, self.n_samples, p=self.shares)
        return np.array_split(drawn, -(-self.n_samples // self.options.batch_size))

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Cells as they might have been measured elsewhere, and their types."""
        rng = np.random.default_rng((self.seed, epoch, *samples[:1]))
        cells = thinned(self.cells[samples], self.options.least_share, rng)
        seen = seen_genes(*cells.counts.shape, self.options.most_dropped, rng)
        return inputs_of(cells, seen) | {"types": torch.from_numpy(self.codes[samples])}

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Cross-entropy of the types."""
        scores = network(inputs["values"], inputs["seen"])
        return cross_entropy(scores, inputs["types"], reduction="sum")

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Scores on the validation cells, which are complete."""
        if self.validation is None:
            return {}
        cells, codes = self.validation
        return judged(scores_of(network, cells), codes)


def scores_of(network: nn.Module, cells: GeneCounts) -> np.ndarray:
    """Scores of the types before softmax, (n_cells, n_types) float32, of cells as they are."""
    return rows_of(network, cells, network.head.out_features)
