"""Parts of whole groups (donors, batches, studies): no group is in two parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from cellclassifier.errors import InputError
from cellclassifier.protocol.options import HELD_OUT_SHARE, PARTS

TARGET = np.array([1 - 2 * HELD_OUT_SHARE, HELD_OUT_SHARE, HELD_OUT_SHARE])[:, None]
MOST_ENUMERATED = 200  # test parts; of more groups some allocations are drawn
DRAWN = 200  # seeded allocations, of which the best one is taken
MISSING = 10  # what a type that is in no cell of a part adds to an allocation's distance


def split_groups(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Assign every cell to "train", "val" or "test", no group to two of them, (n_cells,) str.

    Two groups cannot fill three parts: one becomes the test part, and validation cells are drawn
    from the other. Of few groups the test parts that can serve every type are enumerated, each with
    the validation groups that come closest to 70 / 15 / 15, and a seed is a number in that list. Of
    many groups the best of some seeded allocations is taken.

    Raises InputError for one group, and where a type cannot be in all three parts.
    """
    names = _names(groups)
    if len(names) == 2:
        parts = _split_two(labels, groups == names[seed % 2], seed)
    elif _are_few(len(names)):
        parts = _nth_allocation(labels, groups, seed)
    else:
        parts = _best_drawn(labels, groups, seed)
    _require_every_type_in_every_part(labels, parts)
    return parts


def n_distinct(labels: np.ndarray, groups: np.ndarray) -> int | None:
    """How many different test parts there are; None where there are too many to count.

    Where no allocation serves every type it is 1, which ``split_groups`` refuses with its reason.
    """
    n_groups = len(_names(groups))
    if n_groups == 2:
        return 2
    return max(1, len(_enumerated(labels, groups)[1])) if _are_few(n_groups) else None


def _names(groups: np.ndarray) -> np.ndarray:
    names = np.unique(groups)
    if len(names) < 2:
        raise InputError(
            f"the group column holds one group only ({names[0]}); at least two are needed to keep "
            "training and test apart: choose another --group-key or leave it out"
        )
    return names


def _n_held_out(n_groups: int) -> int:
    return max(1, round(HELD_OUT_SHARE * n_groups))


def _are_few(n_groups: int) -> bool:
    return comb(n_groups, _n_held_out(n_groups)) <= MOST_ENUMERATED


def _split_two(labels: np.ndarray, is_test: np.ndarray, seed: int) -> np.ndarray:
    """One group is the test part; the other gives train and validation in the usual proportion."""
    parts = np.full(len(labels), "test", dtype="<U5")
    others = np.flatnonzero(~is_test)
    parts[others] = "train"
    rng = np.random.default_rng(seed)
    share = HELD_OUT_SHARE / (1 - HELD_OUT_SHARE)
    for name in np.unique(labels[others]):
        members = rng.permutation(others[labels[others] == name])
        parts[members[: max(1, round(share * len(members)))]] = "val"
    return parts


def _nth_allocation(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    table, allocations = _enumerated(labels, groups)
    if not allocations:  # the closest one tells which types cannot be served
        n_held_out = _n_held_out(len(table))
        allocations = [min(_allocations(len(table), n_held_out), key=lambda a: _distance(table, a))]
    # In an order of its own, so that seeds that follow each other share no more than by chance.
    order = np.random.default_rng(0).permutation(len(allocations))
    return _parts_of(groups, table, allocations[order[seed % len(allocations)]])


def _enumerated(labels: np.ndarray, groups: np.ndarray) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Cells by group and type, and for every test part that serves all types its best allocation.

    An allocation is the part of every group, (n_groups,) int into PARTS.
    """
    table = pd.crosstab(groups, labels)
    best: dict[bytes, tuple[float, np.ndarray]] = {}
    for allocation in _allocations(len(table), _n_held_out(len(table))):
        distance, test = _distance(table, allocation), (allocation == 2).tobytes()
        if distance < MISSING and (test not in best or distance < best[test][0]):
            best[test] = distance, allocation
    return table, [allocation for _, allocation in best.values()]


def _allocations(n_groups: int, n_held_out: int) -> Iterator[np.ndarray]:
    """Every choice of test groups, with every choice of validation groups."""
    for test in combinations(range(n_groups), n_held_out):
        others = [group for group in range(n_groups) if group not in test]
        for val in combinations(others, min(n_held_out, len(others) - 1)):
            allocation = np.zeros(n_groups, dtype=int)
            allocation[list(test)], allocation[list(val)] = 2, 1
            yield allocation


def _distance(table: pd.DataFrame, allocation: np.ndarray) -> float:
    """From 70 / 15 / 15 of every type, summed; MISSING or more where a part lacks a type."""
    counts = table.to_numpy()  # (n_groups, n_types)
    cells = np.stack([counts[allocation == part].sum(axis=0) for part in range(3)])
    share = cells / cells.sum(axis=0)  # (3 parts, n_types)
    return float(np.abs(share - TARGET).mean(axis=1).sum() + MISSING * (cells == 0).sum())


def _best_drawn(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Of many seeded allocations of whole groups, the one closest to 70 / 15 / 15 of every type."""
    table = pd.crosstab(groups, labels)
    rng, n_held_out = np.random.default_rng(seed), _n_held_out(len(table))
    drawn = []
    for _ in range(DRAWN):
        order = rng.permutation(len(table))
        allocation = np.zeros(len(table), dtype=int)
        allocation[order[:n_held_out]] = 2
        allocation[order[n_held_out : 2 * n_held_out]] = 1
        drawn.append(allocation)
    return _parts_of(groups, table, min(drawn, key=lambda a: _distance(table, a)))


def _parts_of(groups: np.ndarray, table: pd.DataFrame, allocation: np.ndarray) -> np.ndarray:
    return np.array(PARTS)[allocation[table.index.get_indexer(groups)]]


def _require_every_type_in_every_part(labels: np.ndarray, parts: np.ndarray) -> None:
    table = pd.crosstab(labels, parts).reindex(columns=list(PARTS), fill_value=0)
    missing = table[(table == 0).any(axis=1)]
    if len(missing):
        named = ", ".join(
            f"{name} (none in {', '.join(row.index[row == 0])}; {row.sum()} cells)"
            for name, row in missing.iterrows()
        )
        raise InputError(
            f"with whole groups kept together some types are not in every part: {named}; "
            "leave them out with --min-cells-per-type or choose another --group-key"
        )
