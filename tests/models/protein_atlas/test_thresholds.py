"""Calibration and thresholds, against brute force and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from cellclassifier.models.protein_atlas import thresholds as t


def simulated(n=400, share=0.1, seed=0, strength=2.0):
    """Shares of a balanced forest: log-odds that are right but for the class's prevalence."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < share
    odds = strength * (rng.normal(size=n) + np.where(label, 1.0, -1.0))
    return 1 / (1 + np.exp(-odds)), label


@given(st.integers(0, 500))
def test_a_threshold_is_the_best_of_all(seed):
    p, label = simulated(120, 0.2, seed)
    p = np.round(p, 2)  # with ties
    if label.any():
        found = f1_score(label, p > t._best_own(p, label))
        brute = max(f1_score(label, p > cut, zero_division=0) for cut in [0.0, *np.unique(p)])
        assert found == pytest.approx(brute)


def test_f1_at_every_threshold_is_scikit_learns():
    p, label = simulated()
    cuts = np.array([0.1, 0.5, 0.9])
    expected = [f1_score(label, p > cut, zero_division=0) for cut in cuts]
    assert t.f1_at(p, label, cuts) == pytest.approx(expected)


def test_calibrated_probabilities_are_those_of_the_prevalence():
    """A balanced forest says 50 % where a share is as frequent among both; few images show it."""
    share, label = simulated(20_000, 0.05)
    p = t.scaled(share, *t.fit_scale(share, label))
    assert p.mean() == pytest.approx(label.mean(), abs=0.002)
    for low in (0.0, 0.1, 0.3, 0.6):
        at = (p >= low) & (p < low + 0.2)
        assert label[at].mean() == pytest.approx(p[at].mean(), abs=0.05)


def test_few_positives_are_calibrated_by_the_prevalence_rather_than_by_themselves():
    share, label = simulated(300, 0.0)
    label[:3], share[:3] = True, 0.9  # by chance far above all others
    share[3:] = np.minimum(share[3:], 0.3)
    slope, _ = t.fit_scale(share, label)
    assert 0.3 < slope < 3
    assert t.scaled(share, *t.fit_scale(share, label)).mean() < 0.05


def test_order_is_kept():
    share, label = simulated()
    p = t.scaled(np.sort(share), *t.fit_scale(share, label))
    assert (np.diff(p) >= 0).all() and p[0] > 0 and p[-1] < 1


def test_rare_places_share_a_threshold_and_frequent_ones_have_their_own():
    columns = [simulated(2000, share, seed) for seed, share in enumerate((0.3, 0.3, 0.002))]
    p, answers = (np.stack(parts, axis=1) for parts in zip(*columns, strict=True))
    p[:, 1] **= 3  # another scale, so another best threshold
    found = t.fit_thresholds(p, answers)
    own = [t._best_own(p[:, i], answers[:, i]) for i in range(3)]
    assert found[:2] == pytest.approx(own[:2])
    n, common = answers[:, 2].sum(), t._best_common(p, answers)
    assert n < 10 and min(own[2], common) <= found[2] <= max(own[2], common)
    assert abs(found[2] - common) < abs(found[2] - own[2])


def test_a_place_that_no_image_shows_is_never_given():
    p, label = simulated()
    answers = np.stack([label, np.zeros(len(label), dtype=bool)], axis=1)
    found = t.fit_thresholds(np.stack([p, p], axis=1), answers)
    assert found[1] == t.NEVER > 1 > found[0]
