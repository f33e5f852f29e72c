"""The stages of training: masked genes where asked for, then cell types."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from cellclassifier.models.geneformer import model
from cellclassifier.models.geneformer.batches import TokenCells
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.geneformer.tasks import CellTypes, MaskedGeneTask, TokenTask
from cellclassifier.models.neural.loop import train
from cellclassifier.output.processes import n_processes

log = logging.getLogger(__name__)


@dataclass
class Stages:
    """How a network becomes a classifier of cells.

    folder: for checkpoints; history: a row per stage and epoch; facts: a row per stage, of its
    speed.
    """

    options: GeneformerOptions
    seed: int
    device: torch.device
    folder: Path
    history: list[dict] = field(default_factory=list)
    facts: list[dict] = field(default_factory=list)

    def classifier(
        self, cells: TokenCells, validation: TokenCells | None, n_types: int, n_tokens: int
    ) -> model.CellBert:
        """A network that has learned the types of ``cells``; n_tokens: of the vocabulary."""
        encoder = None
        if self.options.pretrain_epochs:
            encoder = self._pretrained_encoder(cells, validation, n_tokens)
        network = self._new_network(n_types, n_tokens, encoder)
        model.freeze(network, self.options.freeze_layers, self.options.freeze_embeddings)
        weights = class_weights(cells.labels, n_types) if self.options.class_weights else None
        task = CellTypes(cells, validation, self.options.batch_size, self.seed, weights)
        self._run(network, task, self.options.epochs, "fine-tuning")
        return network.eval()

    def _pretrained_encoder(self, cells, validation, n_tokens: int) -> torch.nn.Module:
        """The encoder after learning masked genes of the training cells."""
        network = model.new_masked_genes(self._config(n_tokens), self.seed)
        task = MaskedGeneTask(cells, validation, self.options.batch_size, self.seed, n_tokens)
        self._run(network, task, self.options.pretrain_epochs, "pretraining")
        return network.bert

    def _new_network(self, n_types: int, n_tokens: int, encoder) -> model.CellBert:
        start, pooling = self.options.pretrained, self.options.pooling
        if start:
            return model.pretrained_classifier(start, n_types, pooling, self.seed)
        return model.new_classifier(self._config(n_tokens), n_types, pooling, self.seed, encoder)

    def _config(self, n_tokens: int):
        options = self.options
        shape = (options.layers, options.width, options.max_tokens, options.dropout)
        return model.random_config(n_tokens, *shape)

    def _run(self, network, task: TokenTask, epochs: int, stage: str) -> None:
        """Train one stage, and keep how it went."""
        padding, n_batches = task.sampler.padding_share(), task.sampler.n_batches
        log.info(
            f"{stage}: {len(task.train):,} cells, {task.train.lengths.mean():.0f} tokens each, "
            f"{n_batches} batches, {padding:.1%} padding, on {self.device}"
        )
        options, folder = replace(self.options, epochs=epochs), self.folder / stage
        trained = train(network, task, options, self.seed, self.device, folder)
        self.history += [{"stage": stage} | row for row in trained.history]
        fact = {"stage": stage, "padding_share": round(padding, 4), "batches": n_batches}
        fact |= {"cells_per_second": round(trained.samples_per_second, 2)}
        self.facts.append(fact | {"device": str(self.device), "processes": n_processes()})


def class_weights(labels: np.ndarray, n_types: int) -> np.ndarray:
    """Weights inverse to the types' numbers of cells, (n_types,), of mean 1 over the cells."""
    counts = np.bincount(labels, minlength=n_types)
    return len(labels) / (n_types * np.maximum(counts, 1))
