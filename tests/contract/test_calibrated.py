"""Probabilities of every system are calibrated by its validation inputs, and the tables say so."""

from __future__ import annotations

import numpy as np
import pytest
from contract.registry import EVERY, ONE_LABEL, judged, part_of, trained
from scipy.special import expit, softmax
from trained_models import PARTS, ece_by_hand

from cellclassifier.protocol.metrics import METRICS
from cellclassifier.trust.calibration import fit_calibration

INTERVALS = ["accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high"]


@pytest.fixture(params=EVERY)
def name(request):
    return request.param


def raw_probabilities(name: str, part: str) -> np.ndarray:
    """Before calibration."""
    return trained(name).outputs(part_of(name, part)[0]).probabilities


def by_hand(name: str, raw: np.ndarray) -> np.ndarray:
    """Log-odds divided by the temperature: of all types together, or of each label."""
    p, temperature = raw.astype(float), trained(name).calibration_.temperature
    if name in ONE_LABEL:
        return softmax(np.log(np.maximum(p, 1e-7)) / temperature, axis=1)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return expit(np.log(p / (1 - p)) / temperature)


def test_the_temperature_is_that_of_the_validation_inputs(name):
    model = trained(name)
    targets = model.targets_.alike(part_of(name, "val")[1].answers)
    assert model.calibration_ == fit_calibration(targets, raw_probabilities(name, "val"))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_predictions_are_calibrated(name, part):
    model, result = judged(name)
    x, _ = part_of(name, part)
    expected = by_hand(name, raw_probabilities(name, part))
    np.testing.assert_allclose(model.predict_proba(x), expected, atol=1e-6)
    table = result.predictions
    assert table["cell"].tolist() == [str(i) for i in range(240)] and (table["part"] == PARTS).all()
    found = table.loc[table["part"] == part, model.classes_.tolist()]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_some_systems_need_it_and_get_it():
    """Else the tests above would compare nothing with nothing."""
    assert sum(trained(name).calibration_.temperature != 1 for name in EVERY) >= 3


@pytest.mark.parametrize("name", ONE_LABEL)
def test_calibration_errors_before_and_after(name):
    """``ece`` is that of the calibrated probabilities, ``ece_raw``, the last column, before."""
    model, result = judged(name)
    table = result.scores.set_index("part")
    for part in ("train", "val", "test"):
        raw, labels = raw_probabilities(name, part), part_of(name, part)[1].labels
        found = [ece_by_hand(labels, p, model.classes_) for p in (raw, by_hand(name, raw))]
        assert table.loc[part, ["ece_raw", "ece"]].tolist() == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("name", ONE_LABEL)
def test_columns_are_in_the_fixed_order(name):
    scores = judged(name)[1].scores
    expected = ["method", "part", "split", "n_cells", *METRICS, "ece", "fit_seconds", *INTERVALS]
    assert list(scores) == [*expected, "ece_raw"]
    assert scores["part"].tolist() == ["train", "val", "test"]


@pytest.mark.parametrize("name", ONE_LABEL)
def test_known_cells_pass_for_known(name):
    """Of cells like the training cells about 5 % are refused; 120 of them allow for 13 %."""
    model = trained(name)
    outputs = model.outputs(part_of(name, "train", seed=5)[0])
    space, predicted = (
        model.novelty_.place(outputs.features),
        outputs.probabilities.argmax(axis=1),
    )
    score = model.novelty_.score(space, outputs.probabilities)
    assert np.isfinite(score).all()
    assert model.novelty_.is_known(score, predicted).mean() > 0.87
