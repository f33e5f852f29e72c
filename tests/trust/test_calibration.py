"""One temperature for a model's probabilities: found where it is known, kept where it helps."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from trained_models import ece_by_hand

from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.trust.calibration import fit_calibration

TYPES = np.array(["B", "NK", "T", "mono"])


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    return SingleLabel.without_answers(TYPES).tempered(probabilities, temperature)


def temperature_of(labels, probabilities) -> float:
    return fit_calibration(SingleLabel(labels, TYPES), probabilities).temperature


def sampled(sharpening: float, n_cells: int = 4000, seed: int = 0) -> tuple:
    """Labels drawn from softmax(logits), and softmax(logits * sharpening): T is the factor."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.2, (n_cells, len(TYPES)))
    cumulated = softmax(logits, axis=1).cumsum(axis=1)
    codes = (rng.random((n_cells, 1)) > cumulated).sum(axis=1)
    return TYPES[np.minimum(codes, len(TYPES) - 1)], softmax(logits * sharpening, axis=1)


@pytest.mark.parametrize("sharpening", [0.3, 0.6, 1.5, 3.0])
def test_a_known_temperature_is_found(sharpening):
    labels, probabilities = sampled(sharpening)
    found = fit_calibration(SingleLabel(labels, TYPES), probabilities)
    assert found.temperature == pytest.approx(sharpening, rel=0.08)
    assert found.val_ece_after < 0.02 < found.val_ece_before


@pytest.mark.parametrize("sharpening", [0.4, 2.5])
def test_the_temperature_is_the_best_of_a_fine_grid(sharpening):
    labels, probabilities = sampled(sharpening, n_cells=300)
    found = fit_calibration(SingleLabel(labels, TYPES), probabilities).temperature
    grid = np.geomspace(0.1, 10, 1001)
    logarithms = np.log(probabilities)
    codes = np.searchsorted(TYPES, labels)
    losses = [-np.log(softmax(logarithms / t, axis=1)[np.arange(300), codes]).sum() for t in grid]
    assert found == pytest.approx(grid[np.argmin(losses)], rel=5e-3)


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose scores are its input."""

    classes_ = TYPES

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return TYPES[X.argmax(axis=1)]

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize("sharpening", [0.5, 1.5, 2.5])
def test_scikit_learn_scales_by_the_same_temperature(sharpening):
    labels, probabilities = sampled(sharpening, n_cells=500)
    reference = CalibratedClassifierCV(FrozenEstimator(Given()), method="temperature")
    reference.fit(np.log(probabilities), labels)
    found = fit_calibration(SingleLabel(labels, TYPES), probabilities)
    np.testing.assert_allclose(
        tempered(probabilities, found.temperature),
        reference.predict_proba(np.log(probabilities)),
        atol=1e-4,
    )


def test_what_is_calibrated_stays_as_it_is_or_nearly():
    """Most often no temperature helps on the folds left out; else it is close to 1."""
    found = [temperature_of(*sampled(1.0, 200, seed)) for seed in range(30)]
    kept = np.mean(np.array(found) == 1.0)
    assert kept >= 0.5
    assert max(found) < 1.4 and min(found) > 0.7


def test_a_temperature_without_effect_is_not_kept():
    labels = TYPES[np.arange(40) % 4]
    equal = np.full((40, 4), 0.25)
    found = fit_calibration(SingleLabel(labels, TYPES), equal)
    assert found.temperature == 1.0 and tempered(equal, found.temperature) is equal


@pytest.mark.parametrize("n_cells", [1, 4])
def test_too_few_cells_teach_nothing(n_cells):
    labels, probabilities = sampled(8.0)
    wrong = TYPES[probabilities.argmax(axis=1)] != labels
    labels, probabilities = labels[wrong][:n_cells], probabilities[wrong][:n_cells]
    found = fit_calibration(SingleLabel(labels, TYPES), probabilities)
    assert found.temperature == 1.0 and found.val_ece_before == found.val_ece_after > 0.3


def test_five_cells_are_enough():
    labels, probabilities = sampled(8.0)
    wrong = TYPES[probabilities.argmax(axis=1)] != labels
    assert temperature_of(labels[wrong][:5], probabilities[wrong][:5]) > 2


@pytest.mark.parametrize("sharpening", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calibration_errors_are_those_before_and_after(sharpening, dtype):
    labels, probabilities = sampled(sharpening, n_cells=700)
    probabilities = probabilities.astype(dtype)
    found = fit_calibration(SingleLabel(labels, TYPES), probabilities)
    assert found.val_ece_before == pytest.approx(
        ece_by_hand(labels, probabilities, TYPES), abs=1e-6
    )
    after = softmax(np.log(probabilities.astype(float)) / found.temperature, axis=1)
    assert found.val_ece_after == pytest.approx(ece_by_hand(labels, after, TYPES), abs=1e-6)


def test_zeros_and_ones_are_probabilities_too():
    """A model that is always sure and right four times of five: no infinity, no NaN."""
    labels = TYPES[np.arange(500) % 4]
    codes = np.where(np.arange(500) % 5 == 0, (np.arange(500) + 1) % 4, np.arange(500) % 4)
    found = fit_calibration(SingleLabel(labels, TYPES), np.eye(4)[codes])
    calibrated = tempered(np.eye(4)[codes], found.temperature)
    assert np.isfinite(calibrated).all()
    assert found.val_ece_before == pytest.approx(0.2)
    np.testing.assert_allclose(calibrated.max(axis=1), 0.8, atol=0.01)


@st.composite
def probabilities_of_cells(draw):
    """Rows of (n_cells, n_types) with zeros, ties and steep ratios."""
    n_types = draw(st.integers(2, 6))
    weights = st.lists(st.integers(0, 10**6), min_size=n_types, max_size=n_types).filter(any)
    rows = np.array(draw(st.lists(weights, min_size=1, max_size=8)), dtype=float)
    return rows / rows.sum(axis=1, keepdims=True)


@settings(max_examples=examples(300), deadline=None)
@given(probabilities_of_cells(), st.floats(0.05, 20))
def test_the_order_of_types_never_changes(probabilities, temperature):
    """Nor is the sum of a row other than 1; the best type is the first of equals, as before."""
    calibrated = tempered(probabilities, temperature)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-12)
    assert (calibrated.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    for before, after in zip(probabilities, calibrated, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= -1e-15).all()


@settings(max_examples=examples(100), deadline=None)
@given(probabilities_of_cells(), st.floats(0.05, 20))
def test_odds_are_raised_to_the_inverse_temperature(probabilities, temperature):
    clipped = np.maximum(probabilities, 1e-7)
    calibrated = tempered(probabilities, temperature)
    odds = log_softmax(np.log(clipped), axis=1)
    expected = (odds - odds[:, :1]) / temperature
    shown = calibrated[:, :1] > 0
    with np.errstate(divide="ignore"):
        found = np.log(calibrated) - np.log(np.where(shown, calibrated[:, :1], 1))
    seen = shown & (calibrated > 0)
    np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-6, atol=1e-9)


def test_a_temperature_of_one_changes_no_bit():
    _, probabilities = sampled(2.0)
    assert tempered(probabilities, 1.0) is probabilities


def test_cells_in_the_order_of_their_types_are_calibrated_as_in_any_other():
    """Of files that are sorted, too: the fifth that judges must hold every type.

    One type is much too sure, four are too unsure; one temperature for all helps on the whole.
    """
    rng, names = np.random.default_rng(0), np.array(list("ABCDE"))
    codes = np.repeat(np.arange(5), 60)
    odds = rng.normal(size=(300, 5)) + 1.5 * np.eye(5)[codes]
    raw = softmax(odds * np.where(codes == 4, 12.0, 0.3)[:, None], axis=1)
    in_order = fit_calibration(SingleLabel(names[codes], names), raw)
    order = rng.permutation(300)
    mixed = fit_calibration(SingleLabel(names[codes[order]], names), raw[order])
    assert in_order.temperature > 1.2
    assert in_order.temperature == pytest.approx(mixed.temperature, rel=1e-3)
