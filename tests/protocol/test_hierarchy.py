"""Hierarchical scores against scikit-learn's, name by name, and by sets of names per cell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from cellclassifier.protocol.hierarchy import hierarchical_scores, names_above

TYPES = ["B cell", "CD4 T", "CD8 T", "NK", "Martian"]


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(0)
    labels = rng.choice(TYPES, 300, p=[0.3, 0.3, 0.2, 0.1, 0.1])
    return labels, np.where(rng.random(300) < 0.7, labels, rng.choice(TYPES[:4], 300))


@pytest.fixture(scope="module")
def table(answers):
    return hierarchical_scores(*answers, TYPES).set_index(["level", "label"])


def test_broader_names_are_those_of_the_cell_ontology():
    names, members = names_above(TYPES)
    assert names[:5] == TYPES
    found = dict(zip(names, members.tolist(), strict=True))
    assert found["T cell"] == [False, True, True, False, False]
    assert found["lymphocyte"] == [True, True, True, True, False]
    assert not members.all(axis=1).any()


def test_every_name_has_the_scores_of_a_yes_or_no(table, answers):
    names, members = names_above(TYPES)
    labels, predicted = (np.array([TYPES.index(a) for a in part]) for part in answers)
    for name, holds in zip(names, members, strict=True):
        level = "leaf" if name in TYPES else "ancestor"
        expected = precision_recall_fscore_support(
            holds[labels], holds[predicted], average="binary", zero_division=0
        )
        np.testing.assert_allclose(
            table.loc[(level, name), ["precision", "recall", "f1"]].astype(float), expected[:3]
        )
        assert table.loc[(level, name), "support"] == holds[labels].sum()


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
def test_means_of_leaves_are_those_of_scikit_learn(table, answers, average):
    expected = f1_score(*answers, labels=TYPES, average=average, zero_division=0)
    np.testing.assert_allclose(table.loc[(average, "of leaves"), "f1"], expected)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
def test_means_of_all_names_are_those_of_several_labels(table, answers, average):
    _, members = names_above(TYPES)
    sets = [members.T[[TYPES.index(a) for a in part]] for part in answers]
    expected = f1_score(*sets, average=average, zero_division=0)
    np.testing.assert_allclose(table.loc[(average, "of all names"), "f1"], expected)


def test_micro_is_kiritchenkos_by_sets(table, answers):
    """Sum of names in common over sum of names given (Kiritchenko et al. 2005)."""
    names, members = names_above(TYPES)
    sets = {
        t: {n for n, row in zip(names, members, strict=True) if row[i]} for i, t in enumerate(TYPES)
    }
    common = sum(len(sets[a] & sets[b]) for a, b in zip(*answers, strict=True))
    row = table.loc[("micro", "of all names")]
    np.testing.assert_allclose(row["precision"], common / sum(len(sets[b]) for b in answers[1]))
    np.testing.assert_allclose(row["recall"], common / sum(len(sets[a]) for a in answers[0]))


def test_nobody_has_it_nobody_is_given_it(answers):
    table = hierarchical_scores(*answers, [*TYPES, "Monocyte"]).set_index(["level", "label"])
    assert table.loc[("leaf", "Monocyte"), "f1"] == 0
    assert table.notna().all(axis=None)
