"""What makes Spoticell robust: the picture, the order of its genes, the loss, or incomplete cells?

    python -m benchmarks.spoticell                           # prints the table
    python -m benchmarks.spoticell --variants "order random" # only these
    python -m benchmarks.spoticell --kept --record           # of what is kept, into docs/records

Each variant of spoticell.py learns from the training cells of a split of the sorted PBMC; test
cells lose genes or counts as in benchmarks.incomplete, which measures the default and the network
without a picture, too: what either keeps is taken up by the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd
import tyro

from benchmarks.common import print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.losing.answers import Asked, answered, kept
from benchmarks.records import write_record
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.methods import EVERY
from cellclassifier.models.spoticell.classifier import SpoticellClassifier
from cellclassifier.models.spoticell.options import METHODS, SpoticellOptions

COMMAND = "python -m benchmarks.spoticell"
DOCUMENTED_EPOCHS = 8  # each takes as long as four of the default's
VARIANTS = {  # and what is other than by default
    "fingerprint": {},
    "mlp": {"network": "mlp"},
    f"documented, {DOCUMENTED_EPOCHS} epochs": {
        "network": "documented",
        "epochs": DOCUMENTED_EPOCHS,
    },
    "order alphabetical": {"order": "alphabetical"},
    "order random": {"order": "random"},
    "loss bce": {"loss": "bce"},
    "thin 1, drop-genes 0": {"thin": 1.0, "drop_genes": 0.0},
}
# Which cells are named: what is lost, the share, and the name in tables.
POINTS = {
    ("genes", 0.0): "whole",
    ("genes", 0.5): "half",
    ("genes", 0.9): "tenth_of_genes",
    ("counts", 0.1): "tenth_of_counts",
}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    variants: tuple[str, ...] = tuple(VARIANTS)
    """which to measure"""

    seed: int = REPORTED_SEED
    """of the first split"""

    n_splits: int = 3
    """train / validation / test splits"""

    part: str = "test"
    """cells to score: val to choose by, test to report"""

    kept: bool = False
    """tables of the answers that are kept, computing none"""

    record: bool = False
    """also write docs/records/spoticell.json"""


def main(config: Config) -> None:
    """Print a row per variant, measuring what is not measured yet."""
    path = shared_data("cells.npy")
    if path is None:
        return
    cells = read_cells(CellsOptions(cells=path))
    seeds = list(range(config.seed, config.seed + config.n_splits))
    asked = Asked(cells, config.part)
    rows = []
    for variant in config.variants:
        found = [answers(asked, variant, seed, config.kept) for seed in seeds]
        found = [table for table in found if table is not None]
        rows += [{"variant": variant} | in_short(pd.concat(found))] if found else []
    table = pd.DataFrame(rows)
    print_table("spoticell: macro-F1", table.round(3))
    if config.record:
        print(write_record("spoticell", COMMAND, table, seeds, {"cells": cells.uns["source"]}))


def answers(asked: Asked, variant: str, seed: int, are_kept: bool) -> pd.DataFrame | None:
    """A variant's figures on one split, under the name of the method that it is by default.

    are_kept: compute none; then None where there are none.
    """
    options = SpoticellOptions(**VARIANTS[variant])
    method = METHODS[options.network]
    is_method = method in EVERY and set(VARIANTS[variant]) <= {"network"}
    name = method if is_method else f"spoticell-{variant}"
    make = partial(SpoticellClassifier, options, method, seed)
    return kept(asked, name, seed, make()) if are_kept else answered(asked, name, seed, make)


def in_short(table: pd.DataFrame) -> dict[str, float]:
    """Macro-F1 at ``POINTS``, over types and over all names, means over draws and splits.

    table: as ``answered`` gives it, of all splits.
    """
    found = {"n_splits": table["split"].nunique()}
    for (lost, share), name in POINTS.items():
        own = table[(table["lost"] == lost) & (table["share"] == share)]
        scores = own.groupby("split")[["macro_f1", "macro_f1_names"]].mean()
        found |= {name: scores["macro_f1"].mean(), f"{name}_std": scores["macro_f1"].std()}
        found |= {f"{name}_names": scores["macro_f1_names"].mean()}
    return found


if __name__ == "__main__":
    main(tyro.cli(Config))
