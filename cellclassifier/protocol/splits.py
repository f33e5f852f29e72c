"""Seeded train / validation / test parts: the same cells in the same part for every script."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.features import varying
from cellclassifier.data.texts import printable
from cellclassifier.errors import InputError
from cellclassifier.options import require_positive
from cellclassifier.protocol.group_splits import n_distinct, split_groups
from cellclassifier.protocol.options import HELD_OUT_SHARE, SplitOptions, SubsetOptions

log = logging.getLogger(__name__)
LARGEST_SEED = 2**32 - 1  # that numpy and scikit-learn take
SOME_CELLS = 1000
MOST_SEEDS = 1000  # of one run


def split_all(cells: ad.AnnData, options: SplitOptions) -> pd.DataFrame:
    """The part of every cell (rows) in every split (columns, named by their seeds).

    Uses obs["cell_type"] and, where present, obs["group"]; of few groups there are no more splits
    than different test parts. Raises InputError like ``split_cells``.
    """
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    groups = cells.obs["group"].to_numpy().astype(str) if "group" in cells.obs else None
    seeds = distinct_seeds(seeds_from(options.seed, options.n_splits, "--n-splits"), labels, groups)
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


def distinct_seeds(seeds: range, labels: np.ndarray, groups: np.ndarray | None) -> range:
    """So many of the seeds as there are different test parts, which is said where it matters."""
    if groups is None:
        return seeds
    n_groups, n_parts = len(np.unique(groups)), n_distinct(labels, groups)
    if n_groups == 2:
        log.info(
            "Only two groups: one is the test part, the other is shared by training and validation."
        )
    if n_parts is None or n_parts >= len(seeds):
        return seeds
    log.info(
        f"Of {n_groups} groups there {'is' if n_parts == 1 else 'are'} {n_parts} different test "
        f"part{'s' * (n_parts > 1)}: each is run once, not {len(seeds)} splits."
    )
    return seeds[:n_parts]


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
        lower = " or lower --min-cells-per-type" if options.min_cells_per_type else ""
        left = f"all cells are {printable(labels[0])!r}" if len(labels) else "none is"
        raise InputError(
            f"fewer than 2 types are left ({left}), and a model tells types apart: "
            f"bring cells of another type{lower}"
        )
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
    no group is in two parts: see ``split_groups``.

    Raises InputError when a type has too few cells to be in all three parts.
    """
    labels = np.asarray(labels)
    require_cells_per_type(labels, minimum=3)
    if groups is None:
        return _split_within_types(labels, np.random.default_rng(seed))
    return split_groups(labels, np.asarray(groups), seed)


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
