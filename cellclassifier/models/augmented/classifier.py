"""A linear softmax, or a small network, that learns from thinned cells with missing genes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy.special import softmax

from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.marker_labels import by_markers
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.augmented.layers import Layers
from cellclassifier.models.augmented.options import BY_MARKERS, HIDDEN, AugmentedOptions
from cellclassifier.models.missing_genes import EXPECTED_FILE, ExpectedValues, stored_in
from cellclassifier.models.neural.full_disk import writing
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.options import PARTS
from cellclassifier.protocol.single_label import SingleLabel

WEIGHTS = "network{}.safetensors"  # of the first of several, then -2, -3
LARGEST_ENSEMBLE = 100


class AugmentedClassifier(GeneClassifier):
    """Softmax over standardised expression, learned from cells that are thinned in every epoch.

    Counts are thinned and genes left out as in cells of other laboratories; a gene that a file does
    not have takes its training mean, and in the features the value that the others make probable.
    Of several networks the mean probability counts. They are trained with torch; a trained model
    predicts, is saved and loaded without it. After ``fit``: ``networks_`` (``Layers``),
    ``expected_`` (what fills the features), ``history_`` (a row per network and epoch).

    method: "augmented_regression" (linear), "augmented_network" (one hidden layer), or
    "marker_network" (the same, of labels as ``by_markers`` turns them); seed: of weights, draws and
    thinning; checkpoints: folder for checkpoints, from which an interrupted fit goes on, temporary
    if None.
    """

    packages = ("numpy",)
    answers_in_threads = True  # it is numpy, and keeps nothing

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

    @property
    def version(self) -> int:
        """The number that is raised when its results change."""
        return 4 if self.method in BY_MARKERS else 3

    @property
    def calibrates_averages(self) -> bool:
        """Whether several studies tell how sure to be of averages over neighbours."""
        return self.method in BY_MARKERS

    def believed(self, cells: ad.AnnData, labels: np.ndarray) -> np.ndarray:
        """Of ``BY_MARKERS`` those that the cells' own counts of CD4 and CD8 do not contradict."""
        return by_markers(cells, labels) if self.method in BY_MARKERS else labels

    def _fit(self, cells: ad.AnnData, targets: SingleLabel, validation) -> None:
        """Learn; validation cells choose the best epoch and stop early."""
        from cellclassifier.models.augmented.learning import trained_networks

        if not isinstance(targets, SingleLabel):
            raise ValueError(f"{self.method} is for one label per cell, not {targets.kind}")
        options = self.options or AugmentedOptions()
        options.check()
        if self.method in BY_MARKERS:
            targets = targets.alike(self.believed(cells, targets.labels))
            believed = validation and self.believed(validation[0], validation[1].labels)
            validation = validation and (validation[0], targets.alike(believed))
        self.features_ = CountFeatures(options.n_genes).fit(cells, targets.labels)
        self.genes_ = self.features_.genes_
        known = GeneCounts.of(cells, self.genes_)
        self.expected_ = ExpectedValues.of_cells(self.features_, known)
        held_out = validation and (
            GeneCounts.of(validation[0], self.genes_),
            validation[1].codes,
        )
        widths = widths_of(self.method, len(self.genes_), len(targets.names))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(self.checkpoints or temporary)
            self.networks_, self.history_ = trained_networks(
                widths,
                self.features_.scale_,
                known,
                targets.codes,
                held_out,
                options,
                self.seed,
                folder,
            )

    def _outputs(self, cells: GeneCounts) -> Outputs:
        probabilities = [softmax(network.scores(cells), axis=1) for network in self.networks_]
        features = self.expected_.fill(self.features_.transform(cells), cells.present)
        return Outputs(np.mean(probabilities, axis=0), features)

    def trial_table(self, scores: pd.DataFrame, split: int) -> pd.DataFrame:
        """One row, as ``Baseline.trial_table`` has one per grid point: there is no grid.

        scores: rows of metrics per part.
        """
        options = self.options or AugmentedOptions()
        row = {"method": self.method, "split": split, "selected": True}
        row |= {"n_genes": len(self.genes_), "hidden": HIDDEN[self.method]}
        row |= {"least_share": options.least_share, "most_dropped": options.most_dropped}
        row |= {"n_networks": len(self.networks_), "epochs": len(self.history_)}
        row |= {"trial_seconds": self.fit_seconds_}
        of_part = scores.set_index("part")
        row |= {f"{part}_{name}": of_part.loc[part, name] for part in PARTS for name in METRICS}
        return pd.DataFrame([row])

    def gene_importance(self) -> np.ndarray:
        """Weights along all paths from a gene to the types, mean over networks, (n_genes,)."""
        return np.mean([network.importance() for network in self.networks_], axis=0)

    def _save_parts(self, folder: Path) -> dict:
        self.expected_.save(folder / EXPECTED_FILE)
        for path, network in zip(_paths(folder, len(self.networks_)), self.networks_, strict=True):
            with writing(path):
                network.save(path)
        return {"n_networks": len(self.networks_)}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> AugmentedClassifier:
        method, genes = description["method"], np.array(description["genes"])
        n_networks = description.get("n_networks")
        if method not in HIDDEN or type(n_networks) is not int:
            raise InputError(f"{folder}/model.json names no method of this kind: train again")
        if not 0 < n_networks <= LARGEST_ENSEMBLE:
            raise InputError(f"{folder}/model.json: {n_networks} networks: train again")
        model = cls(method)
        widths = widths_of(method, len(genes), len(description["types"]))
        model.networks_ = [Layers.load(path, widths) for path in _paths(folder, n_networks)]
        model.features_ = CountFeatures(len(genes))
        model.features_.genes_ = genes
        model.features_.scale_ = model.networks_[0].scale.astype(np.float64)
        means = model.networks_[0].mean / model.networks_[0].scale
        model.expected_ = stored_in(folder, description) or ExpectedValues.of_means(means)
        return model


def widths_of(method: str, n_genes: int, n_types: int) -> tuple[int, ...]:
    """Of the layers: genes, hidden units if there are any, types."""
    hidden = HIDDEN[method]
    return (n_genes, hidden, n_types) if hidden else (n_genes, n_types)


def _paths(folder: Path, n_networks: int) -> list[Path]:
    numbers = ["", *(f"-{number}" for number in range(2, n_networks + 1))]
    return [Path(folder) / WEIGHTS.format(number) for number in numbers]
