"""Spoticell: the types of cells from pictures of their expression, whole or not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import torch
from torch import nn

from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.missing_genes import EXPECTED_FILE, MOST_CELLS, ExpectedValues
from cellclassifier.models.neural.device import choose_device, one_thread
from cellclassifier.models.neural.loop import train
from cellclassifier.models.neural.weights import WEIGHTS, fill, save_weights
from cellclassifier.models.spoticell.evidence import Evidence
from cellclassifier.models.spoticell.layout import places_of, side_of
from cellclassifier.models.spoticell.losses import loss_of
from cellclassifier.models.spoticell.network import KINDS
from cellclassifier.models.spoticell.options import NETWORKS, PICTURED, SpoticellOptions
from cellclassifier.models.spoticell.task import IncompleteCells, scores_of
from cellclassifier.models.spoticell.values import Values, typical
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.trust.arrays import read_arrays

PICTURE_FILE = "picture.npz"


class SpoticellClassifier(GeneClassifier):
    """Convolutions and a transformer over a picture of each cell, learned from incomplete cells.

    Genes have fixed places, like ones side by side; counts are thinned and genes taken away while
    it learns, and a gene that a file does not have shows the value that is expected from the
    others. What the counts say by themselves, as naive Bayes has it, is weighed by how many they
    are. After ``fit``: ``network_``, ``places_`` (the pixel of every gene, row by row; in their
    own order where no picture is looked at), ``history_`` (a row per epoch).

    method: "spoticell" for the network of the options, "spoticell_mlp" for the same genes without
    a picture; seed: of weights, draws and layout; checkpoints: folder for checkpoints, from
    which an interrupted fit goes on, temporary if None.
    """

    version = 2
    packages = ("numpy", "torch", "safetensors")

    def __init__(
        self,
        options: SpoticellOptions | None = None,
        method: str = "spoticell",
        seed: int = 42,
        checkpoints: Path | None = None,
        jobs: int = 1,
    ):
        self.options, self.method, self.seed = options, method, seed
        self.checkpoints, self.jobs = checkpoints, jobs

    def _fit(self, cells: ad.AnnData, targets: SingleLabel, validation) -> None:
        """Learn; validation cells choose the best epoch and stop early."""
        if not isinstance(targets, SingleLabel):
            raise ValueError(f"{self.method} is for one label per cell, not {targets.kind}")
        options = self.options or SpoticellOptions()
        options.check()
        features = CountFeatures(options.n_genes).fit(cells, targets.labels)
        self.genes_ = features.genes_
        known = GeneCounts.of(cells, self.genes_)
        seen = features.transform(known[:: -(-len(known) // MOST_CELLS)])
        self.values_ = Values(
            features,
            ExpectedValues.learn(seen),
            Evidence.learn(known.counts, targets.codes, len(targets.names)),
            typical(known.totals),
        )
        self.places_ = np.arange(len(self.genes_))
        if options.network in PICTURED:
            self.places_ = places_of(seen, self.genes_, options.order, self.seed)
        self.loss_ = loss_of(options.loss, targets.names, options.label_smoothing)
        self._choose(options)
        held_out = validation and (
            GeneCounts.of(validation[0], self.genes_),
            validation[1].codes,
        )
        task = IncompleteCells(
            known, targets.codes, held_out, self.values_, self.loss_, options, self.seed
        )
        with torch.random.fork_rng([]):  # the caller's random numbers stay as they are
            torch.manual_seed(self.seed)
            self.network_ = self._new_network(options.dropout)
        device = choose_device(options.device)
        with tempfile.TemporaryDirectory() as temporary, one_thread():
            folder = Path(self.checkpoints or temporary)
            trained = train(self.network_, task, options, self.seed, device, folder)
        self.network_.eval()
        self.history_ = pd.DataFrame(trained.history)

    def _choose(self, options: SpoticellOptions) -> None:
        self.kind_, self.loss_name_ = options.network, options.loss

    def _new_network(self, dropout: float = 0.0) -> nn.Module:
        places = torch.from_numpy(self.places_)
        return KINDS[self.kind_](
            places,
            side_of(len(places)),
            self.loss_.n_out,
            len(self.values_.evidence.profiles),
            dropout,
        )

    def _outputs(self, cells: GeneCounts) -> Outputs:
        with one_thread():
            scores = scores_of(self.network_, self.values_, cells, cells.present, self.jobs)
        features = self.values_.filled(cells, cells.present)
        return Outputs(self.loss_.probabilities(scores), features)

    def layout(self) -> pd.DataFrame:
        """Where every gene is: gene_id, gene_symbol, row, column, in the order of the rows."""
        side = side_of(len(self.genes_))
        rows, columns = np.divmod(self.places_, side)
        names = {"gene_id": self.genes_, "gene_symbol": self.symbols_}
        table = pd.DataFrame(names | {"row": rows, "column": columns})
        return table.sort_values(["row", "column"], ignore_index=True)

    def pictures(self, cells: ad.AnnData | GeneCounts) -> np.ndarray:
        """Standardised expression of cells at the genes' places, (n_cells, side, side) float32."""
        aligned, side = self.align(cells), side_of(len(self.genes_))
        pixels = np.zeros((len(aligned), side**2), dtype=np.float32)
        pixels[:, self.places_] = self.values_.inputs(aligned, aligned.present)["values"].numpy()
        return pixels.reshape(-1, side, side)

    def n_parameters(self) -> int:
        """Weights of the network."""
        return sum(weight.numel() for weight in self.network_.parameters())

    def _save_parts(self, folder: Path) -> dict:
        save_weights(self.network_, folder)
        self.values_.expected.save(folder / EXPECTED_FILE)
        arrays = {
            "places": self.places_,
            "scale": self.values_.features.scale_,
            "profiles": self.values_.evidence.profiles,
            "typical_total": self.values_.typical_total,
        }
        np.savez(folder / PICTURE_FILE, **arrays)
        return {"network": self.kind_, "loss": self.loss_name_}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> SpoticellClassifier:
        kind, loss = description.get("network"), description.get("loss")
        if kind not in NETWORKS or loss not in ("leaves", "bce"):
            raise InputError(f"{folder}/model.json names no network of Spoticell: train again")
        model = cls(SpoticellOptions(network=kind, loss=loss), str(description["method"]))
        n_types, n_genes = len(description["types"]), len(description["genes"])
        try:
            picture = _picture(folder / PICTURE_FILE, n_types, n_genes)
            expected = ExpectedValues.load(folder / EXPECTED_FILE, n_genes)
        except ValueError as error:
            raise InputError(f"{folder} is damaged ({error}): train and save it again") from error
        features = CountFeatures(n_genes)
        features.genes_, features.scale_ = np.array(description["genes"]), picture["scale"]
        evidence, total = Evidence(picture["profiles"]), float(picture["typical_total"])
        model.values_ = Values(features, expected, evidence, total)
        model.places_ = picture["places"]
        model.loss_ = loss_of(loss, np.array(description["types"], dtype=str))
        model._choose(model.options)
        with torch.device("meta"):  # no memory before the file is known to hold as much
            network = model._new_network()
        fill(network, folder / WEIGHTS)
        model.network_ = network.eval()
        return model


def _picture(path: Path, n_types: int, n_genes: int) -> dict[str, np.ndarray]:
    """What ``_save_parts`` wrote of so many genes; ValueError where it is something else."""
    arrays = read_arrays(path, ("places", "scale", "profiles", "typical_total"))
    places, scale = arrays["places"], arrays["scale"]
    if places.shape != (n_genes,) or places.dtype != np.int64 or scale.shape != (n_genes,):
        raise ValueError(f"{path.name}: another number of genes")
    if (
        len(np.unique(places)) < n_genes
        or places.min() < 0
        or places.max() >= side_of(n_genes) ** 2
    ):
        raise ValueError(f"{path.name}: genes without a place of their own")
    if scale.dtype != np.float64 or not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError(f"{path.name}: a scale that is not above 0")
    profiles, total = arrays["profiles"], arrays["typical_total"]
    if profiles.shape != (n_types, n_genes) or profiles.dtype != np.float32:
        raise ValueError(f"{path.name}: profiles of other types or genes")
    if not (np.isfinite(profiles) & (profiles > 0)).all():
        raise ValueError(f"{path.name}: profiles that are not above 0")
    if total.shape != () or total.dtype != np.float64 or not 1 <= total < np.inf:
        raise ValueError(f"{path.name}: no library size")
    return arrays
