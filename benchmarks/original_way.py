"""The original version's way to forests and boosting, written here as a reference.

The original version is the authors' scripts that this repository began from (docs/README.md). It
normalises, takes logs and scales the dense matrix of all cells before it splits, so that the test
cells have a say in the scaling; this is what ours is measured against, not to be copied.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.protocol.splits import split_cells


@dataclass(frozen=True)
class Config:
    """Options of the reference."""

    cells: Path
    """cells.npy"""

    seed: int = 42
    """seed of the first split; the others count up from it"""

    n_splits: int = 3
    """how many splits"""


def main(config: Config) -> None:
    """Print, as JSON, test macro-F1 and seconds per method and split."""
    cells = read_cells(CellsOptions(cells=config.cells))
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    dense = cells.X.toarray().astype(float)
    dense = np.log1p(dense / dense.sum(axis=1, keepdims=True) * 10_000)
    dense = StandardScaler().fit_transform(dense)
    rows = []
    for seed in range(config.seed, config.seed + config.n_splits):
        parts = split_cells(labels, seed)
        train, test = parts == "train", parts == "test"
        for name, model in _models(seed).items():
            start = time.perf_counter()
            model.fit(dense[train], labels[train])
            macro_f1 = f1_score(labels[test], model.predict(dense[test]), average="macro")
            seconds = time.perf_counter() - start
            rows.append({"method": name, "split": seed, "macro_f1": macro_f1, "seconds": seconds})
    print(json.dumps(rows, default=np.ndarray.tolist))


def _models(seed: int) -> dict:
    return {
        "random_forest": RandomForestClassifier(100, random_state=seed),
        "gbdt": GradientBoostingClassifier(n_estimators=10, random_state=seed),
    }


if __name__ == "__main__":
    main(tyro.cli(Config))
