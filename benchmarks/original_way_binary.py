"""The original version's way to binary forests, a reference for ``benchmarks.binary_rf``.

Everything dense and scaled over all cells and all genes, in the float64 that numpy's division
gives, before any split; then, one after the other, a forest of 10 trees per type and way to draw
negatives, on a balanced draw that is split 70 / 30. Not to be copied: it is what ours is measured
against.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from cellclassifier.data.safe_pickle.load import load_npy
from cellclassifier.models.one_vs_rest.forests import draw_balanced
from cellclassifier.models.one_vs_rest.options import SCHEMES

N_TREES = 10
SEED = 42


@dataclass(frozen=True)
class Config:
    """Options of the reference."""

    cells: Path
    """cells.npy"""


def main(config: Config) -> None:
    """Print, as JSON, the seconds of all fits (scaling included), their trees and mean AUROC."""
    content = load_npy(config.cells)
    labels = content["classes"].astype(str)
    start = time.perf_counter()
    counts = content["UMI"].toarray()
    dense = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    dense = StandardScaler().fit_transform(dense)
    aurocs = [
        _auroc(dense, labels, name, scheme) for name in np.unique(labels) for scheme in SCHEMES
    ]
    seconds = time.perf_counter() - start
    trees = N_TREES * len(aurocs)
    print(json.dumps({"seconds": seconds, "trees": trees, "auroc": float(np.mean(aurocs))}))


def _auroc(dense: np.ndarray, labels: np.ndarray, name: str, scheme: str) -> float:
    """AUROC on the held-out 30 % of a balanced draw."""
    rows = draw_balanced(labels, name, scheme, np.random.default_rng(SEED))
    of_type = labels[rows] == name
    x_train, x_test, y_train, y_test = train_test_split(
        dense[rows], of_type, test_size=0.3, random_state=SEED, stratify=of_type
    )
    forest = RandomForestClassifier(N_TREES, random_state=SEED).fit(x_train, y_train)
    return roc_auc_score(y_test, forest.predict_proba(x_test)[:, 1])


if __name__ == "__main__":
    main(tyro.cli(Config))
