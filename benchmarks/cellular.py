"""What a contrastive loss gives and what thinned cells give: within a study, and in others.

    python -m benchmarks.cellular                       # prints tables (about 10 CPU minutes)
    python -m benchmarks.cellular --variants contrastive+thinned --n-seeds 1
    python -m benchmarks.cellular --record              # also writes docs/records/cellular*.json

Each variant of cellular.py learns from the training cells of a split, three splits:

    sorted      test cells of the same study
    pbmc3k      another laboratory, by the genes that both files have, at five coarse types
    ifnb        test cells of the other condition (--group-key batch), 12 types
    far         one type in turn left out of the sorted cells: AUROC of its cells among test cells,
                by how far each cell is from all known types, which needs no network

Answers are kept in benchmarks/output/cellular/, and are not computed again by the same code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import anndata as ad
import numpy as np
import pandas as pd
import tyro
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from benchmarks.across import shared_genes
from benchmarks.common import OUTPUT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.kept import kept_path, key_of, key_of_model
from benchmarks.records import write_record
from cellclassifier.data.cell_types import CellTypes, known_cell_types
from cellclassifier.data.features import best_genes
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.models.methods import make_method
from cellclassifier.output.files import write_json
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all, split_cells, subset
from cellclassifier.trust.far import Profiles

COMMAND = "python -m benchmarks.cellular"
FOLDER = OUTPUT / "cellular"
PLAIN = {"thin": 1.0, "drop_genes": 0.0}
DEFAULT = "contrastive+thinned"
VARIANTS = {
    "softmax": {"loss": "softmax", **PLAIN},
    "softmax+thinned": {"loss": "softmax"},
    "original's loss": {"loss": "cellular", **PLAIN},
    "contrastive": PLAIN,
    DEFAULT: {},
    f"{DEFAULT}, 4 networks": {"ensemble": 4},
    f"{DEFAULT}, Pearson's genes": {"gene_selection": "pearson"},
}
BASELINES = ("logistic_regression", "augmented_network")
DATA = {"sorted": "cells.npy", "pbmc3k": "cells.npy", "ifnb": "ifnb_2800.h5ad"}
# CD4 T, CD8 T, B, NK, monocyte: what both studies have, and what a finer label belongs to.
COARSE = ("CL:0000624", "CL:0000625", "CL:0000236", "CL:0000623", "CL:0000576")


@dataclass(frozen=True)
class Config(SplitOptions):
    """Options of the measurement."""

    seed: int = REPORTED_SEED
    """seed of the first split"""

    variants: tuple[str, ...] = (*VARIANTS, *BASELINES)
    """which to measure"""

    tasks: tuple[str, ...] = (*DATA, "far")
    """which to measure"""

    kept: bool = False
    """tables of the answers that are kept, computing none"""

    record: bool = False
    """also write docs/records/cellular.json and cellular_far.json"""


def main(config: Config) -> None:
    """Print means over splits of every variant and task, and AUROC of types left out."""
    seeds = list(range(config.seed, config.seed + config.n_splits))
    table = pd.DataFrame(
        [
            row
            for task in DATA
            if task in config.tasks and cells_of(task) is not None
            for variant in config.variants
            for row in _answers(task, variant, seeds, config.kept)
        ]
    )
    if len(table):
        rows = over_splits(table)
        print_table("cellular: test scores", rows.round(3))
        if config.record:
            print(write_record("cellular", COMMAND, rows, seeds, _files()))
    if "far" in config.tasks and cells_of("sorted") is not None:
        rows, seeds = types_left_out(seeds, config.kept)
        print_table("cellular far: AUROC per cell", rows.round(3))
        if config.record:
            print(write_record("cellular_far", COMMAND, rows, seeds, _files()))


def new_model(variant: str, seed: int) -> GeneClassifier:
    """A variant of cellular, or a baseline."""
    if variant in BASELINES:
        return make_method(variant, seed=seed)
    return CellularClassifier(CellularOptions(**VARIANTS[variant]), seed=seed)


@cache
def cells_of(task: str) -> ad.AnnData | None:
    """What a task learns from; None where its file is not at hand."""
    path = shared_data(DATA[task])
    if path is None:
        return None
    cells = read_cells(CellsOptions(path, group_key="batch" if task == "ifnb" else None))
    if task == "pbmc3k":
        cells = shared_genes(cells, pbmc3k().var)
    return subset(cells, SplitOptions(min_cells_per_type=20))


@cache
def pbmc3k() -> ad.AnnData:
    """Cells of the five coarse types."""
    cells = read_cells(CellsOptions(shared_data("pbmc3k.h5ad")))
    coarse = coarse_types(cells.obs["cell_type"].astype(str), known_cell_types())
    cells = cells[coarse != ""].copy()
    cells.obs["coarse"] = coarse[coarse != ""]
    return cells


def coarse_types(labels, types: CellTypes) -> np.ndarray:
    """The term of ``COARSE`` that each label belongs to, "" for none, (n_cells,)."""
    found = {}
    for label in np.unique(labels):
        term = types.term_of(label)
        found[label] = next((own for own in COARSE if term and types.is_a(term, own)), "")
    return np.array([found[label] for label in labels])


def _answers(task: str, variant: str, seeds: list[int], kept: bool) -> list[dict]:
    """The rows of all splits, each from the file that an earlier run wrote, or measured."""
    cells = cells_of(task)
    parts = split_all(cells, SplitOptions(seed=seeds[0], n_splits=len(seeds)))
    rows = []
    for split in parts.columns:
        path = kept_path(FOLDER, f"{task}-{variant}-{split}", _key(task, variant, split), ".json")
        if kept and not path.exists():
            continue
        if not path.exists():
            write_json(path, measured(task, variant, cells, parts[split].to_numpy(), int(split)))
        rows.append(json.loads(path.read_text(encoding="utf-8")))
    return rows


def _key(task: str, variant: str, split: int) -> str:
    """Of all that a row depends on: the model and its code, and the cells."""
    asked = [pbmc3k()] if task == "pbmc3k" else []
    model = new_model(variant, int(split))
    return key_of_model(model, cells_of(task), *asked, task=task, split=int(split))


def measured(task: str, variant: str, cells: ad.AnnData, parts: np.ndarray, seed: int) -> dict:
    """Scores of one split."""
    train, val, test = (cells[parts == part].copy() for part in ("train", "val", "test"))
    model = new_model(variant, seed)
    model.fit(train, _labels(train), validation=(val, _labels(val)))
    if task == "pbmc3k":
        types = known_cell_types()
        answers = pbmc3k().obs["coarse"].to_numpy(str)
        predicted = coarse_types(model.predict(pbmc3k()), types)
        macro_f1 = f1_score(answers, predicted, labels=COARSE, average="macro")
    else:
        answers, predicted = _labels(test), model.predict(test)
        macro_f1 = f1_score(answers, predicted, average="macro")
    return {
        "task": task,
        "variant": variant,
        "seed": seed,
        "n_cells": len(answers),
        "accuracy": accuracy_score(answers, predicted),
        "macro_f1": macro_f1,
    }


def types_left_out(seeds: list[int], kept: bool) -> tuple[pd.DataFrame, list[int]]:
    """AUROC of the cells of every type that was left out, and the shares that are called far.

    Returns means over splits, the mean over types last, and the splits that there are.
    """
    cells, rows = cells_of("sorted"), []
    for seed in seeds:
        for left_out in cells.obs["cell_type"].cat.categories:
            name = f"far-{left_out.replace('/', '_')}-{seed}"
            key = key_of(Profiles.__module__, cells, left_out=left_out, seed=seed)
            path = kept_path(FOLDER, name, key, ".json")
            if kept and not path.exists():
                continue
            if not path.exists():
                write_json(path, {"seed": seed} | measure_far(cells, left_out, seed))
            rows.append(json.loads(path.read_text(encoding="utf-8")))
    table = pd.DataFrame(rows)
    means = (
        table.groupby("left_out", sort=False)[["auroc", "caught", "known_far"]].mean().reset_index()
    )
    total = means.drop(columns="left_out").mean().to_frame().T.assign(left_out="mean")
    return pd.concat([means, total], ignore_index=True), sorted(table["seed"].unique().tolist())


def measure_far(cells: ad.AnnData, left_out: str, seed: int) -> dict:
    """How far the cells of a type are that was left out, beside test cells of the others.

    By the step that all methods share, which looks at the model's genes and at no network: both
    kinds of cells are one file, in which the score of a cell is its neighbours', too.
    """
    labels = _labels(cells)
    known = cells[labels != left_out]
    parts = split_cells(_labels(known), seed)
    train, val, test = (known[parts == part] for part in ("train", "val", "test"))
    columns = best_genes(train.X, _labels(train), CellularOptions().n_genes, "anova")
    genes = train.var_names[columns].to_numpy(str)
    profiles = Profiles.fit(
        GeneCounts.of(train, genes), _labels(train), validation=GeneCounts.of(val, genes)
    )
    file = GeneCounts.of(ad.concat([cells[labels == left_out], test]), genes)
    is_unknown = np.arange(len(file)) < (labels == left_out).sum()
    rows = np.arange(len(file))
    view = profiles.view(file, rows)
    score = view.score(file, view.near(file, rows))
    far = profiles.is_far(score, view)
    return {
        "left_out": left_out,
        "n_cells": int(is_unknown.sum()),
        "auroc": roc_auc_score(is_unknown, score),
        "caught": far[is_unknown].mean(),
        "known_far": far[~is_unknown].mean(),
    }


def over_splits(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of every task and variant."""
    groups = table.groupby(["task", "variant"], sort=False)
    rows = groups[["accuracy", "macro_f1"]].agg(["mean", "std"])
    rows.columns = [f"{metric}_{value}" for metric, value in rows.columns]
    return rows.join(
        groups.agg(n_splits=("seed", "size"), n_cells=("n_cells", "first"))
    ).reset_index()


def _labels(cells: ad.AnnData) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy().astype(str)


def _files() -> dict[str, dict]:
    found = {task: cells_of(task) for task in DATA}
    sources = {task: cells.uns["source"] for task, cells in found.items() if cells is not None}
    return sources


if __name__ == "__main__":
    main(tyro.cli(Config))
