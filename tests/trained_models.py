"""Models of every method, fitted once on cells made here, for the tests of what comes after."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import anndata as ad
import numpy as np
from conftest import make_cells

from cellclassifier.interface import GeneClassifier
from cellclassifier.models.baselines.classifier import make_baseline
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.protocol.evaluation import Evaluation, evaluate

EVERY_METHOD = (*METHODS, "geneformer")
TYPES = ("B", "NK", "T/x")
IDS = [f"ENSG{i:011d}" for i in range(1, 61)]
SYMBOLS = [f"Sym{i}" for i in range(1, 61)]
N_GENES = 40  # of the 60 that the cells have: the others count in library sizes only
# Of every ten cells of a type five are for training, three for validation, two for testing.
PARTS = np.array((["train"] * 5 + ["val"] * 3 + ["test"] * 2) * 8).repeat(3)


def known_cells(n_cells: int = 240, seed: int = 0) -> ad.AnnData:
    """Labelled cells whose genes have Ensembl ids and symbols."""
    cells = make_cells(n_cells, seed=seed)
    cells.var_names, cells.var["gene_symbol"] = IDS, SYMBOLS
    return cells


def new_cells(n_cells: int = 50, seed: int = 7) -> ad.AnnData:
    """Cells of the same types that no model has seen, without labels."""
    cells = known_cells(n_cells, seed)
    del cells.obs["cell_type"]
    cells.obs_names = [f"new_{i}" for i in range(n_cells)]
    return cells


def new_model(method: str, **options) -> GeneClassifier:
    """A small model that is not fitted yet."""
    if method != "geneformer":
        return make_baseline(method, **{"quick": True, "n_genes": N_GENES, "seed": 1, **options})
    from cellclassifier.models.geneformer.classifier import GeneformerClassifier
    from cellclassifier.models.geneformer.options import GeneformerOptions

    sizes = {"layers": 2, "width": 32, "epochs": 1, "batch_size": 12, "learning_rate": 5e-3}
    options = GeneformerOptions(from_scratch=True, device="cpu", **sizes)
    return GeneformerClassifier(options)


@cache
def trained_and_judged(method: str) -> tuple[GeneClassifier, Evaluation]:
    """A model with all that ``evaluate`` teaches it; not to be changed."""
    model = new_model(method)
    return model, evaluate(model, known_cells(), PARTS, split=1)


def trained(method: str) -> GeneClassifier:
    """A model that is calibrated and tells unknown types; not to be changed."""
    return trained_and_judged(method)[0]


@cache
def _saved(method: str, folder: Path) -> Path:
    trained(method).save(folder / method, data={"sha256": "1"}, split=1)
    return folder / method


def saved_in(factory, method: str) -> Path:
    """Folder of the saved model, made once in a session; not to be changed."""
    return _saved(method, factory.getbasetemp())


def ece_by_hand(labels, probabilities, types: np.ndarray, n_bins: int = 15) -> float:
    """Guo et al. 2017, equation 3, bin by bin."""
    confidence = probabilities.max(axis=1)
    right = types[probabilities.argmax(axis=1)] == labels
    total = 0.0
    for low, high in pairwise(np.arange(n_bins + 1) / n_bins):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total
