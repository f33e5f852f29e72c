"""Scores of models on cells that lost genes or counts, measured once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.common import OUTPUT
from benchmarks.kept import kept_path, key_of_model
from benchmarks.leaving_out.answers import some_of
from benchmarks.losing.cells import DEPTH, MISSING, incomplete
from cellclassifier.interface import GeneClassifier
from cellclassifier.output.files import atomic_path
from cellclassifier.protocol.hierarchy import hierarchical_scores
from cellclassifier.protocol.splits import split_cells

FOLDER = OUTPUT / "incomplete"
FILLS = ("logistic_regression", "random_forest")  # methods measured with zeros and means, too


@dataclass(frozen=True)
class Asked:
    """Which cells are named, and how often they lose something.

    cells: of obs["cell_type"]; part: whose cells are scored ("val" to choose by, "test" to
    report); draws: of missing genes, and of lost counts; most_cells: to learn from, None for all.
    """

    cells: ad.AnnData
    part: str = "test"
    draws: int = 3
    most_cells: int | None = None

    def parts(self, seed: int) -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
        """Training and validation cells of a split, and those to score."""
        parts = split_cells(labels_of(self.cells), seed)
        train, val, scored = (
            self.cells[parts == part].copy() for part in ("train", "val", self.part)
        )
        return some_of(train, self.most_cells or train.n_obs, seed), val, scored


def path_of(asked: Asked, name: str, seed: int, model: GeneClassifier) -> Path:
    """Where a model's figures on one split are kept, of this code, cells and losses."""
    facts = {"genes": MISSING, "counts": DEPTH, "draws": asked.draws}
    facts |= {"most_cells": asked.most_cells} if asked.most_cells else {}
    key = key_of_model(model, asked.cells, **facts)
    return kept_path(FOLDER, f"{asked.part}-{seed}-{name}", key, ".csv")


def kept(asked: Asked, name: str, seed: int, model: GeneClassifier) -> pd.DataFrame | None:
    """The figures of a model on one split, None where they were not measured."""
    path = path_of(asked, name, seed, model)
    return pd.read_csv(path) if path.exists() else None


def answered(
    asked: Asked, name: str, seed: int, make: Callable[[], GeneClassifier], again: bool = False
) -> pd.DataFrame:
    """The same, measured and kept where they were not.

    make: gives the model, to be fitted; again: measure what is kept, too.
    """
    path = path_of(asked, name, seed, make())
    if again or not path.exists():
        table = measured(asked, name, seed, make())
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False)
    return pd.read_csv(path)


def measured(asked: Asked, name: str, seed: int, model: GeneClassifier) -> pd.DataFrame:
    """A row per kind and share of loss, draw, and way to fill, with scores of ``judged``."""
    train, val, scored = asked.parts(seed)
    model.fit(train, labels_of(train), (val, labels_of(val)))
    rows = [
        {"method": variant, "lost": lost, "share": share, "draw": draw} | judged(filled, some)
        for lost, share, draw, some in incomplete(scored, seed, asked.draws)
        for variant, filled in ways_to_fill(model, name, lost)
    ]
    return pd.DataFrame(rows).assign(split=seed)


def ways_to_fill(
    model: GeneClassifier, method: str, lost: str
) -> Iterator[tuple[str, GeneClassifier]]:
    """The model as it is and, of some, with missing genes as zeros and as training means."""
    yield method, model
    own = getattr(model, "expected_", None)
    if method not in FILLS or lost != "genes" or own is None:
        return
    means = replace(own, loadings=0 * own.loadings)
    for name, fill in (("zeros", None), ("means", means)):
        model.expected_ = fill
        yield f"{method}, missing as {name}", model
    model.expected_ = own


def judged(model: GeneClassifier, cells: ad.AnnData) -> dict[str, float]:
    """Accuracy, macro-F1, and macro-F1 of types and all broader names that hold for some."""
    labels = labels_of(cells)
    predicted = model.classes_[model.outputs(cells).probabilities.argmax(axis=1)]
    table = hierarchical_scores(labels, predicted, model.classes_.tolist())
    means = table[table["label"] == "of all names"].set_index("level")["f1"]
    return {
        "accuracy": accuracy_score(labels, predicted),
        "macro_f1": f1_score(labels, predicted, average="macro"),
        "macro_f1_names": means["macro"],
    }


def labels_of(cells: ad.AnnData) -> np.ndarray:
    """obs["cell_type"], (n_cells,) str."""
    return cells.obs["cell_type"].to_numpy().astype(str)
