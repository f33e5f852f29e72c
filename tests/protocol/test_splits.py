"""Parts of cells: their shares, their seeds, and groups that stay together."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.errors import InputError
from cellclassifier.protocol.options import PARTS
from cellclassifier.protocol.splits import (
    SplitOptions,
    split_all,
    split_cells,
    subsample,
    subset,
    types_with_at_least,
)

SIZES = st.lists(st.integers(3, 60), min_size=2, max_size=6)
SEEDS = st.integers(0, 2**31)


def labels_of(sizes, seed=0) -> np.ndarray:
    """Shuffled labels with so many cells of each type."""
    labels = np.repeat([f"type {i}" for i in range(len(sizes))], sizes)
    return np.random.default_rng(seed).permutation(labels)


def cells_of(labels, groups=None) -> ad.AnnData:
    obs = pd.DataFrame({"cell_type": pd.Categorical(labels)})
    if groups is not None:
        obs["group"] = groups
    obs.index = [f"c{i}" for i in range(len(labels))]
    return ad.AnnData(sp.csr_matrix(np.ones((len(labels), 2), np.float32)), obs=obs)


def count(labels, parts) -> pd.DataFrame:
    return pd.crosstab(labels, parts).reindex(columns=list(PARTS), fill_value=0)


@settings(max_examples=examples(100), deadline=None)
@given(SIZES, SEEDS)
def test_every_type_is_shared_out(sizes, seed):
    """One part per cell; each held-out share within one cell of 15 %, and never empty."""
    labels = labels_of(sizes)
    parts = split_cells(labels, seed)
    assert parts.shape == labels.shape and set(parts) == set(PARTS)
    table = count(labels, parts)
    size = table.sum(axis=1)
    assert (table > 0).all(axis=None)
    for part, share in (("val", 0.15), ("test", 0.15)):
        assert ((table[part] - share * size).abs() < 1).all()
    assert (table["val"] == table["test"]).all()


def test_large_types_are_split_70_15_15():
    labels = labels_of([1000, 2000])
    table = count(labels, split_cells(labels, 42))
    assert table.to_numpy().tolist() == [[700, 150, 150], [1400, 300, 300]]


@settings(max_examples=examples(30), deadline=None)
@given(SIZES, SEEDS)
def test_a_seed_names_a_split(sizes, seed):
    labels = labels_of(sizes)
    assert (split_cells(labels, seed) == split_cells(labels.copy(), seed)).all()


def test_seeds_differ_as_random_splits_do():
    """Of the test cells of one split, 15 % are test cells of another by chance."""
    labels = labels_of([3000, 3000])
    first, second = (split_cells(labels, seed) == "test" for seed in (42, 43))
    assert (first & second).sum() / first.sum() == pytest.approx(0.15, abs=0.04)


def test_the_parts_of_a_type_do_not_follow_the_file_order():
    position = np.flatnonzero(split_cells(np.repeat(["a", "b"], 2000), 1) == "test") % 2000
    assert position.mean() == pytest.approx(1000, abs=100)


def test_split_all_has_a_column_per_seed_and_a_row_per_cell():
    cells = cells_of(labels_of([30, 40]))
    parts = split_all(cells, SplitOptions(seed=7, n_splits=3))
    assert list(parts.columns) == [7, 8, 9] and list(parts.index) == list(cells.obs_names)
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    for seed in parts:
        assert (parts[seed] == split_cells(labels, seed)).all()


def test_a_split_does_not_depend_on_the_other_options():
    cells = cells_of(labels_of([30, 40]))
    options = SplitOptions(seed=42)
    expected = split_all(cells, options)[42]
    for other in (
        replace(options, n_splits=1),
        replace(options, max_cells=1000),
        replace(options, min_cells_per_type=5),
        replace(options, seed=41),
    ):
        kept = subset(cells, other)
        assert (split_all(kept, other)[42] == expected).all()


@pytest.mark.parametrize(
    ("option", "value"), [("n_splits", 0), ("n_splits", -1), ("seed", -1), ("seed", 2**32)]
)
def test_options_that_name_no_split(option, value):
    with pytest.raises(InputError, match=f"--{option.replace('_', '-')} {value}"):
        split_all(cells_of(labels_of([9, 9])), SplitOptions(**{option: value}))


@pytest.mark.parametrize("max_cells", [0, -5])
def test_max_cells_must_be_positive(max_cells):
    with pytest.raises(InputError, match=f"--max-cells {max_cells}"):
        subset(cells_of(labels_of([9, 9])), SplitOptions(max_cells=max_cells))


def test_small_types_stop_the_run_with_name_and_count():
    labels = np.array(["B"] * 20 + ["rare"] * 2 + ["rarer"])
    with pytest.raises(InputError, match=r"rare \(2\), rarer \(1\).*--min-cells-per-type 3"):
        split_cells(labels, 42)


def test_min_cells_per_type_leaves_out_and_says_so(said):
    cells = cells_of(labels_of([20, 4, 5]))
    kept = subset(cells, SplitOptions(min_cells_per_type=5))
    assert kept.obs["cell_type"].value_counts().to_dict() == {"type 0": 20, "type 2": 5}
    assert list(kept.obs["cell_type"].cat.categories) == ["type 0", "type 2"]
    assert len(said()) == 1 and "type 1 (4)" in said()[0]


def test_min_cells_per_type_must_leave_two_types():
    with pytest.raises(InputError, match="fewer than 2 types"):
        subset(cells_of(labels_of([20, 4])), SplitOptions(min_cells_per_type=5))


@given(SIZES, st.integers(1, 9))
def test_types_with_at_least(sizes, minimum):
    labels = labels_of(sizes)
    expected = [np.sum(labels == label) >= minimum for label in labels]
    assert types_with_at_least(labels, minimum).tolist() == expected


@settings(deadline=None)
@given(SIZES, st.integers(1, 200), SEEDS)
def test_subsample_keeps_proportions(sizes, max_cells, seed):
    labels = labels_of(sizes)
    kept = subsample(labels, max_cells, seed)
    assert (np.diff(kept) > 0).all() and (kept == subsample(labels, max_cells, seed)).all()
    if max_cells >= len(labels):
        assert len(kept) == len(labels)
        return
    for name in np.unique(labels):
        wanted = max_cells * np.sum(labels == name) / len(labels)
        assert abs(np.sum(labels[kept] == name) - max(3, wanted)) <= 0.5


def test_max_cells_is_stratified_and_said(said):
    kept = subset(cells_of(labels_of([600, 200])), SplitOptions(max_cells=80))
    assert kept.obs["cell_type"].value_counts().to_dict() == {"type 0": 60, "type 1": 20}
    assert len(said()) == 1 and "80 of 800" in said()[0]


def test_a_subsample_does_not_follow_the_file_order():
    kept = subsample(np.repeat(["a", "b"], 2000), 800, seed=1) % 2000
    assert kept.mean() == pytest.approx(1000, abs=100)
    assert (kept != subsample(np.repeat(["a", "b"], 2000), 800, seed=2) % 2000).any()


def test_split_all_uses_the_group_column():
    labels = labels_of([60, 60])
    groups = np.array([f"d{i % 5}" for i in range(120)])
    parts = split_all(cells_of(labels, groups), SplitOptions(n_splits=1))[42].to_numpy()
    assert (parts == split_cells(labels, 42, groups)).all()
