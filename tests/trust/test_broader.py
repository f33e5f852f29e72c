"""The finest name that is certain enough."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellclassifier.data.cell_types import known_cell_types
from cellclassifier.trust.broader import finest_names

LABELS = ["CD4 Naive T", "CD8 T", "NK", "CD14 Mono", "DC"]
GROUPS = known_cell_types().groups_of(LABELS)
NAMES = [group.name for group in GROUPS]
MEMBERS = np.array([group.members for group in GROUPS])


def name_of(*probabilities, certainty=0.8):
    chosen, probability = finest_names(np.array([probabilities]), MEMBERS, certainty)
    return NAMES[chosen[0]], pytest.approx(probability[0])


def test_names_become_broader_as_doubt_grows():
    assert name_of(0.9, 0.1, 0, 0, 0) == ("CD4 Naive T", 0.9)
    assert name_of(0.5, 0.45, 0.05, 0, 0) == ("T cell", 0.95)
    assert name_of(0.4, 0.3, 0.25, 0.05, 0) == ("lymphocyte", 0.95)
    assert name_of(0.3, 0.2, 0.2, 0.2, 0.1) == ("leukocyte", 1.0)


def test_doubt_between_two_kinds_of_one_family_is_no_doubt_of_the_family():
    assert name_of(0, 0.05, 0.05, 0.5, 0.4) == ("mononuclear phagocyte", 0.9)


def test_how_certain_is_ones_own_choice():
    assert name_of(0.6, 0.4, 0, 0, 0, certainty=0.6) == ("CD4 Naive T", 0.6)
    assert name_of(0.6, 0.4, 0, 0, 0, certainty=0.61) == ("T cell", 1.0)


@settings(max_examples=examples(100), deadline=None)
@given(arrays(float, (4, 5), elements=st.floats(0.001, 1)), st.floats(0.5, 1))
def test_of_all_certain_names_none_is_finer(weights, certainty):
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    chosen, probability = finest_names(probabilities, MEMBERS, certainty)
    for row, one, sure in zip(probabilities, chosen, probability, strict=True):
        certain = [
            (members.sum(), -row[members].sum())
            for members in MEMBERS
            if row[members].sum() >= certainty
        ]
        assert sure >= certainty - 1e-5
        assert sure == pytest.approx(row[MEMBERS[one]].sum())
        if certain:  # else rounding alone lets the name of all labels through
            assert (MEMBERS[one].sum(), -sure) == pytest.approx(min(certain), abs=1e-5)


def test_names_for_several_labels_may_be_summed_from_other_probabilities():
    """A single label's name never: averages over neighbours ruin fine types."""
    members = np.array([[True, False, False], [True, True, False], [True, True, True]])
    own = np.array([[0.5, 0.2, 0.3], [0.85, 0.1, 0.05]])
    others = np.array([[0.95, 0.0, 0.05], [0.1, 0.1, 0.8]])
    names, probability = finest_names(own, members, 0.8, others)
    assert names.tolist() == [1, 0]
    np.testing.assert_allclose(probability, [0.95, 0.85])
