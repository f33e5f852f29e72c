"""Which boosting library for this shape: XGBoost, LightGBM or scikit-learn's histogram boosting.

Same cells, same selected genes, same number of trees, depth and bins; one split.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.common import full_size_cells, print_table
from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.baselines.boosting import BoostedTrees
from cellclassifier.options import available_cores
from cellclassifier.protocol.splits import split_cells


@dataclass(frozen=True)
class Config:
    """Options of the comparison."""

    cells: Path | None = None
    """cells.npy; default: the full-size simulation"""

    rounds: int = 20
    """boosting rounds, of one tree per type each"""

    n_genes: int = 1000
    """selected genes"""


def main(config: Config) -> None:
    """Print seconds per round and test scores of each library."""
    path = config.cells or full_size_cells()
    cells = read_cells(CellsOptions(cells=path))
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    parts = split_cells(labels, 42)
    train, test = parts == "train", parts == "test"
    features = CountFeatures(n_genes=config.n_genes, scale=False)
    x_train = features.fit_transform(cells[train].copy(), labels[train])
    x_test = features.transform(GeneCounts.of(cells[test].copy(), features.genes_))
    rows = []
    for name, (model, dense) in _models(config.rounds).items():
        start = time.perf_counter()
        model.fit(x_train.toarray() if dense else x_train, labels[train])
        seconds = time.perf_counter() - start
        predicted = model.predict(x_test.toarray() if dense else x_test)
        scores = {
            "accuracy": accuracy_score(labels[test], predicted),
            "macro_f1": f1_score(labels[test], predicted, average="macro"),
        }
        rows.append({"library": name, "seconds_per_round": seconds / config.rounds, **scores})
    table = pd.DataFrame(rows).set_index("library")
    print_table(f"boosting: {train.sum():,} cells, {config.n_genes} genes", table.round(4))


def _models(rounds: int) -> dict:
    jobs = available_cores()
    models = {
        "XGBoost": (BoostedTrees(n_estimators=rounds, n_jobs=jobs), False),
        "scikit-learn": (
            HistGradientBoostingClassifier(
                max_iter=rounds, max_depth=4, max_bins=32, early_stopping=False
            ),
            True,
        ),
    }
    try:
        from lightgbm import LGBMClassifier
    except (ImportError, OSError) as error:  # its wheel needs a system-wide libgomp
        print(f"left out: LightGBM does not load here ({error})")
        return models
    models["LightGBM"] = (
        LGBMClassifier(
            n_estimators=rounds,
            max_depth=4,
            max_bin=31,
            num_leaves=15,
            subsample=0.7,
            subsample_freq=1,
            feature_fraction_bynode=0.1,
            n_jobs=jobs,
            verbose=-1,
        ),
        False,
    )
    return models


if __name__ == "__main__":
    main(tyro.cli(Config))
