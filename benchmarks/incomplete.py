"""How well are cells named when genes or counts are missing? Every method, the same losses for all.

    python -m benchmarks.incomplete                            # prints tables, draws
    python -m benchmarks.incomplete --methods gbdt spoticell   # only these
    python -m benchmarks.incomplete --record                   # also docs, and annotation's table

Trained on whole cells of the sorted PBMC (shared cells.npy); the test cells of every split lose

    genes    0 to 90 % of all genes of the file, which are gone from it as in a smaller panel
    counts   counts of every cell down to 5 % (binomial thinning), as if sequenced less

three times each, the same genes and counts for all methods. What is measured is kept under
benchmarks/output/incomplete, a file per method and split, so that methods can be added one by one.
Two ways to fill missing genes stand beside the method's own: zeros, and the training mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
import tyro
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.common import OUTPUT, ROOT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.kept import kept_path, key_of_model
from benchmarks.records import write_record
from cellclassifier.annotation.expected import FILE
from cellclassifier.data.cell_types import TABLES
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.methods import EVERY, make_method
from cellclassifier.options import available_cores
from cellclassifier.output.files import write_figure
from cellclassifier.plots.losses import score_against_losses
from cellclassifier.protocol.splits import split_cells

COMMAND = "python -m benchmarks.incomplete"
FOLDER = OUTPUT / "incomplete"
FIGURE = ROOT / "docs" / "images" / "incomplete.png"
MISSING = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
DEPTH = (1.0, 0.5, 0.25, 0.1, 0.05)
FILLS = ("logistic_regression", "random_forest")  # methods measured with zeros and means, too
SLOW = ("geneformer", "majority")  # left out unless named


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    methods: tuple[str, ...] = tuple(name for name in EVERY if name not in SLOW)
    """methods to measure; what was measured before is taken up"""

    seed: int = REPORTED_SEED
    """of the first split"""

    n_splits: int = 3
    """train / validation / test splits"""

    draws: int = 3
    """of missing genes, and of lost counts"""

    part: str = "test"
    """cells to score: val to choose by, test to report"""

    again: bool = False
    """measure what was measured before, too"""

    record: bool = False
    """also write docs/records/incomplete.json and docs/images/incomplete.png"""


def main(config: Config) -> None:
    """Measure what is not measured yet, print, draw and record all that is."""
    path = shared_data("cells.npy")
    if path is None:
        return
    cells = read_cells(CellsOptions(cells=path))
    seeds = list(range(config.seed, config.seed + config.n_splits))
    for method in config.methods:
        for seed in seeds:
            path = file_of(method, seed, cells, config)
            if config.again or not path.exists():
                keep(measured(cells, method, seed, config), path)
    table = summarized(pd.concat(map(pd.read_csv, files_of(seeds, cells, config))))
    for lost in ("genes", "counts"):
        wide = table[table["lost"] == lost].pivot(
            index="method", columns="share", values="macro_f1"
        )
        print_table(f"incomplete {lost}: macro-F1", wide.round(3))
    figure = score_against_losses(table, "FACS-sorted PBMC", config.n_splits, config.draws)
    if config.record:
        data = {"cells": cells.uns["source"]}
        print(write_record("incomplete", COMMAND, recorded(table), seeds, data))
        curves_of(table).to_csv(TABLES / FILE, index=False, lineterminator="\n")
    write_figure(FIGURE if config.record else FOLDER / "incomplete.png", figure)


def file_of(method: str, seed: int, cells: ad.AnnData, config: Config) -> Path:
    """Where one method's figures on one split are kept, of this code, cells and losses."""
    losses = {"genes": MISSING, "counts": DEPTH, "draws": config.draws}
    key = key_of_model(make_method(method, seed=seed), cells, **losses)
    return kept_path(FOLDER, f"{config.part}-{seed}-{method}", key, ".csv")


def files_of(seeds: list[int], cells: ad.AnnData, config: Config) -> list[Path]:
    """All that is kept of these splits."""
    paths = [file_of(method, seed, cells, config) for seed in seeds for method in sorted(EVERY)]
    return [path for path in paths if path.exists()]


def keep(table: pd.DataFrame, path: Path) -> None:
    """Write a method's figures, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path.with_suffix(".part"), index=False)
    path.with_suffix(".part").replace(path)


def measured(cells: ad.AnnData, method: str, seed: int, config: Config) -> pd.DataFrame:
    """A row per kind and share of loss, draw, and way to fill: accuracy, macro-F1, refused."""
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    parts = split_cells(labels, seed)
    train, val, scored = (cells[parts == part].copy() for part in ("train", "val", config.part))
    model = make_method(method, seed=seed, jobs=available_cores())
    model.fit(train, labels[parts == "train"], (val, labels[parts == "val"]))
    rows = []
    for lost, share, draw, some in incomplete(scored, seed, config.draws):
        for name, variant in ways_to_fill(model, method, lost):
            row = judged(variant, some, labels[parts == config.part])
            rows.append({"method": name, "lost": lost, "share": share, "draw": draw} | row)
    return pd.DataFrame(rows).assign(split=seed)


def incomplete(
    cells: ad.AnnData, seed: int, draws: int
) -> Iterator[tuple[str, float, int, ad.AnnData]]:
    """What is lost, which share, the draw, and the cells that are left of it.

    Genes that are missing at one share are missing at every larger one of the same draw.
    """
    for draw in range(draws):
        order = np.random.default_rng((seed, draw)).permutation(cells.n_vars)
        for share in MISSING:
            kept = np.sort(order[round(share * cells.n_vars) :])
            if share or not draw:
                yield "genes", share, draw, cells[:, kept].copy()
        for share in DEPTH:
            rng = np.random.default_rng((seed, draw, round(1000 * share)))
            if share < 1 or not draw:
                yield "counts", share, draw, thinned(cells, share, rng)


def thinned(cells: ad.AnnData, share: float, rng: np.random.Generator) -> ad.AnnData:
    """Every count kept with probability ``share``."""
    counts = cells.X.copy()
    counts.data = rng.binomial(np.rint(counts.data).astype(np.int64), share).astype(np.float32)
    counts.eliminate_zeros()
    return ad.AnnData(sp.csr_matrix(counts), obs=cells.obs, var=cells.var)


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


def judged(model: GeneClassifier, cells: ad.AnnData, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, macro-F1, and the share of cells that the model's own novelty refuses."""
    outputs = model.outputs(cells)
    codes = outputs.probabilities.argmax(axis=1)
    predicted = model.classes_[codes]
    space = model.novelty_.place(outputs.features)
    score = model.novelty_.score(space, outputs.probabilities)
    return {
        "accuracy": accuracy_score(labels, predicted),
        "macro_f1": f1_score(labels, predicted, average="macro"),
        "refused": 1 - model.novelty_.is_known(score, codes).mean(),
    }


def summarized(table: pd.DataFrame) -> pd.DataFrame:
    """Means over draws, then mean and standard deviation over splits, one row per point."""
    point = ["method", "lost", "share"]
    metrics = ["accuracy", "macro_f1", "refused"]
    of_splits = table.groupby([*point, "split"])[metrics].mean().reset_index()
    grouped = of_splits.groupby(point)
    found = grouped[metrics].mean().assign(macro_f1_std=grouped["macro_f1"].std())
    return found.assign(n_splits=grouped.size()).reset_index()


def curves_of(table: pd.DataFrame) -> pd.DataFrame:
    """What annotation tells of missing genes: method, missing, macro_f1, rounded."""
    genes = table[(table["lost"] == "genes") & ~table["method"].str.contains(",")]
    genes = genes.rename(columns={"share": "missing"})[["method", "missing", "macro_f1"]]
    return genes.sort_values(["method", "missing"]).round(3)


def recorded(table: pd.DataFrame) -> pd.DataFrame:
    """Methods down, best without half of the genes first, with the texts of the columns."""
    half = table[(table["lost"] == "genes") & (table["share"] == 0.5)]
    order = half.set_index("method")["macro_f1"].sort_values(ascending=False).index
    table = table.assign(place=order.get_indexer(table["method"]))
    table = table.sort_values(["lost", "place", "share"], ascending=[False, True, True])
    sign = np.where(table["lost"] == "genes", " missing", " of the counts")
    shown = [f"{share:.0%}{text}" for share, text in zip(table["share"], sign, strict=True)]
    return table.drop(columns="place").assign(shown=shown)


if __name__ == "__main__":
    main(tyro.cli(Config))
