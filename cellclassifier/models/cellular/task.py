"""What the network learns: cells of a type lie together, in minibatches of thinned cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cellclassifier.data.augment import seen_genes, thinned
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.models.neural.balance import balanced_batches
from cellclassifier.models.neural.losses import cellular_loss, supervised_contrastive
from cellclassifier.models.neural.seen_genes import inputs_of, rows_of
from cellclassifier.models.neural.task import Inputs, Task, judged

CONTRASTIVE_SHARE = 0.5  # of the contrastive loss beside cosine softmax


@dataclass(frozen=True)
class KnownCells:
    """Training cells, and what the losses ask of them.

    cells: counts of the model's genes; types, batches: (n_cells,) int codes; distances: of the
    types' centroids in the input space, (n_types, n_types), NaN where unknown.
    """

    cells: GeneCounts
    types: np.ndarray
    batches: np.ndarray
    distances: np.ndarray


class Cellular(Task):
    """Minibatches with enough cells of every type, each thinned and robbed of some genes.

    validation: (cells, types) to choose the epoch by, as they are, or None.
    """

    best = "macro_f1"
    splits = False  # cells are compared with all others of their minibatch

    def __init__(
        self,
        known: KnownCells,
        validation: tuple[GeneCounts, np.ndarray] | None,
        options: CellularOptions,
        seed: int,
    ):
        self.known, self.validation = known, validation
        self.options, self.seed = options, seed
        self.n_samples = min(len(known.cells), options.cells_per_epoch)
        self.items = len(self.batches(0)) * options.batch_size
        self.distances = torch.tensor(known.distances, dtype=torch.float32)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """About as many cells as there are, or as an epoch may have."""
        options, rng = self.options, np.random.default_rng((self.seed, epoch))
        found = balanced_batches(
            self.known.types, options.batch_size, options.balance, options.least_cells, rng
        )
        return found[: -(-self.n_samples // options.batch_size)]

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Cells as they might have been measured elsewhere, their types and batches."""
        rng = np.random.default_rng((self.seed, epoch, *samples[:2]))
        cells = self.known.cells[samples]
        if self.options.thin < 1:
            cells = thinned(cells, self.options.thin, rng)
        seen = seen_genes(*cells.counts.shape, self.options.drop_genes, rng)
        types, batches = self.known.types[samples], self.known.batches[samples]
        of_cells = {"types": torch.from_numpy(types), "batches": torch.from_numpy(batches)}
        return inputs_of(cells, seen) | of_cells

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """The chosen loss, and that of a head beside it, times the cells of the minibatch."""
        embedding, scores, temperature = network(inputs["values"], inputs["seen"], give="all")
        embedding, types = embedding.float(), inputs["types"]
        loss, softmax = self.options.loss, cross_entropy(scores.float(), types)
        if loss == "cellular":
            distances = self.distances.to(embedding.device)
            softmax = softmax + cellular_loss(
                embedding, types, inputs["batches"], temperature, distances
            )
        elif loss != "softmax":
            share = CONTRASTIVE_SHARE if loss == "cosine-contrastive" else 1
            contrastive = supervised_contrastive(
                embedding, types, temperature=self.options.temperature
            )
            softmax = softmax + share * contrastive
        return softmax * len(types)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Scores on the validation cells, which are complete."""
        if self.validation is None:
            return {}
        cells, types = self.validation
        return judged(rows_of(network, cells, int(self.known.types.max()) + 1), types)
