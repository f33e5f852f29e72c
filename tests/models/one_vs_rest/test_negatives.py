"""Drawing negatives: as even as possible, balanced, without repetition; parts and plan."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells
from fitted_forests import SEEDS, named
from hypothesis import given
from hypothesis import strategies as st

from cellclassifier.errors import InputError
from cellclassifier.models.one_vs_rest import forests
from cellclassifier.models.one_vs_rest.options import SCHEMES
from cellclassifier.protocol.splits import split_cells

cell_counts = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(cell_counts, st.data())
def test_even_quotas_are_as_equal_as_possible(available, data):
    available = np.array(available)
    n = data.draw(st.integers(0, int(available.sum())))
    quotas = forests.even_quotas(available, n, np.random.default_rng(0))
    assert quotas.sum() == n
    assert (quotas <= available).all()
    # A type that gives fewer than another by two or more has no cell left to give.
    has_surplus = quotas < available
    if has_surplus.any():
        assert quotas.max() - quotas[has_surplus].min() <= 1


def test_surplus_rule_in_plain_numbers():
    quotas = forests.even_quotas(np.array([3, 100, 100]), 43, np.random.default_rng(0))
    assert quotas.tolist() == [3, 20, 20]


def test_the_remainder_is_not_always_the_same_type():
    drawn = [forests.even_quotas(np.full(4, 9), 5, np.random.default_rng(i)) for i in range(40)]
    assert (np.sum(drawn, axis=0) > 40).all()  # every type gets the odd one now and then


@given(st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 30), min_size=2), st.data())
def test_draws_are_balanced_and_without_repetition(sizes, data):
    labels = np.random.default_rng(0).permutation(named(sizes))
    scheme = data.draw(st.sampled_from(SCHEMES))
    name = data.draw(st.sampled_from(sorted(sizes)))
    drawn = forests.draw_balanced(labels, name, scheme, np.random.default_rng(1))
    n = min(sizes[name], len(labels) - sizes[name])
    assert len(np.unique(drawn)) == len(drawn) == 2 * n
    assert (labels[drawn] == name).sum() == n


def test_random_negatives_follow_the_other_types_shares():
    labels = named({"A": 100, "B": 900, "C": 100})
    rng = np.random.default_rng(0)
    draws = [labels[forests.draw_balanced(labels, "A", "random", rng)] for _ in range(200)]
    shares = [np.mean(drawn[drawn != "A"] == "B") for drawn in draws]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.01)
    even = labels[forests.draw_balanced(labels, "A", "even", rng)]
    assert (even == "B").sum() == (even == "C").sum() == 50


def test_parts_are_those_of_the_base_and_tiny_types_train():
    cells = make_cells(120)
    cells.obs["cell_type"] = pd.Categorical(
        np.where(np.arange(120) < 2, "tiny", cells.obs["cell_type"].astype(str))
    )
    parts = forests.parts_of_repeats(cells, SEEDS)
    assert (parts.iloc[:2] == "train").all().all()
    expected = split_cells(cells.obs["cell_type"].astype(str).to_numpy()[2:], 43)
    assert (parts[43].to_numpy()[2:] == expected).all()


def test_groups_stay_whole():
    cells = make_cells(300)
    cells.obs["group"] = np.repeat([f"donor{i}" for i in range(10)], 30)
    parts = forests.parts_of_repeats(cells, SEEDS)
    for seed in SEEDS:
        assert (pd.crosstab(cells.obs["group"], parts[seed]) > 0).sum(axis=1).max() == 1


def test_no_type_with_enough_cells_is_bad_input():
    with pytest.raises(InputError, match="no type has 10 cells"):
        forests.plan_fits(named({"A": 9, "B": 4}), SEEDS)
