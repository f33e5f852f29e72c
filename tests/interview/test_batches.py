"""Groups beside each other: shares of neighbours against brute force, and what is said of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells

from cellclassifier.interview.batches import (
    N_NEIGHBORS,
    group_mixing,
    sentences,
    types_by_group,
)


def drawn(n=400, shift=0.0, seed=0):
    """Cells of two types and groups a and b (a third of them), b moved by ``shift`` in one type."""
    rng = np.random.default_rng(seed)
    labels, groups = rng.choice(["A", "B"], n), rng.choice(["a", "a", "b"], n)
    space = rng.normal(size=(n, 5))
    space[labels == "B", 0] += 20
    space[(labels == "B") & (groups == "b"), 1] += shift
    return space, labels, groups


def mixing_of(*arguments) -> pd.DataFrame:
    return group_mixing(*arguments, seed=0).set_index("cell_type")


def test_shares_are_those_of_all_distances():
    """The mean over groups of what a matrix of distances gives, and its expectation."""
    space, labels, groups = drawn(150, shift=1.5)
    table = mixing_of(space, labels, groups)
    for name in "AB":
        x, own = space[labels == name], groups[labels == name]
        distance = np.linalg.norm(x[:, None] - x[None], axis=2)
        np.fill_diagonal(distance, np.inf)
        nearest = np.argsort(distance, axis=1)[:, :N_NEIGHBORS]
        same = (own[nearest] == own[:, None]).mean(axis=1)
        expected = np.mean([same[own == g].mean() for g in "ab"])
        chance = np.mean([((own == g).sum() - 1) / (len(own) - 1) for g in "ab"])
        row = table.loc[name]
        assert row["n_cells"] == len(x) and row["n_groups"] == 2
        assert row["same_group_share"] == pytest.approx(expected)
        assert row["chance_share"] == pytest.approx(chance)
        assert row["separation"] == pytest.approx((expected - chance) / (1 - chance))


def test_groups_drawn_at_random_are_mixed_and_moved_ones_apart():
    for seed in range(5):
        assert mixing_of(*drawn(seed=seed))["separation"].abs().max() < 0.1
    table = mixing_of(*drawn(shift=50))
    assert abs(table.loc["A", "separation"]) < 0.1
    assert table.loc["B", "separation"] == pytest.approx(1)
    assert table.index[0] == "B"  # the most separated first


def test_a_small_group_counts_as_much_as_a_large_one():
    space, labels, groups = drawn(1000)
    labels[:] = "A"
    groups[:] = "a"
    groups[:12] = "b"
    assert abs(mixing_of(space, labels, groups).loc["A", "separation"]) < 0.1
    space[:12, 0] += 100
    assert mixing_of(space, labels, groups).loc["A", "separation"] == pytest.approx(1)


def test_equal_cells_are_no_neighbours_of_themselves():
    space, labels, groups = drawn(60)
    table = mixing_of(np.zeros_like(space), labels, groups)
    assert np.isfinite(table["separation"]).all()


def test_types_of_one_group_or_of_few_cells_are_not_judged():
    space, labels, groups = drawn()
    groups[labels == "A"] = "a"
    assert mixing_of(space, labels, groups).index.tolist() == ["B"]
    groups[np.flatnonzero(labels == "A")[:9]] = "b"
    assert mixing_of(space, labels, groups).index.tolist() == ["B"]


def test_same_seed_same_digits():
    cells = drawn(5000, shift=1)
    pd.testing.assert_frame_equal(mixing_of(*cells), mixing_of(*cells))


@pytest.fixture
def table():
    cells = make_cells(90)
    cells.obs["group"] = pd.Categorical(["x"] * 60 + ["y"] * 30)
    cells.obs.loc[cells.obs["cell_type"] == "NK", "group"] = "x"
    return types_by_group(cells)


def test_types_by_group(table):
    assert table["n_cells"].sum() == 90
    assert table.groupby("group")["group_share"].sum().tolist() == pytest.approx([1, 1])
    cells = make_cells(90)
    b = cells[(cells.obs["cell_type"] == "B").to_numpy()][:20]  # the first 60 cells have 20 of them
    row = table.set_index(["cell_type", "group"]).loc[("B", "x")]
    assert row["n_cells"] == 20
    assert row["median_counts"] == np.median(np.asarray(b.X.sum(axis=1)))
    assert row["median_genes"] == np.median((b.X.toarray() > 0).sum(axis=1))


def mixing_table(*separations) -> pd.DataFrame:
    n = len(separations)
    names = [f"type {i}" for i in range(n)]
    columns = {"cell_type": names, "n_cells": 50, "n_groups": 2}
    shares = {"same_group_share": 0.5 + np.array(separations) / 2, "chance_share": 0.5}
    return pd.DataFrame(columns | shares | {"separation": separations})


@pytest.mark.parametrize(
    ("separations", "degree", "split"),
    [((0.0, 0.05), "none to speak of", []), ((0.3, 0.2), "some", []), ((0.9, 0.3), "large", [0])],
)
def test_what_is_said(table, separations, degree, split):
    rows = dict(sentences(table, mixing_table(*separations), "donor"))
    assert rows["groups"] == "2 in donor: x (70), y (20)"
    assert rows["types in one group only"].startswith("NK: ")
    assert rows["batch effect"].startswith(degree)
    assert ("types that split by group" in rows) == bool(split)
    if split:
        said = rows["types that split by group"]
        assert "type 0 (95%, by chance 50%)" in said and "type 1" not in said


def test_nothing_to_compare_is_said(table):
    rows = dict(sentences(table, mixing_table(), "donor"))
    assert rows["batch effect"].startswith("not examined")
    one = dict(sentences(table[table["group"] == "x"], mixing_table(), "donor"))
    assert one.keys() == {"groups"}
