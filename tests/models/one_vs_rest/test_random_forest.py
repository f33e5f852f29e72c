"""The forest and its permutation importance are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as scikit_permutation

from cellclassifier.models.one_vs_rest import permutation, random_forest


def forest_data(n_genes=8):
    rng = np.random.default_rng(0)
    label = rng.random(300) < 0.5
    values = rng.poisson(1.0 + 2.0 * np.outer(label, np.arange(n_genes) < 3)).astype(np.float32)
    values[:, -1] = 1.0  # no tree can split a constant
    return values[:150], label[:150], values[150:], label[150:]


def theirs_and_ours(n_trees=15, seed=0) -> tuple:
    """scikit-learn's forest and ours, of the same cells, and other cells."""
    values, label, other_values, other_label = forest_data()
    theirs = RandomForestClassifier(
        n_trees,
        min_samples_leaf=random_forest.MIN_CELLS_PER_LEAF,
        max_samples=min(len(label), random_forest.CELLS_PER_TREE),
        random_state=seed,
    )
    ours = random_forest.Forest.grow(values, label, n_trees, seed)
    return theirs.fit(values, label), ours, other_values, other_label


@pytest.mark.parametrize("cells_per_tree", [10_000, 60])
def test_a_forest_is_that_of_scikit_learn_to_the_last_digit(monkeypatch, cells_per_tree):
    monkeypatch.setattr(random_forest, "CELLS_PER_TREE", cells_per_tree)
    theirs, ours, values, _ = theirs_and_ours(seed=5)
    np.testing.assert_array_equal(ours.probability(values), theirs.predict_proba(values)[:, 1])
    np.testing.assert_array_equal(ours.importances, theirs.feature_importances_)


def test_a_forest_that_cannot_split_has_no_important_gene():
    values, label = np.ones((20, 3), np.float32), np.arange(20) < 10
    forest = random_forest.Forest.grow(values, label, 4, seed=0)
    assert forest.importances.tolist() == [0, 0, 0]
    assert len(np.unique(forest.probability(values))) == 1


def test_permutation_importance_is_that_of_the_whole_forest_asked_anew():
    forest, ours, values, label = theirs_and_ours()
    losses = permutation.permutation_importance(ours, values, label, np.random.default_rng(7))
    rng = np.random.default_rng(7)
    full = sk.roc_auc_score(label, forest.predict_proba(values)[:, 1])
    for gene in np.argsort(-forest.feature_importances_, kind="stable"):
        after = []
        for _ in range(permutation.N_SHUFFLES):
            shuffled = values.copy()
            shuffled[:, gene] = rng.permutation(values[:, gene])
            after.append(sk.roc_auc_score(label, forest.predict_proba(shuffled)[:, 1]))
        assert losses[gene] == pytest.approx(full - np.mean(after), abs=1e-12)


def test_permutation_importance_agrees_with_scikit_learn():
    forest, ours, values, label = theirs_and_ours()
    losses = permutation.permutation_importance(ours, values, label, np.random.default_rng(0))
    theirs = scikit_permutation(
        forest, values, label, scoring="roc_auc", n_repeats=30, random_state=0
    )
    tolerance = 4 * theirs.importances_std / np.sqrt(permutation.N_SHUFFLES) + 1e-3
    assert (np.abs(losses - theirs.importances_mean) <= tolerance).all()
