"""Seeded train / validation / test parts: the same cells in the same part for every script."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.features import varying
from cellclassifier.errors import InputError
from cellclassifier.options import require_positive
from cellclassifier.protocol.options import SplitOptions, SubsetOptions

log = logging.getLogger(__name__)
PARTS = ("train", "val", "test")
HELD_OUT_SHARE = 0.15  # of each type, once for validation and once for test
LARGEST_SEED = 2**32 - 1  # that numpy and scikit-learn take
SOME_CELLS = 1000
MOST_SEEDS = 1000  # of one run
GROUP_TRIALS = 200  # seeded allocations of groups to parts that are compared


def split_all(cells: ad.AnnData, options: SplitOptions) -> pd.DataFrame:
    """The part of every cell (rows) in every split (columns, named by their seeds).

    Uses obs["cell_type"] and, where present, obs["group"]. Raises InputError like
    ``split_cells``.
    """
    seeds = seeds_from(options.seed, options.n_splits, "--n-splits")
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    groups = cells.obs["group"].to_numpy().astype(str) if "group" in cells.obs else None
    if groups is not None and len(np.unique(groups)) == 2:
        log.info(
            "Only two groups: one is the test part, the other is shared by training and validation."
        )
    return pd.DataFrame(
        {seed: split_cells(labels, seed, groups) for seed in seeds}, index=cells.obs_names
    )


def require_usable(options: SubsetOptions) -> None:
    """Raise InputError for numbers that no file of cells could be split or subset by."""
    require_positive(options, "max_cells", "min_cells_per_type")
    if isinstance(options, SplitOptions):
        seeds_from(options.seed, options.n_splits, "--n-splits")


def seeds_from(first: int, n: int, option: str) -> range:
    """``n`` seeds counting up from ``first``; InputError, naming the option, for no such number."""
    if not 1 <= n <= MOST_SEEDS:
        raise InputError(f"{option} {n}: expected at least 1, at most {MOST_SEEDS}")
    if not 0 <= first <= LARGEST_SEED - n:
        raise InputError(f"--seed {first}: expected 0 to 2**32 - 1, less {option}")
    return range(first, first + n)


def subset(cells: ad.AnnData, options: SubsetOptions) -> ad.AnnData:
    """Leave out small types and cells beyond ``max_cells``, as the options ask."""
    require_usable(options)
    if options.min_cells_per_type:
        labels = cells.obs["cell_type"].astype(str)
        kept = types_with_at_least(labels, options.min_cells_per_type)
        if not kept.all():
            dropped = labels[~kept].value_counts()
            named = ", ".join(f"{name} ({n})" for name, n in dropped.items())
            log.info(f"Left out (--min-cells-per-type {options.min_cells_per_type}): {named}.")
            cells = cells[kept].copy()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    if len(np.unique(labels)) < 2:
        raise InputError("fewer than 2 types are left: lower --min-cells-per-type")
    if options.max_cells and options.max_cells < cells.n_obs:
        cells = cells[subsample(labels, options.max_cells, options.seed)].copy()
        log.info(f"Using {cells.n_obs:,} of {len(labels):,} cells (--max-cells), stratified.")
    cells.obs["cell_type"] = cells.obs["cell_type"].cat.remove_unused_categories()
    return cells


def require_differences(cells: ad.AnnData) -> None:
    """Raise InputError where all cells are alike, of one gene alone, for instance."""
    if cells.X is None:  # tokens, which were made of counts
        return
    some = cells.X[:SOME_CELLS]  # which nearly always are enough to see it
    if not varying(some).any() and not varying(cells.X).any():
        raise InputError(
            f"no gene (of {cells.n_vars}) has another share of the counts in one cell than in the "
            "others: there is nothing to tell types by"
        )


def split_cells(labels: np.ndarray, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Assign every cell to "train", "val" or "test" (70 / 15 / 15 within each type).

    labels and groups have one entry per cell; so has the result. With ``groups`` (donors, batches)
    no group is in two parts, and the shares are as close to 70 / 15 / 15 as whole groups allow.
    Two groups alone cannot fill three parts: one becomes the test part, and validation cells are
    drawn from the other.

    Raises InputError when a type has too few cells to be in all three parts.
    """
    labels = np.asarray(labels)
    require_cells_per_type(labels, minimum=3)
    if groups is None:
        return _split_within_types(labels, np.random.default_rng(seed))
    return _split_groups(labels, np.asarray(groups), seed)


def require_cells_per_type(labels: np.ndarray, minimum: int) -> None:
    """Raise InputError naming every type with fewer than ``minimum`` cells."""
    counts = pd.Series(labels).value_counts()
    small = counts[counts < minimum]
    if len(small):
        named = ", ".join(f"{name} ({n})" for name, n in small.items())
        raise InputError(
            f"too few cells to be in training, validation and test: {named}; every type needs at "
            f"least {minimum} cells: leave small types out with --min-cells-per-type {minimum}"
        )


def types_with_at_least(labels: np.ndarray, minimum: int) -> np.ndarray:
    """Boolean mask of the cells whose type has at least ``minimum`` cells."""
    labels = pd.Series(labels)
    return (labels.map(labels.value_counts()).astype(int) >= minimum).to_numpy()


def subsample(labels: np.ndarray, max_cells: int, seed: int, minimum_per_type: int = 3):
    """Sorted indices of at most about ``max_cells`` cells, in the proportions of the types.

    Types keep at least ``minimum_per_type`` cells (or all that they have).
    """
    labels = np.asarray(labels)
    if max_cells >= len(labels):
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    kept = []
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        wanted = max(minimum_per_type, round(max_cells * len(members) / len(labels)))
        kept.append(rng.permutation(members)[:wanted])
    return np.sort(np.concatenate(kept))


def _split_within_types(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    parts = np.full(len(labels), "train", dtype="<U5")
    for name in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == name))
        held_out = max(1, round(HELD_OUT_SHARE * len(members)))
        parts[members[:held_out]] = "test"
        parts[members[held_out : 2 * held_out]] = "val"
    return parts


def _split_groups(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    names = np.unique(groups)
    if len(names) < 2:
        raise InputError(
            f"the group column holds one group only ({names[0]}); at least two are needed to keep "
            "training and test apart: choose another --group-key or leave it out"
        )
    if len(names) == 2:
        parts = _split_two_groups(labels, groups == names[seed % 2], seed)
    else:
        parts = _best_allocation(labels, groups, names, seed)
    _require_every_type_in_every_part(labels, parts)
    return parts


def _split_two_groups(labels: np.ndarray, is_test: np.ndarray, seed: int) -> np.ndarray:
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


def _best_allocation(labels, groups, names, seed: int) -> np.ndarray:
    """Of many seeded allocations of whole groups, the one closest to 70 / 15 / 15 of every type."""
    table = pd.crosstab(groups, labels).loc[names].to_numpy()  # (n_groups, n_types)
    target = np.array([1 - 2 * HELD_OUT_SHARE, HELD_OUT_SHARE, HELD_OUT_SHARE])
    rng = np.random.default_rng(seed)
    n_held_out = max(1, round(HELD_OUT_SHARE * len(names)))
    best, best_distance = None, np.inf
    for _ in range(GROUP_TRIALS):
        part_of_group = np.zeros(len(names), dtype=int)
        order = rng.permutation(len(names))
        part_of_group[order[:n_held_out]] = 2
        part_of_group[order[n_held_out : 2 * n_held_out]] = 1
        cells = np.stack([table[part_of_group == part].sum(axis=0) for part in range(3)])
        share = cells / cells.sum(axis=0)  # (3 parts, n_types)
        distance = np.abs(share - target[:, None]).sum() + 10 * (cells == 0).sum()
        if distance < best_distance:
            best, best_distance = part_of_group, distance
    return np.array(PARTS)[best[np.searchsorted(names, groups)]]


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
