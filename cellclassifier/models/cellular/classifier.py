"""CELLULAR: cells of a type lie together in one space, whatever their batch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import nn

from cellclassifier.data.features import CountFeatures, log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.cellular.centroids import centroid_distances
from cellclassifier.models.cellular.network import CellularNetwork, importance
from cellclassifier.models.cellular.options import (
    LARGEST_ENSEMBLE,
    LOSSES,
    NETWORKS,
    CellularOptions,
)
from cellclassifier.models.cellular.task import Cellular, KnownCells
from cellclassifier.models.missing_genes import EXPECTED_FILE, ExpectedValues, stored_in
from cellclassifier.models.neural.device import choose_device, one_thread
from cellclassifier.models.neural.loop import train
from cellclassifier.models.neural.seen_genes import rows_of
from cellclassifier.models.neural.weights import WEIGHTS, fill, save_weights
from cellclassifier.protocol.single_label import SingleLabel

LARGEST_EMBEDDING = 65_536
BETWEEN_SEEDS = 1_000_003  # of the networks of an ensemble


class CellularClassifier(GeneClassifier):
    """Contrastive embedding of standardised expression, with a softmax over cosines to the types.

    Learned from cells that are thinned in every epoch, some of their genes left out. Novelty is
    measured in the genes, not in the embedding, where cells of unknown types lie on known ones.
    A gene that a file does not have takes its training mean, and in the features the value that
    the others make probable. After ``fit``: ``networks_``, ``expected_`` (what fills the features),
    ``history_`` (a row per network and epoch).

    seed: of weights, draws and thinning; checkpoints: folder for checkpoints, from which an
    interrupted fit goes on, temporary if None. Batches are obs["batch"], where it is there.
    """

    method = "cellular"
    version = 2
    packages = ("numpy", "torch", "safetensors")

    def __init__(
        self,
        options: CellularOptions | None = None,
        seed: int = 42,
        checkpoints: Path | None = None,
        jobs: int = 1,
    ):
        self.options, self.seed, self.checkpoints, self.jobs = options, seed, checkpoints, jobs

    def _fit(self, cells: ad.AnnData, targets: SingleLabel, validation) -> None:
        """Learn; validation cells choose the best epoch and stop early."""
        if not isinstance(targets, SingleLabel):
            raise ValueError(f"{self.method} is for one label per cell, not {targets.kind}")
        options = self.options or CellularOptions()
        options.check()
        self.features_ = CountFeatures(options.n_genes, selection=options.gene_selection)
        values = self.features_.fit_transform(cells, targets.labels)
        self.genes_ = self.features_.genes_
        known = known_cells(GeneCounts.of(cells, self.genes_), values, cells.obs, targets, options)
        self.expected_ = ExpectedValues.of_cells(self.features_, known.cells)
        held_out = validation and (GeneCounts.of(validation[0], self.genes_), validation[1].codes)
        histories, self.networks_ = [], nn.ModuleList()
        with tempfile.TemporaryDirectory() as temporary, one_thread():
            for number in range(options.ensemble):
                seed = self.seed + number * BETWEEN_SEEDS
                network = self._network(known.cells, len(targets.names), options, seed)
                task = Cellular(known, held_out, options, seed)
                folder = Path(self.checkpoints or temporary) / str(number)
                trained = train(network, task, options, seed, choose_device(options.device), folder)
                histories.append(pd.DataFrame(trained.history).assign(network=number + 1))
                self.networks_.append(network.eval())
        self.history_ = pd.concat(histories, ignore_index=True)

    def _network(self, cells: GeneCounts, n_types: int, options: CellularOptions, seed: int):
        """A network that has learned nothing yet."""
        mean = np.asarray(log_normalize(cells.counts, cells.totals).mean(axis=0)).ravel()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return CellularNetwork(
                mean,
                self.features_.scale_,
                n_types,
                options.embedding_size,
                options.network,
                options.loss,
                options.dropout,
            )

    def _outputs(self, cells: GeneCounts) -> Outputs:
        with one_thread():
            scores = [rows_of(one, cells, len(self.classes_)) for one in self.networks_]
        probabilities = np.mean([softmax(each, axis=1) for each in scores], axis=0)
        features = self.expected_.fill(self.features_.transform(cells), cells.present)
        return Outputs(probabilities, features)

    def embedding(self, cells: ad.AnnData | GeneCounts) -> np.ndarray:
        """Where cells lie, (n_cells, embedding size x networks) float32, of length 1.

        The networks' embeddings stand side by side: a cosine is the mean of their cosines.
        """
        cells = self.align(cells)
        with one_thread():
            parts = [rows_of(one, cells, _size(one), give="embedding") for one in self.networks_]
        return np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(parts)))

    def gene_importance(self) -> np.ndarray:
        """Weights along all paths from a gene to the embedding, mean over networks."""
        return np.mean([importance(network) for network in self.networks_], axis=0)

    def _save_parts(self, folder: Path) -> dict:
        save_weights(self.networks_, folder)
        self.expected_.save(folder / EXPECTED_FILE)
        options = self.options or CellularOptions()
        return {
            "network": options.network,
            "loss": options.loss,
            "embedding_size": options.embedding_size,
            "ensemble": len(self.networks_),
        }

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> CellularClassifier:
        options = _stored_options(folder, description)
        genes, n_types = np.array(description["genes"]), len(description["types"])
        blank = np.zeros(len(genes)), np.ones(len(genes))
        shape = options.embedding_size, options.network, options.loss
        with torch.device("meta"):  # no memory before the file is known to hold as much
            networks = [CellularNetwork(*blank, n_types, *shape) for _ in range(options.ensemble)]
        model = cls(options)
        model.networks_ = nn.ModuleList(networks)
        fill(model.networks_, folder / WEIGHTS)
        model.networks_.eval()
        model.features_ = CountFeatures(len(genes))
        model.features_.genes_ = genes
        seen = model.networks_[0].seen_genes
        model.features_.scale_ = seen.scale.double().numpy()
        means = (seen.mean / seen.scale).numpy()
        model.expected_ = stored_in(folder, description) or ExpectedValues.of_means(means)
        return model


def known_cells(
    cells: GeneCounts, values, obs: pd.DataFrame, targets: SingleLabel, options: CellularOptions
) -> KnownCells:
    """Training cells with their batches; values: scaled features, (n_cells, n_genes) CSR."""
    batches = np.zeros(len(cells), dtype=np.int64)
    if "batch" in obs:
        batches = pd.factorize(obs["batch"])[0].astype(np.int64)
    n_types = len(targets.names)
    distances = np.full((n_types, n_types), np.nan)
    if options.loss == "cellular":
        distances = centroid_distances(values, targets.codes, batches, n_types)
    return KnownCells(cells, targets.codes, batches, distances)


def _size(network: CellularNetwork) -> int:
    layers = [layer for layer in network.encoder.modules() if isinstance(layer, nn.Linear)]
    return layers[-1].out_features


def _stored_options(folder: Path, description: dict) -> CellularOptions:
    """What a saved model says of its networks; InputError where that is none of this kind."""
    kind, loss = description.get("network"), description.get("loss")
    if kind not in NETWORKS or loss not in LOSSES:
        raise InputError(f"{folder}/model.json names no network of this kind: train again")
    for name, most in (("embedding_size", LARGEST_EMBEDDING), ("ensemble", LARGEST_ENSEMBLE)):
        value = description.get(name)
        if type(value) is not int or not 1 <= value <= most:
            raise InputError(
                f"{folder}/model.json: {name} is no number from 1 to {most}: train again"
            )
    return CellularOptions(
        network=kind,
        loss=loss,
        embedding_size=description["embedding_size"],
        ensemble=description["ensemble"],
    )
