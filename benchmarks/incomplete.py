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
Geneformer, whose weights are not at hand, learns from random ones, and from few cells.

Beside it: which known cells are called far from all types, by the genes that methods look at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import tyro

from benchmarks.common import ROOT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.losing.answers import FOLDER, Asked, answered, kept
from benchmarks.losing.far import far_cells
from benchmarks.records import write_record
from cellclassifier.annotation.expected import FILE
from cellclassifier.data.cell_types import TABLES
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.methods import EVERY, make_method
from cellclassifier.options import available_cores
from cellclassifier.output.files import write_figure
from cellclassifier.plots.losses import score_against_losses

COMMAND = "python -m benchmarks.incomplete"
FIGURE = ROOT / "docs" / "images" / "incomplete.png"
METRICS = ["accuracy", "macro_f1"]
# Of what costs hours otherwise, the name in tables and what is asked of it.
BRIEF = {"geneformer": ("geneformer, random weights, 500 cells", {"most_cells": 500, "draws": 1})}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    methods: tuple[str, ...] = tuple(name for name in EVERY if name != "majority")
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
    """also write docs/records/incomplete.json and its figure, of all that is measured"""


def main(config: Config) -> None:
    """Measure what is not measured yet, print, draw and record all that is."""
    path = shared_data("cells.npy")
    if path is None:
        return
    cells = read_cells(CellsOptions(cells=path))
    asked = Asked(cells, config.part, config.draws)
    seeds = list(range(config.seed, config.seed + config.n_splits))
    for method in config.methods:
        for seed in seeds:
            answers_of(asked, method, seed, config.again)
    table = summarized(pd.concat(all_kept(asked, seeds)))
    for lost in ("genes", "counts"):
        wide = table[table["lost"] == lost].pivot(
            index="method", columns="share", values="macro_f1"
        )
        print_table(f"incomplete {lost}: macro-F1", wide.round(3))
    far = with_texts(far_cells(replace(asked, draws=1), seeds))
    print_table("incomplete far: known cells that are called far", far.round(3))
    figure = score_against_losses(table, "FACS-sorted PBMC", config.n_splits, config.draws)
    if config.record:
        data = {"cells": cells.uns["source"]}
        print(write_record("incomplete", COMMAND, recorded(table), seeds, data))
        print(write_record("incomplete_far", COMMAND, far, seeds, data))
        curves_of(table).to_csv(TABLES / FILE, index=False, lineterminator="\n")
    write_figure(FIGURE if config.record else FOLDER / "incomplete.png", figure)


def answers_of(asked: Asked, method: str, seed: int, again: bool = False) -> pd.DataFrame:
    """A method's figures on one split, measured where they are not kept."""
    name, less = BRIEF.get(method, (method, {}))
    return answered(replace(asked, **less), name, seed, partial(made, method, seed), again)


def made(method: str, seed: int) -> GeneClassifier:
    """A method's model, to be fitted: quick where little is asked of it."""
    return make_method(method, seed=seed, quick=method in BRIEF, jobs=available_cores())


def all_kept(asked: Asked, seeds: list[int]) -> list[pd.DataFrame]:
    """What is kept of any method on these splits."""
    found = []
    for method in EVERY:
        name, less = BRIEF.get(method, (method, {}))
        for seed in seeds:
            found.append(kept(replace(asked, **less), name, seed, made(method, seed)))
    return [table for table in found if table is not None]


def summarized(table: pd.DataFrame) -> pd.DataFrame:
    """Means over draws, then mean and standard deviation over splits, one row per point."""
    point = ["method", "lost", "share"]
    of_splits = table.groupby([*point, "split"])[METRICS].mean().reset_index()
    grouped = of_splits.groupby(point)
    found = grouped[METRICS].mean().assign(macro_f1_std=grouped["macro_f1"].std())
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
    return with_texts(table.drop(columns="place"))


def with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """With the headings of columns: what share is missing, or left."""
    sign = np.where(table["lost"] == "genes", " missing", " of the counts")
    shown = [f"{share:.0%}{text}" for share, text in zip(table["share"], sign, strict=True)]
    return table.assign(shown=shown)


if __name__ == "__main__":
    main(tyro.cli(Config))
