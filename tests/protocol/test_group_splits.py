"""Whole groups in one part each: enumerated where they are few."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_splits import SEEDS, cells_of, count, labels_of

from cellclassifier.errors import InputError
from cellclassifier.protocol.group_splits import n_distinct
from cellclassifier.protocol.options import PARTS
from cellclassifier.protocol.splits import SplitOptions, split_all, split_cells


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(3, 25), SEEDS)
def test_no_group_is_in_two_parts(n_groups, seed):
    labels = labels_of([300, 300], seed % 1000)
    groups = np.array([f"donor {i % n_groups}" for i in range(600)])
    parts = split_cells(labels, seed, groups)
    assert pd.crosstab(groups, parts).gt(0).sum(axis=1).eq(1).all()
    for part, share in zip(PARTS, (0.7, 0.15, 0.15), strict=True):
        assert np.mean(parts == part) > 0
        assert abs(np.mean(parts == part) - share) < 0.05 + 1 / n_groups


@pytest.mark.parametrize("seed", [42, 43])
def test_of_two_groups_one_is_the_test_part(seed):
    labels = labels_of([200, 200])
    groups = np.array(["CTRL", "STIM"])[np.arange(400) % 2]
    parts = split_cells(labels, seed, groups)
    assert len(set(groups[parts == "test"])) == 1
    assert not set(groups[parts == "test"]) & set(groups[parts != "test"])
    share = np.mean(parts[parts != "test"] == "val")
    assert share == pytest.approx(0.15 / 0.85, abs=0.01)


def test_of_two_groups_both_are_tested():
    groups = np.array(["CTRL", "STIM"] * 100)
    labels = labels_of([100, 100])
    tested = {str(groups[split_cells(labels, seed, groups) == "test"][0]) for seed in (42, 43)}
    assert tested == {"CTRL", "STIM"}


def test_one_group_cannot_be_split():
    with pytest.raises(InputError, match=r"one group only \(donor 1\).*--group-key"):
        split_cells(labels_of([20, 20]), 42, np.full(40, "donor 1"))


@pytest.mark.parametrize("n_groups", [2, 3])
def test_a_type_of_one_group_is_named(n_groups):
    labels = np.array(["B"] * 60 + ["rare"] * 10)
    groups = np.array([f"donor {i % n_groups}" for i in range(60)] + ["donor 0"] * 10)
    with pytest.raises(InputError, match=r"rare \(none in .*; 10 cells\)"):
        split_cells(labels, 42, groups)


def test_groups_that_can_serve_every_type_are_found():
    """Of 6 donors only some allocations leave the rare type in all parts: they are found."""
    labels = np.array(["B"] * 600 + ["rare"] * 30)
    groups = np.array([f"d{i % 6}" for i in range(600)] + [f"d{i % 3}" for i in range(30)])
    for seed in range(5):
        assert (count(labels, split_cells(labels, seed, groups)) > 0).all(axis=None)


def groups_tested(groups, parts) -> list[frozenset]:
    return [frozenset(groups[(parts[seed] == "test").to_numpy()]) for seed in parts]


@pytest.mark.parametrize(
    ("n_groups", "n_wanted", "n_runs"), [(2, 3, 2), (3, 9, 3), (5, 3, 3), (5, 9, 5)]
)
def test_no_test_part_comes_twice(n_groups, n_wanted, n_runs):
    labels = labels_of([150, 150])
    groups = np.array([f"d{i % n_groups}" for i in range(300)])
    parts = split_all(cells_of(labels, groups), SplitOptions(seed=142, n_splits=n_wanted))
    assert list(parts) == list(range(142, 142 + n_runs))
    tested = groups_tested(groups, parts)
    assert len(set(tested)) == n_runs


def test_how_many_there_are_is_said(said):
    labels = labels_of([150, 150])
    groups = np.array([f"d{i % 4}" for i in range(300)])
    split_all(cells_of(labels, groups), SplitOptions(n_splits=9))
    assert said() == [
        "Of 4 groups there are 4 different test parts: each is run once, not 9 splits."
    ]


def test_test_parts_are_those_that_an_independent_count_finds():
    """All ways to give 4 donors to 3 parts, the rare type being in three of them."""
    labels = np.array(["B"] * 400 + ["rare"] * 30)
    groups = np.array([f"d{i % 4}" for i in range(400)] + [f"d{i % 3}" for i in range(30)])
    rare = {"d0", "d1", "d2"}
    served = {
        test
        for test, val, *train in permutations(["d0", "d1", "d2", "d3"])
        if test in rare and val in rare and rare & set(train)
    }
    assert n_distinct(labels, groups) == len(served)
    parts = split_all(cells_of(labels, groups), SplitOptions(n_splits=9))
    assert {name for one in groups_tested(groups, parts) for name in one} == served


def test_validation_groups_are_those_closest_to_the_usual_shares():
    """Of donors of 210, 45, 45 and 150 cells, a test part of 45 has the other 45 beside it."""
    groups = np.repeat(["large", "small", "other", "middle"], [210, 45, 45, 150])
    labels = np.tile(["a", "b", "c"], 150)
    parts = split_all(cells_of(labels, groups), SplitOptions(n_splits=9))
    (seed,) = [s for s in parts if set(groups[parts[s] == "test"]) == {"small"}]
    assert set(groups[parts[seed] == "val"]) == {"other"}


def test_many_groups_are_not_enumerated():
    labels, groups = labels_of([300, 300]), np.array([f"d{i % 60}" for i in range(600)])
    assert n_distinct(labels, groups) is None
    assert split_all(cells_of(labels, groups), SplitOptions(n_splits=4)).shape == (600, 4)
