"""Does a column of obs tell the batch, or all but tell the label? Then it is a shortcut."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

MUCH_OF_LABEL = 0.5  # share of the label's entropy
MUCH_OF_GROUP = 0.5
SHUFFLES = 10

log = logging.getLogger(__name__)


def information(
    columns: pd.DataFrame, labels: np.ndarray, groups: np.ndarray | None, seed: int = 0
):
    """What each column tells of label and group: share of their entropy, 0 to 1, one row each.

    ``label_share`` is mutual information over the label's entropy; of it ``by_chance`` is what a
    column of as many values tells when shuffled. ``group_share`` the same of the group; NaN
    without groups. Source: Cover & Thomas, Elements of Information Theory, 2.3.
    """
    rows = []
    for key in columns.columns:
        values = columns[key].to_numpy(str)
        row = {"column": key, "n_values": len(np.unique(values))}
        row["label_share"] = _share(values, labels)
        row["by_chance"] = _by_chance(values, labels, seed)
        row["group_share"] = np.nan if groups is None else _share(values, groups)
        rows.append(row)
    return pd.DataFrame(rows)


def sentences_about(table: pd.DataFrame) -> list[str]:
    """What a person should know of each column that is a shortcut."""
    found = []
    for row in table.itertuples():
        if row.label_share - row.by_chance > MUCH_OF_LABEL:
            found.append(
                f"--metadata {row.column} tells {row.label_share:.0%} of the label by itself: a "
                "score with it says little of genes"
            )
        if row.group_share > MUCH_OF_GROUP:
            found.append(
                f"--metadata {row.column} tells {row.group_share:.0%} of the group: the model may "
                "learn which batch a cell is from, and cells of new batches have no such word"
            )
    return found


def _share(values: np.ndarray, of: np.ndarray) -> float:
    """Mutual information over the entropy of ``of``; 0 where that has none."""
    whole = entropy(np.unique(of, return_counts=True)[1])
    return float(mutual_info_score(values, of) / whole) if whole > 0 else 0.0


def _by_chance(values: np.ndarray, labels: np.ndarray, seed: int) -> float:
    rng = np.random.default_rng(seed)
    return float(np.mean([_share(rng.permutation(values), labels) for _ in range(SHUFFLES)]))
