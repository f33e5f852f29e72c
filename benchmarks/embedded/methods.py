"""Embeddings of held-out cells: of data alone, and of what networks have learned of types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anndata as ad
import numpy as np
from sklearn.decomposition import TruncatedSVD

from benchmarks.kept import key_of, key_of_model
from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.models.methods import EVERY, make_method

N_COMPONENTS, N_GENES = 50, 2000
CELLULAR = "cellular"


def embed(method: str, cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """Where a method that has learned from the training cells puts the test cells."""
    return METHODS.get(method, partial(learned, method))(cells, parts, seed)


def key_of_embedding(method: str, cells: ad.AnnData, parts: np.ndarray, seed: int) -> str:
    """What ``embed`` gives depends on: this code, the model's own, and the cells."""
    way = METHODS.get(method)
    options = way.keywords if isinstance(way, partial) else {}
    made = {"method": method, "parts": parts.tolist(), "seed": seed, "options": options}
    key = key_of(__name__, cells, **made)
    is_model = method in EVERY or method.startswith(CELLULAR)
    name = CELLULAR if method.startswith(CELLULAR) else method
    return key_of_model(make_method(name, seed=seed), key=key) if is_model else key


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


def learned(method: str, cells: ad.AnnData, parts: np.ndarray, seed: int) -> np.ndarray:
    """The features of any method, for instance geneformer's pooled hidden states."""
    model = _fitted(make_method(method, seed=seed), cells, parts)
    features = model.outputs(cells[parts == "test"]).features
    return features.toarray() if hasattr(features, "toarray") else np.asarray(features)


def _fitted(model: GeneClassifier, cells: ad.AnnData, parts: np.ndarray) -> GeneClassifier:
    train, val = (cells[parts == part].copy() for part in ("train", "val"))
    train_labels, val_labels = (c.obs["cell_type"].to_numpy().astype(str) for c in (train, val))
    return model.fit(train, train_labels, validation=(val, val_labels))


PLAIN = {"thin": 1.0, "drop_genes": 0.0}
METHODS: dict[str, Callable] = {
    "PCA": pca,
    "Harmony": harmony,
    "augmented_network": hidden_layer,
    "cellular, softmax": partial(cellular, loss="softmax"),
    "cellular, original's loss": partial(cellular, loss="cellular", **PLAIN),
    "cellular": cellular,
}
