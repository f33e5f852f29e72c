"""A linear softmax, or a small network, that learns from thinned cells with missing genes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import safetensors.torch
import torch
from safetensors import SafetensorError
from scipy.special import softmax

from cellclassifier.data.features import CountFeatures, log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.augmented.network import AugmentedNetwork, importance
from cellclassifier.models.augmented.options import HIDDEN, AugmentedOptions
from cellclassifier.models.augmented.task import ThinnedCells, scores_of
from cellclassifier.models.neural.device import choose_device, one_thread
from cellclassifier.models.neural.full_disk import writing
from cellclassifier.models.neural.loop import train
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.options import PARTS
from cellclassifier.protocol.single_label import SingleLabel

WEIGHTS = "network.safetensors"


class AugmentedClassifier(GeneClassifier):
    """Softmax over standardised expression, learned from cells that are thinned in every epoch.

    Counts are thinned and genes left out as in cells of other laboratories; a gene that a file does
    not have takes its training mean. After ``fit``: ``network_``, ``history_`` (a row per epoch).

    method: "augmented_regression" (linear) or "augmented_network" (one hidden layer); seed: of
    weights, draws and thinning; checkpoints: folder for checkpoints, from which an interrupted fit
    goes on, temporary if None.
    """

    version = 1
    packages = ("numpy", "torch", "safetensors")

    def __init__(
        self,
        method: str = "augmented_network",
        options: AugmentedOptions | None = None,
        seed: int = 42,
        checkpoints: Path | None = None,
        jobs: int = 1,
    ):
        self.method, self.options, self.seed = method, options, seed
        self.checkpoints, self.jobs = checkpoints, jobs

    def _fit(self, cells: ad.AnnData, targets: SingleLabel, validation) -> None:
        """Learn; validation cells choose the best epoch and stop early."""
        if not isinstance(targets, SingleLabel):
            raise ValueError(f"{self.method} is for one label per cell, not {targets.kind}")
        options = self.options or AugmentedOptions()
        options.check()
        self.features_ = CountFeatures(options.n_genes).fit(cells, targets.labels)
        self.genes_ = self.features_.genes_
        known = GeneCounts.of(cells, self.genes_)
        mean = np.asarray(log_normalize(known.counts, known.totals).mean(axis=0)).ravel()
        held_out = validation and (
            GeneCounts.of(validation[0], self.genes_),
            validation[1].codes,
        )
        task = ThinnedCells(known, targets.codes, held_out, options, self.seed)
        torch.manual_seed(self.seed)
        self.network_ = AugmentedNetwork(
            mean, self.features_.scale_, len(targets.names), HIDDEN[self.method], options.dropout
        )
        device = choose_device(options.device)
        with tempfile.TemporaryDirectory() as temporary, one_thread():
            folder = Path(self.checkpoints or temporary)
            trained = train(self.network_, task, options, self.seed, device, folder)
        self.network_.eval()
        self.history_ = pd.DataFrame(trained.history)

    def _outputs(self, cells: GeneCounts) -> Outputs:
        with one_thread():
            scores = scores_of(self.network_, cells)
        return Outputs(softmax(scores, axis=1), self.features_.transform(cells))

    def trial_table(self, scores: pd.DataFrame, split: int) -> pd.DataFrame:
        """One row, as ``Baseline.trial_table`` has one per grid point: there is no grid.

        scores: rows of metrics per part.
        """
        options = self.options or AugmentedOptions()
        row = {"method": self.method, "split": split, "selected": True}
        row |= {"n_genes": len(self.genes_), "hidden": HIDDEN[self.method]}
        row |= {"least_share": options.least_share, "most_dropped": options.most_dropped}
        row |= {"epochs": len(self.history_), "trial_seconds": self.fit_seconds_}
        of_part = scores.set_index("part")
        row |= {f"{part}_{name}": of_part.loc[part, name] for part in PARTS for name in METRICS}
        return pd.DataFrame([row])

    def gene_importance(self) -> np.ndarray:
        """Weights along all paths from a gene to the types, (n_genes,)."""
        return importance(self.network_)

    def _save_parts(self, folder: Path) -> dict:
        with writing(folder / WEIGHTS):
            safetensors.torch.save_model(self.network_.cpu(), str(folder / WEIGHTS))
        return {}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> AugmentedClassifier:
        method, genes = description["method"], np.array(description["genes"])
        if method not in HIDDEN:
            raise InputError(f"{folder}/model.json names no method of this kind: train again")
        model = cls(method)
        n_genes, n_types = len(genes), len(description["types"])
        with torch.device("meta"):  # no memory before the file is known to hold as much
            network = AugmentedNetwork(np.zeros(n_genes), np.ones(n_genes), n_types, HIDDEN[method])
        _fill(network, folder / WEIGHTS)
        model.network_ = network.eval()
        model.features_ = CountFeatures(n_genes)
        model.features_.genes_ = genes
        model.features_.scale_ = network.seen_genes.scale.double().numpy()
        return model


def _fill(network: AugmentedNetwork, path: Path) -> None:
    """Read weights into a network; InputError where they are not exactly its own, or no numbers."""
    try:
        weights = safetensors.torch.load_file(path, device="cpu")
        own = network.state_dict()
        shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in weights.items()}
        if shapes != {name: (tensor.shape, tensor.dtype) for name, tensor in own.items()}:
            raise ValueError("other tensors than the network's")
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise ValueError("values that are no numbers")
        if not (weights["seen_genes.scale"] > 0).all():
            raise ValueError("a scale that is not above 0")
        network.load_state_dict(weights, assign=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{path} does not fit the model ({error}): train again") from error
