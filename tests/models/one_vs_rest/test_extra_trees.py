"""Trees kept as arrays are those of scikit-learn, and arrays of strangers are looked at first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier

from cellclassifier.models.one_vs_rest.extra_trees import ExtraTrees
from cellclassifier.models.one_vs_rest.side_by_side import side_by_side


def make(n=150, seed=0, n_features=9):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, n_features)).astype(np.float32)
    return x, x[:, 0] + 0.7 * rng.normal(size=n) > 0.8


@given(st.integers(0, 999), st.integers(1, 4), st.booleans())
def test_the_same_as_scikit_learns(seed, leaf, weighted):
    x, label = make(seed=seed)
    weights = np.where(label, 3.0, 1.0) if weighted else None
    forest = ExtraTrees.grow(x, label, 7, leaf, seed, weights)
    expected = ExtraTreesClassifier(7, min_samples_leaf=leaf, random_state=seed)
    expected.fit(x, label, sample_weight=weights)
    new = make(seed=seed + 1)[0]
    for rows in (x, new):
        p = expected.predict_proba(rows)[:, 1]
        np.testing.assert_allclose(forest.probability(rows), p, atol=1e-6)
    forest.check(x.shape[1])


def test_rows_on_a_threshold_go_the_way_that_scikit_learn_sends_them():
    """Of few different values, many rows lie on or next to thresholds."""
    x = np.random.default_rng(0).integers(0, 3, (200, 4)).astype(np.float32)
    label = x[:, 0] + x[:, 1] > 2
    forest = ExtraTrees.grow(x, label, 20, 1, 3)
    expected = ExtraTreesClassifier(20, random_state=3).fit(x, label).predict_proba(x)[:, 1]
    np.testing.assert_allclose(forest.probability(x), expected, atol=1e-6)


@pytest.mark.parametrize("label", [True, False])
def test_labels_that_are_all_alike(label):
    forest = ExtraTrees.grow(make()[0], np.full(150, label), 5, 1, 0)
    assert (forest.probability(make()[0]) == label).all()
    forest.check(9)


def test_no_rows():
    forest = ExtraTrees.grow(*make(), 5, 1, 0)
    assert forest.probability(np.empty((0, 9))).shape == (0,)


DAMAGE = {
    "child": lambda f: {"left": np.where(f.left > 0, 0, f.left).astype(np.int32)},
    "far": lambda f: {"right": np.where(f.right > 0, 10**6, f.right).astype(np.int32)},
    "one child": lambda f: {"right": np.full_like(f.right, -1)},
    "feature": lambda f: {"feature": f.feature + 9},
    "root": lambda f: {"roots": f.roots - 1},
    "type": lambda f: {"left": f.left.astype(np.int64)},
    "length": lambda f: {"value": f.value[:-1]},
    "share": lambda f: {"value": f.value + 1},
    "threshold": lambda f: {"threshold": f.threshold * np.float32(np.nan)},
    "no tree": lambda f: {"roots": f.roots[:0]},
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_arrays_that_are_no_forest_are_refused(kind):
    forest = ExtraTrees.grow(*make(), 5, 1, 0)
    with pytest.raises(ValueError, match=r"."):
        replace(forest, **DAMAGE[kind](forest)).check(9)


def test_results_of_all_arguments_come_back():
    assert sorted(side_by_side(pow, ((2, i) for i in range(20)), 3)) == [2**i for i in range(20)]
