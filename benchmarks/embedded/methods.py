"""Embeddings of held-out cells: of data alone, and of what networks have learned of types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anndata as ad
import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD

from benchmarks.kept import key_of, key_of_model
from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.models.geneformer.classifier import GeneformerClassifier
from cellclassifier.models.geneformer.options import QUICK_FROM_SCRATCH, GeneformerOptions
from cellclassifier.models.methods import EVERY, make_method

N_COMPONENTS, N_GENES = 50, 2000
QUICK = "geneformer, quick"
FEW_CELLS = 2000  # that Geneformer learns from here: all of ifnb's, a third of three studies'


def embed(method: str, cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """Where a method that has learned from the training cells puts the test cells."""
    return METHODS[method](cells, parts, seed)


def key_of_embedding(method: str, cells: ad.AnnData, parts: np.ndarray, seed: int) -> str:
    """What ``embed`` gives depends on: this code, the model's own, and the cells."""
    way, (name, *_) = METHODS[method], method.split(",")
    options = way.keywords if isinstance(way, partial) else {}
    made = {"method": method, "parts": parts.tolist(), "seed": seed, "options": options}
    key = key_of(__name__, cells, **made)
    return key_of_model(make_method(name, seed=seed), key=key) if name in EVERY else key


def pca(cells: ad.AnnData, parts: np.ndarray, seed: int, rows: str | None = "test") -> np.ndarray:
    """Components of the training cells' scaled values; rows: "test", or None for all cells."""
    train = cells[parts == "train"]
    features = CountFeatures(N_GENES, selection="pearson")
    values = features.fit_transform(train, train.obs["cell_type"].to_numpy().astype(str))
    space = TruncatedSVD(N_COMPONENTS, random_state=seed).fit(values)
    shown = cells if rows is None else cells[parts == rows]
    return space.transform(features.transform(GeneCounts.of(shown, features.genes_)))


def harmony(cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """Harmony (Korsunsky et al. 2019) of all cells' components, of which the test cells'."""
    from harmonypy import run_harmony

    space = pca(cells, parts, seed, rows=None)
    found = run_harmony(space, cells.obs, "batch", verbose=False, random_state=seed)
    corrected = np.asarray(found.Z_corr)
    corrected = corrected if corrected.shape == space.shape else corrected.T
    return corrected[parts == "test"]


def cellular(cells: ad.AnnData, parts: np.ndarray, seed: int, **options) -> np.ndarray:
    """The embedding of cellular.py with these options."""
    model = _fitted(CellularClassifier(CellularOptions(**options), seed=seed), cells, parts)
    return model.embedding(cells[parts == "test"])


def hidden_layer(cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """The hidden layers of augmented_network, those of its networks side by side."""
    model = _fitted(make_method("augmented_network", seed=seed), cells, parts)
    test = model.align(cells[parts == "test"])
    first = [replace(n, weights=n.weights[:1], biases=n.biases[:1]) for n in model.networks_]
    return np.concatenate([np.maximum(layer.scores(test), 0) for layer in first], axis=1)


def vectors(cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """The vectors of CELLama's sentences, by its default encoder, a bag of genes."""
    model = _fitted(make_method("cellama", seed=seed), cells, parts)
    return model.embed(cells[parts == "test"])


def looked_at(cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """What Spoticell's convolutions and patches say of a picture, before they are fused."""
    model, found = _fitted(make_method("spoticell", seed=seed), cells, parts), []
    first = model.network_.fuse[0]  # sets what is below 0 to 0
    handle = first.register_forward_hook(lambda _, inputs, output: found.append(output))
    model.outputs(cells[parts == "test"])  # one thread, so that chunks come in their order
    handle.remove()
    return torch.cat(found).cpu().numpy()


def geneformer(cells: ad.AnnData, parts: np.ndarray, seed: int, **options) -> np.ndarray:
    """Pooled hidden states of a Geneformer from random weights, as with --quick, of few cells."""
    training = np.flatnonzero(parts == "train")
    few = np.random.default_rng(seed).permutation(training)[FEW_CELLS:]
    parts = parts.copy()
    parts[few] = ""
    chosen = GeneformerOptions(from_scratch=True, **QUICK_FROM_SCRATCH | options)
    model = _fitted(GeneformerClassifier(chosen, seed=seed), cells, parts)
    return model.outputs(cells[parts == "test"]).features


def _fitted(model: GeneClassifier, cells: ad.AnnData, parts: np.ndarray) -> GeneClassifier:
    train, val = (cells[parts == part].copy() for part in ("train", "val"))
    train_labels, val_labels = (c.obs["cell_type"].to_numpy().astype(str) for c in (train, val))
    return model.fit(train, train_labels, validation=(val, val_labels))


PLAIN = {"thin": 1.0, "drop_genes": 0.0}
METHODS: dict[str, Callable] = {
    "PCA": pca,
    "Harmony": harmony,
    "augmented_network": hidden_layer,
    "cellama": vectors,
    "spoticell": looked_at,
    QUICK: geneformer,
    "cellular, softmax": partial(cellular, loss="softmax"),
    "cellular, original's loss": partial(cellular, loss="cellular", **PLAIN),
    "cellular, original's loss, 4 networks": partial(
        cellular, loss="cellular", ensemble=4, **PLAIN
    ),
    "cellular": cellular,
}
