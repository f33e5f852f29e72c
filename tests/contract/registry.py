"""Every system that keeps the contract of ``Classifier``: a new one adds a line to ``SYSTEMS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from tiny_models import Centroids, OneVsRest
from trained_models import PARTS, known_cells, new_model

from cellclassifier.interface import Classifier, GeneClassifier
from cellclassifier.models.augmented.classifier import AugmentedClassifier
from cellclassifier.models.augmented.options import HIDDEN, AugmentedOptions
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.models.protein_atlas.classifier import AtlasClassifier
from cellclassifier.models.protein_atlas.options import AtlasOptions
from cellclassifier.models.spoticell.classifier import SpoticellClassifier
from cellclassifier.models.spoticell.options import SpoticellOptions
from cellclassifier.protocol.evaluation import Evaluation, evaluate_parts
from cellclassifier.protocol.multi_label import MultiLabel
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.protocol.targets import Targets


def augmented(method: str) -> AugmentedClassifier:
    """Of few epochs of small steps."""
    options = AugmentedOptions(n_genes=40, epochs=4, batch_size=32, learning_rate=0.01)
    return AugmentedClassifier(method, options, seed=1)


def cellular(**options) -> CellularClassifier:
    """Of few epochs of small steps."""
    quick = CellularOptions(n_genes=40, epochs=4, batch_size=32, learning_rate=0.01, **options)
    return CellularClassifier(quick, seed=1)


def cellama(**chosen) -> CellamaClassifier:
    """Short sentences, few epochs."""
    small = {"n_top": 12, "width": 16, "epochs": 4, "batch_size": 32, "learning_rate": 0.03}
    return CellamaClassifier(CellamaOptions(**small | chosen), seed=1)


def spoticell(network: str) -> SpoticellClassifier:
    """Of few epochs of small steps."""
    options = SpoticellOptions(
        network=network, n_genes=40, epochs=4, batch_size=32, learning_rate=0.01, device="cpu"
    )
    method = "spoticell_mlp" if network == "mlp" else "spoticell"
    return SpoticellClassifier(options, method, seed=1)


def cells(seed: int = 0):
    """240 cells of three types, ten marker genes each."""
    made = known_cells(240, seed)
    return made, SingleLabel.of(made.obs["cell_type"])


def arrays(seed: int = 0):
    """Arrays (240, 6) with any number of three labels, whose rule is the same for every seed."""
    rng = np.random.default_rng(seed)
    x, rule = rng.normal(size=(240, 6)), np.random.default_rng(99).normal(size=(6, 3))
    answers = 1.5 * x @ rule + rng.logistic(size=(240, 3)) > 0
    return x, MultiLabel(answers, np.array(["Cytosol", "Golgi", "Nuclei"]))


@dataclass(frozen=True)
class System:
    """How the contract's tests get a model and something to ask it."""

    new: Callable[[], Classifier]
    """a small model that is not fitted: of one seed, the same each time"""

    examples: Callable[[int], tuple[object, Targets]] = cells
    """seed -> 240 inputs and their answers; other seeds, other inputs of the same kind"""

    missing_is_zero: bool = True
    """whether a gene that a file does not have is taken for one without counts"""


SYSTEMS = {
    **{
        method: System(partial(new_model, method), missing_is_zero=method == "majority")
        for method in METHODS
    },
    **{method: System(partial(augmented, method), missing_is_zero=False) for method in HIDDEN},
    "cellular": System(cellular, missing_is_zero=False),
    "cellular, two linear networks": System(
        partial(cellular, network="linear", loss="softmax", ensemble=2), missing_is_zero=False
    ),
    "cellama": System(cellama),
    "cellama_neighbours": System(partial(cellama, fine_tune="none", head="neighbours")),
    "spoticell": System(partial(spoticell, "fingerprint"), missing_is_zero=False),
    "spoticell_mlp": System(partial(spoticell, "mlp"), missing_is_zero=False),
    "geneformer": System(partial(new_model, "geneformer")),
    "nearest_centroid": System(Centroids),
    "several_labels": System(OneVsRest, arrays),
    "protein_atlas": System(
        partial(AtlasClassifier, options=AtlasOptions(n_trees=40, inner_folds=3), seed=1), arrays
    ),
}
EVERY = tuple(SYSTEMS)
GENES = tuple(name for name in EVERY if isinstance(SYSTEMS[name].new(), GeneClassifier))
ONE_LABEL = tuple(name for name in EVERY if isinstance(SYSTEMS[name].examples(0)[1], SingleLabel))


def part_of(name: str, part: str, seed: int = 0):
    """Inputs and answers of a part, as ``fit`` takes them."""
    x, targets = SYSTEMS[name].examples(seed)
    return rows(x, part == PARTS), targets[part == PARTS]


def rows(x, chosen):
    """Some rows of a model's input, as an input of its own."""
    return x[chosen].copy()


def fitted(name: str, model: Classifier | None = None) -> Classifier:
    """Fitted as in a notebook, by ``fit`` alone."""
    model = model or SYSTEMS[name].new()
    return model.fit(*part_of(name, "train"), part_of(name, "val"))


@cache
def judged(name: str) -> tuple[Classifier, Evaluation]:
    """A model and what ``evaluate_parts`` says of it; not to be changed."""
    model, (x, targets) = SYSTEMS[name].new(), SYSTEMS[name].examples(0)
    inputs = {part: rows(x, part == PARTS) for part in ("train", "val", "test")}
    names = {part: np.flatnonzero(part == PARTS).astype(str) for part in inputs}
    return model, evaluate_parts(model, inputs, targets, PARTS, names, split=1)


def trained(name: str) -> Classifier:
    """A model that is calibrated and knows known inputs; not to be changed."""
    return judged(name)[0]


def new_inputs(name: str):
    """50 inputs that no model has seen."""
    return rows(SYSTEMS[name].examples(7)[0], slice(0, 50))


@cache
def _saved(name: str, folder: Path) -> Path:
    trained(name).save(folder, data={"sha256": "1"}, split=1)
    return folder


def saved_in(factory, name: str) -> Path:
    """Folder of the saved model, made once in a session; not to be changed."""
    return _saved(name, factory.getbasetemp() / "contract" / name)
