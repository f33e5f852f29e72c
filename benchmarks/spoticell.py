"""What makes Spoticell robust: the picture, the order of its genes, the loss, or incomplete cells?

    python -m benchmarks.spoticell                           # prints the table
    python -m benchmarks.spoticell --variants "order random" # only these
    python -m benchmarks.spoticell --record                  # also docs/records/spoticell.json

Each variant of spoticell.py learns from the training cells of a split of the sorted PBMC; test
cells lose genes or counts as in benchmarks.incomplete, which measures the default and the network
without a picture: what it keeps is taken up here, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd
import tyro

from benchmarks.common import print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.incomplete import answers_of
from benchmarks.losing.answers import Asked, answered
from benchmarks.records import write_record
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.spoticell.classifier import SpoticellClassifier
from cellclassifier.models.spoticell.options import METHODS, SpoticellOptions

COMMAND = "python -m benchmarks.spoticell"
DOCUMENTED_EPOCHS = 10  # each takes as long as four of the default's
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

    record: bool = False
    """also write docs/records/spoticell.json"""


def main(config: Config) -> None:
    """Measure what is not measured yet; a row per variant."""
    path = shared_data("cells.npy")
    if path is None:
        return
    cells = read_cells(CellsOptions(cells=path))
    seeds = list(range(config.seed, config.seed + config.n_splits))
    asked = Asked(cells, config.part)
    rows = [
        in_short(pd.concat(answers(asked, variant, seed) for seed in seeds)) | {"variant": variant}
        for variant in config.variants
    ]
    table = pd.DataFrame(rows).assign(n_splits=len(seeds))
    print_table("spoticell: macro-F1", table.round(3))
    if config.record:
        print(write_record("spoticell", COMMAND, table, seeds, {"cells": cells.uns["source"]}))


def answers(asked: Asked, variant: str, seed: int) -> pd.DataFrame:
    """A variant's figures on one split; those of a method of its own as that method's."""
    chosen = VARIANTS[variant]
    if set(chosen) <= {"network"} and chosen.get("network") != "documented":
        return answers_of(asked, METHODS[chosen.get("network", "fingerprint")], seed)
    make = partial(new_model, variant, seed)
    return answered(asked, f"spoticell-{variant}", seed, make)


def new_model(variant: str, seed: int) -> SpoticellClassifier:
    """A variant's model, to be fitted."""
    options = SpoticellOptions(**VARIANTS[variant])
    return SpoticellClassifier(options, METHODS[options.network], seed=seed)


def in_short(table: pd.DataFrame) -> dict[str, float]:
    """Macro-F1 at ``POINTS``, over types and over all names, means over draws and splits.

    table: as ``answered`` gives it, of all splits.
    """
    found = {}
    for (lost, share), name in POINTS.items():
        own = table[(table["lost"] == lost) & (table["share"] == share)]
        scores = own.groupby("split")[["macro_f1", "macro_f1_names"]].mean()
        found |= {name: scores["macro_f1"].mean(), f"{name}_std": scores["macro_f1"].std()}
        found |= {f"{name}_names": scores["macro_f1_names"].mean()}
    return found


if __name__ == "__main__":
    main(tyro.cli(Config))
