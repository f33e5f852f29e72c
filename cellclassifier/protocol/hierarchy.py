"""Scores of types and of the broader types above them: was a cell at least called a T cell?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellclassifier.data.cell_types import CellTypes, known_cell_types

COLUMNS = ["level", "label", "precision", "recall", "f1", "support"]


def hierarchical_scores(
    labels: np.ndarray, predicted: np.ndarray, types: Sequence[str], known: CellTypes | None = None
) -> pd.DataFrame:
    """Precision, recall and F1 of every type, of every broader name, and their means.

    labels, predicted: (n_cells,) str; types: all types there are; known: their terms. A cell's
    names are its type and all that hold for it (Silla & Freitas 2011, doi
    10.1007/s10618-010-0175-9); one that holds for all types says nothing and is left out.

    Rows by ``level``: "leaf" (a type), "ancestor" (a broader name), then means over both together,
    "macro" and "weighted" (by support) of the columns, "micro" of all names of all cells. Names
    that no cell has or was given count 0, as do shares of nothing.
    """
    names, members = names_above(types, known)
    own, given = (members[:, _codes(answers, types)] for answers in (labels, predicted))
    scores = _scores((own & given).sum(axis=1), given.sum(axis=1), own.sum(axis=1))
    is_leaf = members.sum(axis=1) == 1
    levels = np.where(np.arange(len(names)) < len(types), "leaf", "ancestor")
    table = pd.DataFrame({"level": levels, "label": names, **scores})
    rows = [_means(table[is_leaf], "of leaves"), _means(table, "of all names")]
    rows.append(_micro(own[: len(types)], given[: len(types)], "of leaves"))
    rows.append(_micro(own, given, "of all names"))
    return pd.concat([table, *rows], ignore_index=True)[COLUMNS]


def names_above(
    types: Sequence[str], known: CellTypes | None = None
) -> tuple[list[str], np.ndarray]:
    """Types, then broader names that hold for some of them; which they hold for.

    Returns (n_names,) and (n_names, n_types) bool.
    """
    groups = (known or known_cell_types()).groups_of(list(types))
    kept = [group for n, group in enumerate(groups) if n < len(types) or not group.members.all()]
    return [group.name for group in kept], np.array([group.members for group in kept])


def _codes(answers: np.ndarray, types: Sequence[str]) -> np.ndarray:
    place = {name: code for code, name in enumerate(types)}
    return np.array([place[str(answer)] for answer in answers], dtype=int)


def _scores(right, given, own) -> dict[str, np.ndarray]:
    """Precision, recall, F1 and support from how often a name is right, given, and true."""
    return {
        "precision": right / np.maximum(given, 1),
        "recall": right / np.maximum(own, 1),
        "f1": 2 * right / np.maximum(given + own, 1),
        "support": own,
    }


def _means(table: pd.DataFrame, name: str) -> pd.DataFrame:
    metrics, support = table[COLUMNS[2:5]], table["support"]
    share = support / max(support.sum(), 1)
    rows = pd.DataFrame([metrics.mean(), metrics.mul(share, axis=0).sum()])
    return rows.assign(level=["macro", "weighted"], label=name, support=support.sum())


def _micro(own: np.ndarray, given: np.ndarray, name: str) -> pd.DataFrame:
    scores = _scores(*(np.array([x.sum()]) for x in (own & given, given, own)))
    return pd.DataFrame(scores).assign(level="micro", label=name)
