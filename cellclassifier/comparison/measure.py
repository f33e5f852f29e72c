"""One part of a comparison: cells made ready, a model fitted and scored, seconds and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.comparison.options import DEPTHS, MISSING, ComparisonOptions
from cellclassifier.comparison.plan import PLAIN, WHOLE, Part
from cellclassifier.comparison.trials import (
    cut_types,
    fewer_cells,
    generator,
    rare_types,
    swapped_labels,
    with_fewer_counts,
    without_genes,
)
from cellclassifier.interface import GeneClassifier
from cellclassifier.output.record import peak_memory_gib, reset_peak_memory
from cellclassifier.protocol.metrics import score
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.protocol.splits import split_cells, subsample

SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "kappa", "cross_entropy", "ece")


@dataclass
class Rows:
    """Rows of the cells of each part, and the labels as they are learned from."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    labels: np.ndarray  # (n_cells,), some of the training cells perhaps swapped
    rare: np.ndarray = field(default_factory=lambda: np.array([], dtype=str))  # types that were cut


def rows_of(part: Part, cells: ad.AnnData, split_parts: pd.DataFrame, n_costly: int) -> Rows:
    """Which cells a part is about; split_parts: a column per split, "train", "val" or "test"."""
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    told = _left_out(part, cells, labels) if part.trial == "groups" else split_parts[part.split]
    train, val, test = (np.flatnonzero(told == name) for name in ("train", "val", "test"))
    if part.is_costly:
        train, val = (_some(rows, labels, n_costly, part.split) for rows in (train, val))
    rows = Rows(train, val, test, labels.copy())
    rng = generator(part.split, part.trial, part.level)
    if part.trial == "learning":
        rows.train = train[fewer_cells(labels[train], float(part.level), rng)]
    elif part.trial == "noise":
        rows.labels[train] = swapped_labels(labels[train], float(part.level), rng)
    elif part.trial == "rare":
        rows.rare = rare_types(labels[train], int(part.level))
        rows.train = train[cut_types(labels[train], rows.rare, int(part.level), rng)]
    return rows


def _left_out(part: Part, cells: ad.AnnData, labels: np.ndarray) -> np.ndarray:
    """The cells of one group as test; of the others some are for choosing.

    Test cells of types that no other group has are left out: nobody could name them.
    """
    groups = cells.obs["group"].to_numpy().astype(str)
    is_test = groups == part.level
    sizes = pd.Series(labels[~is_test]).value_counts()
    known = sizes.index[sizes >= 3]
    told = np.full(len(labels), "", dtype="<U5")
    others = np.flatnonzero(~is_test & np.isin(labels, known))
    split = split_cells(labels[others], part.split)
    told[others] = np.where(split == "val", "val", "train")
    told[is_test & np.isin(labels, known)] = "test"
    return told


def _some(rows: np.ndarray, labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    return rows[subsample(labels[rows], most, seed)]


def measured(
    part: Part,
    cells: ad.AnnData,
    split_parts: pd.DataFrame,
    make: Callable[[Part], GeneClassifier],
    options: ComparisonOptions,
) -> dict[str, pd.DataFrame]:
    """Fit and score one part; tables "scores" and, of a plain part, "predictions".

    make: given a part, a model to be fitted.
    """
    rows = rows_of(part, cells, split_parts, options.costly_cells)
    model = make(part)
    train, val, test = (cells[of].copy() for of in (rows.train, rows.val, rows.test))
    with cost() as fit:
        targets = SingleLabel.of(rows.labels[rows.train])
        model.fit(train, targets, (val, targets.alike(rows.labels[rows.val])))
    about = {
        "method": part.method,
        "split": part.split,
        "n_train": len(rows.train),
        "n_test": len(rows.test),
        "quick": part.is_quick,
        **{f"fit_{name}": value for name, value in fit.items()},
    }
    labels = rows.labels[rows.test]
    first, probabilities = _scored(model, test, labels, rows.rare)
    scores = [about | {"trial": part.trial, "level": part.level} | first]
    tables = {}
    if part.trial == PLAIN:
        tables["predictions"] = _predictions(test, labels, model.classes_, probabilities)
        if part.split == split_parts.columns[0]:
            if part.is_also_whole and WHOLE[0] in options.trials:
                scores.append(scores[0] | dict(zip(("trial", "level"), WHOLE, strict=True)))
            scores += _incomplete(model, test, labels, part, about, options.trials)
    return {"scores": pd.DataFrame(scores), **tables}


def _incomplete(model, test: ad.AnnData, labels, part: Part, about: dict, trials) -> list[dict]:
    """Rows of test cells whose file lacks genes, or that have fewer counts."""
    rows = []
    for trial, levels, made in (
        ("genes", MISSING, without_genes),
        ("depth", DEPTHS, with_fewer_counts),
    ):
        for level in levels if trial in trials else ():
            rng = generator(part.split, trial, f"{level:g}")
            row, _ = _scored(model, made(test, level, rng), labels, ())
            rows.append(about | {"trial": trial, "level": f"{level:g}"} | row)
    return rows


def _scored(model, test: ad.AnnData, labels: np.ndarray, rare) -> tuple[dict, np.ndarray]:
    """Metrics of test cells and the cost of naming them; probabilities (n_cells, n_types)."""
    with cost() as spent:
        probabilities = model.predict_proba(test)
    names = np.asarray(model.classes_).astype(str)
    values = {
        name: value for name, value in score(labels, probabilities, names).items() if name in SHOWN
    }
    predicted = names[probabilities.argmax(axis=1)]
    values["f1_of_rare"] = f1_of(labels, predicted, rare) if len(rare) else np.nan
    return values | {f"predict_{name}": value for name, value in spent.items()}, probabilities


def f1_of(labels: np.ndarray, predicted: np.ndarray, names) -> float:
    """Mean F1 over some of the types."""
    values = []
    for name in names:
        right = np.sum((labels == name) & (predicted == name))
        said = np.sum(labels == name) + np.sum(predicted == name)
        values.append(2 * right / said if said else 0.0)
    return float(np.mean(values))


def _predictions(test: ad.AnnData, labels, names, probabilities) -> pd.DataFrame:
    table = pd.DataFrame(probabilities.astype(np.float64), columns=list(map(str, names)))
    called = np.asarray(names)[probabilities.argmax(axis=1)].astype(str)
    for place, (name, values) in enumerate(
        {"cell": test.obs_names, "part": "test", "label": labels, "predicted": called}.items()
    ):
        table.insert(place, name, values)
    return table


@contextmanager
def cost() -> Iterator[dict[str, float | None]]:
    """CPU seconds of all threads and memory of the process, filled in when the block ends.

    peak_gib: the most in all; added_gib: beyond what was there before, libraries and data.
    """
    spent: dict[str, float | None] = {}
    reset_peak_memory()
    start, before = time.process_time(), peak_memory_gib()
    yield spent
    seconds, peak = time.process_time() - start, peak_memory_gib()
    added = None if peak is None or before is None else max(0.0, peak - before)
    spent |= {"cpu_seconds": seconds, "peak_gib": peak, "added_gib": added}
