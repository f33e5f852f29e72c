"""Metrics against formulas written out here, and intervals against resampled cells."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from cellclassifier.protocol.metrics import (
    METRICS,
    SMALLEST_PROBABILITY,
    bootstrap_intervals,
    expected_calibration_error,
    per_type,
    reliability,
    score,
)

CLASSES = np.array(["B", "NK", "T", "T/x"])


def simulate(n_cells=300, seed=0, skill=2.0):
    """Labels of unequal frequency, and probabilities that follow them with so much skill."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(4, n_cells, p=[0.5, 0.3, 0.15, 0.05])
    codes[:4] = range(4)
    logits = rng.normal(size=(n_cells, 4)) + skill * np.eye(4)[codes]
    probabilities = np.exp(logits)
    return CLASSES[codes], probabilities / probabilities.sum(axis=1, keepdims=True)


def predicted_of(probabilities):
    return CLASSES[probabilities.argmax(axis=1)]


def confusion_of(labels, predicted) -> np.ndarray:
    return np.array([[np.sum((labels == a) & (predicted == b)) for b in CLASSES] for a in CLASSES])


def macro_f1_of(labels, predicted) -> float:
    values = []
    for name in np.unique(labels):
        hits = np.sum((labels == name) & (predicted == name))
        wrong = np.sum((labels != name) & (predicted == name))
        missed = np.sum((labels == name) & (predicted != name))
        values.append(2 * hits / (2 * hits + wrong + missed))
    return float(np.mean(values))


def mcc_of(C) -> float:
    """Gorodkin's multiclass coefficient, as a correlation of indicator matrices."""
    n, hits = C.sum(), np.trace(C)
    true, called = C.sum(axis=1), C.sum(axis=0)
    covariance = hits * n - true @ called
    return covariance / np.sqrt((n**2 - called @ called) * (n**2 - true @ true))


def kappa_of(C) -> float:
    chance = (C.sum(axis=1) @ C.sum(axis=0)) / C.sum() ** 2
    return (np.trace(C) / C.sum() - chance) / (1 - chance)


def ece_of(labels, probabilities, n_bins=15) -> float:
    total = 0.0
    for b in range(n_bins):
        inside = [
            i for i, p in enumerate(probabilities.max(axis=1)) if b / n_bins < p <= (b + 1) / n_bins
        ]
        if inside:
            right = np.mean([labels[i] == predicted_of(probabilities)[i] for i in inside])
            sure = np.mean([probabilities[i].max() for i in inside])
            total += len(inside) / len(labels) * abs(right - sure)
    return total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("skill", [0.0, 2.0])
def test_scores_follow_their_formulas(seed, skill):
    labels, probabilities = simulate(seed=seed, skill=skill)
    predicted = predicted_of(probabilities)
    C = confusion_of(labels, predicted)
    own = probabilities[np.arange(len(labels)), np.searchsorted(CLASSES, labels)]
    expected = {
        "accuracy": np.trace(C) / C.sum(),
        "balanced_accuracy": np.mean(np.diag(C) / C.sum(axis=1)),
        "macro_f1": macro_f1_of(labels, predicted),
        "micro_f1": np.trace(C) / C.sum(),
        "cross_entropy": -np.mean(np.log(own)),
        "mcc": mcc_of(C),
        "kappa": kappa_of(C),
        "ece": ece_of(labels, probabilities),
    }
    found = score(labels, probabilities, CLASSES)
    assert list(found)[: len(METRICS)] == list(METRICS)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_perfect_prediction():
    labels, _ = simulate()
    found = score(labels, (labels[:, None] == CLASSES).astype(float), CLASSES)
    assert found.pop("cross_entropy") == pytest.approx(0, abs=1e-6)
    assert found.pop("ece") == 0
    assert set(found.values()) == {1.0}


def test_a_sure_and_wrong_answer_costs_16_nats():
    labels = np.array(["B", "NK"])
    probabilities = np.array([[0.0, 1.0, 0, 0], [0, 1, 0, 0]])
    expected = -np.log(SMALLEST_PROBABILITY) / 2
    assert score(labels, probabilities, CLASSES)["cross_entropy"] == pytest.approx(expected, 1e-3)


def test_a_type_that_is_never_predicted_counts_zero():
    labels = np.array(["B"] * 9 + ["NK"])
    found = score(labels, np.tile([1.0, 0, 0, 0], (10, 1)), CLASSES)
    assert found["macro_f1"] == pytest.approx((18 / 19) / 2)
    assert (found["balanced_accuracy"], found["mcc"], found["kappa"]) == (0.5, 0.0, 0.0)


def test_a_type_without_cells_is_no_part_of_the_mean():
    """Predicting a type that no cell has lowers the others, but adds no zero of its own."""
    labels = np.array(["B"] * 5 + ["NK"] * 5)
    probabilities = np.eye(4)[[0, 0, 0, 0, 2, 1, 1, 1, 1, 1]]
    found = score(labels, probabilities, CLASSES)
    assert found["macro_f1"] == pytest.approx((8 / 9 + 1) / 2)
    assert found["balanced_accuracy"] == pytest.approx(0.9)


def test_float32_probabilities_score_alike():
    labels, probabilities = simulate()
    expected = score(labels, probabilities, CLASSES)
    found = score(labels, probabilities.astype(np.float32), CLASSES)
    assert found == pytest.approx(expected, abs=1e-5)


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 5))
def test_calibration_error(seed, skill):
    labels, probabilities = simulate(60, seed, skill)
    found = expected_calibration_error(labels, probabilities, CLASSES)
    assert found == pytest.approx(ece_of(labels, probabilities), abs=1e-9)


def test_calibrated_predictions_have_no_error():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 40_000)
    labels = CLASSES[[rng.choice(4, p=p) for p in probabilities]]
    assert expected_calibration_error(labels, probabilities, CLASSES) < 0.01


def test_reliability_bins_are_open_below():
    probabilities = np.array([[3 / 15, 2 / 15, 0, 0], [3.01 / 15, 0, 0, 0], [1.0, 0, 0, 0]])
    table = reliability(np.array(["B", "NK", "B"]), probabilities, CLASSES)
    assert table.index.tolist() == [2, 3, 14]
    assert table["accuracy"].tolist() == [1, 0, 1]
    assert table["n_cells"].tolist() == [1, 1, 1]
    assert table["confidence"].tolist() == pytest.approx([3 / 15, 3.01 / 15, 1])


def test_per_type():
    labels, probabilities = simulate(skill=1.0)
    predicted = predicted_of(probabilities)
    C = confusion_of(labels, predicted)
    table = per_type(labels, predicted).set_index("cell_type")
    assert table.index.tolist() == CLASSES.tolist()
    np.testing.assert_allclose(table["recall"], np.diag(C) / C.sum(axis=1))
    np.testing.assert_allclose(table["precision"], np.diag(C) / C.sum(axis=0))
    np.testing.assert_array_equal(table["support"], C.sum(axis=1))
    assert table["f1"].mean() == pytest.approx(macro_f1_of(labels, predicted))


def resampled_interval(labels, predicted, metric, n_samples=1000):
    """Percentiles of a metric over cells drawn with replacement, cell by cell."""
    rng = np.random.default_rng(99)
    draws = rng.integers(len(labels), size=(n_samples, len(labels)))
    return np.quantile([metric(labels[d], predicted[d]) for d in draws], [0.025, 0.975])


@pytest.mark.parametrize("skill", [1.0, 3.0])
def test_intervals_are_those_of_resampled_cells(skill):
    """Both ends within 2 standard errors or so of two independent bootstraps' difference."""
    labels, probabilities = simulate(400, skill=skill)
    predicted = predicted_of(probabilities)
    found = bootstrap_intervals(labels, predicted, seed=1, n_samples=4000)
    for name, metric in (("accuracy", sk.accuracy_score), ("macro_f1", macro_f1_of)):
        low, high = resampled_interval(labels, predicted, metric)
        width = high - low
        assert found[f"{name}_low"] == pytest.approx(low, abs=0.12 * width)
        assert found[f"{name}_high"] == pytest.approx(high, abs=0.12 * width)


@pytest.mark.parametrize("absent", [None, "T/x"])
def test_one_sample_scores_as_scikit_learn_does(monkeypatch, absent):
    """With the data itself as the only resample, both ends are the plain scores.

    A type that is predicted but that no cell has adds no zero to the mean.
    """
    labels, probabilities = simulate(skill=1.0)
    predicted = predicted_of(probabilities)
    labels = np.where(labels == absent, "B", labels)

    class Same:
        def multinomial(self, n, p, size):
            return np.rint(n * p).astype(int)[None].repeat(size, axis=0)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Same())
    found = bootstrap_intervals(labels, predicted, seed=0, n_samples=3)
    accuracy = sk.accuracy_score(labels, predicted)
    macro_f1 = sk.f1_score(labels, predicted, average="macro", labels=np.unique(labels))
    assert list(found.values()) == pytest.approx([accuracy, accuracy, macro_f1, macro_f1])


def test_intervals_follow_the_seed():
    labels, probabilities = simulate()
    predicted = predicted_of(probabilities)
    first, again, other = (bootstrap_intervals(labels, predicted, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_certain_result_has_no_width():
    labels, _ = simulate()
    assert set(bootstrap_intervals(labels, labels, seed=0).values()) == {1.0}
