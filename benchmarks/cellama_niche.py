"""What the types of a cell's neighbours in the tissue add to its genes, by blocks of the tissue.

    python -m benchmarks.cellama_niche               # shared starmap.h5ad
    python -m benchmarks.cellama_niche --record      # also docs/records/cellama_niche.json

Mouse visual cortex, 158 genes, 3 sections. Each section is cut into 4 stripes; the cells of one
stripe of each are named by a model of the others: cells at random would be tested beside their own
neighbours. "given": the neighbours' labels are known, which a new tissue's are not. Logistic
regression is there twice: as multiclass_baselines.py has it, at a strength for 2,000 genes; and
plain scikit-learn's, with all that matters on 158 genes chosen within the training stripes.
Outputs, under benchmarks/output/cellama/: niche.csv, niches_by_type.csv, niche_heatmap.png.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import tyro
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.common import OUTPUT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.records import write_record
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.models.baselines.classifier import make_baseline
from cellclassifier.models.cellama.cells import SPATIAL, named_by_others, read_obsm
from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.niche import (
    NICHE,
    blocks_of,
    neighbours_in_tissue,
    niche_table,
    niche_texts,
    niches_by_type,
)
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.output.files import write_figure
from cellclassifier.output.tables import write_csv
from cellclassifier.plots.cellama import niche_heatmap

COMMAND = "python -m benchmarks.cellama_niche"
FILE = "starmap.h5ad"
N_BLOCKS = 4
OPTIONS = CellamaOptions(n_top=64, epochs=12)
HOUSE, TUNED = "logistic regression, default strength", "logistic regression, tuned"
WAYS = (HOUSE, TUNED, "genes", "genes, predicted niche", "genes, given niche")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True)
class Config:
    """Options of the benchmark."""

    seeds: tuple[int, ...] = (REPORTED_SEED, REPORTED_SEED + 1, REPORTED_SEED + 2)
    """of the models; the blocks are the same"""

    record: bool = False
    """also write docs/records/cellama_niche.json"""


def main(config: Config) -> None:
    """Print a row per way to write sentences."""
    path = shared_data(FILE)
    if path is None:
        raise SystemExit(f"shared/data/{FILE} is not there: nothing to measure")
    cells, near, blocks = tissue(path)
    types = cells.obs["cell_type"].to_numpy(str)
    draw(near, types)
    rows = []
    for way in WAYS:
        with threadpool_limits(1):
            found = [scores(way, cells, near, blocks, seed) for seed in config.seeds]
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=len(found) > 1)
        rows.append({"sentence": way, "macro_f1_mean": mean[0], "macro_f1_std": spread[0]})
        rows[-1] |= {"accuracy_mean": mean[1], "accuracy_std": spread[1], "n_cells": len(types)}
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    print_table("CELLama niche: by blocks of tissue", table)
    write_csv(OUTPUT / "cellama" / "niche.csv", table)
    if config.record:
        about = {"STARmap": cells.uns["source"]}
        print(write_record("cellama_niche", COMMAND, table, list(config.seeds), about))


def tissue(path: Path) -> tuple[ad.AnnData, list[np.ndarray], np.ndarray]:
    """Labelled cells, their neighbours within their section, and their blocks."""
    cells = read_cells(CellsOptions(cells=path, group_key="batch"))
    cells.obsm[SPATIAL] = read_obsm(path, SPATIAL).loc[cells.obs_names].to_numpy()
    sections = cells.obs["group"].to_numpy(str)
    near = neighbours_in_tissue(cells.obsm[SPATIAL], sections)
    return cells, near, blocks_of(cells.obsm[SPATIAL], N_BLOCKS, sections)


def scores(way: str, cells: ad.AnnData, near, blocks: np.ndarray, seed: int) -> tuple[float, float]:
    """Macro-F1 and accuracy of all cells, each named by a model of the other blocks."""
    types = cells.obs["cell_type"].to_numpy(str)
    named = types.copy()
    for block in np.unique(blocks):
        test = blocks == block
        if way == TUNED:
            named[test] = tuned_regression(cells, test, blocks)
        else:
            named[test] = named_block(way, cells, near, test, seed)
    return f1_score(types, named, average="macro"), accuracy_score(types, named)


def named_block(way: str, cells: ad.AnnData, near, test: np.ndarray, seed: int) -> np.ndarray:
    """Types of the test cells."""
    types = cells.obs["cell_type"].to_numpy(str)
    if way == HOUSE:
        model, seen = make_baseline("logistic_regression", seed=seed), cells
    elif way == "genes":
        model, seen = CellamaClassifier(OPTIONS, seed), cells
    else:
        known = types
        if way == "genes, predicted niche":
            known = named_by_others(cells, ~test, OPTIONS, seed)
        seen = cells.copy()
        seen.obs[NICHE] = niche_texts(near, known)
        model = CellamaClassifier(replace(OPTIONS, metadata=(NICHE,)), seed)
    model.fit(seen[~test].copy(), types[~test])
    return model.predict(seen[test].copy())


def tuned_regression(cells: ad.AnnData, test: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Types of the test cells by a regression whose every choice the training stripes made.

    By macro-F1 of each training stripe in turn: what library sizes are scaled to, the strength,
    and whether types weigh alike.
    """
    counts = cells.X.toarray().astype(float)
    steps = [FunctionTransformer(log_shares), StandardScaler(), LogisticRegression(max_iter=1000)]
    grid = {
        "functiontransformer__kw_args": [{"total": 10_000}, {"total": np.median(counts.sum(1))}],
        "logisticregression__C": STRENGTHS,
        "logisticregression__class_weight": [None, "balanced"],
    }
    stripes = PredefinedSplit(blocks[~test])
    search = GridSearchCV(make_pipeline(*steps), grid, scoring="f1_macro", cv=stripes)
    search.fit(counts[~test], cells.obs["cell_type"].to_numpy(str)[~test])
    return search.predict(counts[test])


def log_shares(counts: np.ndarray, total: float = 10_000) -> np.ndarray:
    """log(1 + counts scaled to a library size), (n_cells, n_genes)."""
    return np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * total)


def draw(near: list[np.ndarray], types: np.ndarray) -> None:
    """Who lives beside whom, as a table and as a heat map."""
    write_figure(OUTPUT / "cellama" / "niche_heatmap.png", niche_heatmap(niche_table(near, types)))
    counts = niches_by_type(niche_texts(near, types), types)
    rows = counts.stack().rename("n_cells").reset_index()
    write_csv(OUTPUT / "cellama" / "niches_by_type.csv", rows[rows["n_cells"] > 0])


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
