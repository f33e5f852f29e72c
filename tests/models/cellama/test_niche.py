"""Neighbours in a tissue, blocks of it, and metadata that tell too much."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellclassifier.errors import InputError
from cellclassifier.models.cellama.niche import (
    blocks_of,
    neighbours_in_tissue,
    niche_table,
    niche_texts,
)
from cellclassifier.models.cellama.shortcuts import information, sentences_about

LINE = np.array([[0.0], [1], [3], [6], [10], [15], [21]])


def test_the_nearest_others_come_first():
    found = neighbours_in_tissue(LINE)
    assert found[0].tolist() == [1, 2, 3, 4, 5]
    assert found[3].tolist() == [2, 4, 1, 0, 5]


def test_all_within_a_radius_and_a_cell_may_have_none():
    found = neighbours_in_tissue(LINE, radius=3)
    assert [near.tolist() for near in found] == [[1, 2], [0, 2], [1, 0, 3], [2], [], [], []]
    with pytest.raises(InputError, match="--radius 0"):
        neighbours_in_tissue(LINE, radius=0)


def test_sections_do_not_touch():
    sections = np.array(["a", "b", "a", "b", "a", "b", "c"])
    found = neighbours_in_tissue(LINE, sections)
    assert found[0].tolist() == [2, 4]
    assert found[6].tolist() == []


def test_texts_and_the_table():
    types = np.array(["A", "A", "B", "B"])
    near = [np.array([1, 2]), np.array([0]), np.array([3, 0]), np.array([], int)]
    assert niche_texts(near, types).tolist() == ["A, B", "A", "B, A", ""]
    table = niche_table(near, types)
    np.testing.assert_allclose(table.loc["A"], [2 / 3, 1 / 3])
    np.testing.assert_allclose(table.loc["B"], [1 / 2, 1 / 2])


def test_blocks_lie_side_by_side():
    places = np.column_stack([np.zeros(100), np.random.default_rng(0).permutation(100) * 1.0])
    blocks = blocks_of(places, 4)
    assert np.bincount(blocks).tolist() == [25] * 4
    assert all(np.ptp(places[blocks == block, 1]) == 24 for block in range(4))


def test_a_column_that_is_the_label_or_the_batch_is_named():
    rng = np.random.default_rng(0)
    labels = np.repeat(["B", "T"], 200)
    groups = rng.choice(["d1", "d2"], 400)
    columns = pd.DataFrame(
        {"sorted_as": labels, "sample": groups, "luck": rng.choice(["x", "y"], 400)}
    )
    table = information(columns, labels, groups).set_index("column")
    assert table.loc["sorted_as", "label_share"] == pytest.approx(1)
    assert table.loc["sample", "group_share"] == pytest.approx(1)
    assert table.loc["luck", ["label_share", "group_share", "by_chance"]].max() < 0.05
    said = sentences_about(table.reset_index())
    assert len(said) == 2
    assert "sorted_as tells 100% of the label" in said[0]
    assert "sample tells 100% of the group" in said[1]
