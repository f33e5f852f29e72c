"""How sure to be of averages in other laboratories: learned from studies that were left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_cells
from sklearn.base import clone

from cellclassifier.annotation.first_pass import FirstPass
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.studies import STUDY
from cellclassifier.interface import Classifier
from cellclassifier.models.augmented.classifier import AugmentedClassifier
from cellclassifier.models.augmented.options import AugmentedOptions
from cellclassifier.models.methods import make_method
from cellclassifier.protocol.questions import as_targets
from cellclassifier.trust import across_studies
from cellclassifier.trust.calibration import fit_calibration, temperature_of_averages
from cellclassifier.trust.neighbours import Neighbours, smoothed

TYPES = np.array(["a", "b", "c"])


def two_studies(n_cells: int, seed: int):
    cells = make_cells(n_cells, seed=seed)
    cells.obs[STUDY] = np.where(np.arange(n_cells) % 2, "one", "two")
    return cells, cells.obs["cell_type"].to_numpy(str)


TRAINING, HELD_OUT = two_studies(400, 0), two_studies(200, 1)


def answers(n_cells: int, seed: int):
    """Labels drawn from probabilities, and these probabilities too sure by half."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(3), n_cells)
    labels = TYPES[(rng.random(n_cells)[:, None] > true.cumsum(axis=1)).sum(axis=1)]
    sure = true**2
    return as_targets(labels), sure / sure.sum(axis=1, keepdims=True)


def test_without_averages_it_is_the_temperature_of_validation_cells():
    targets, probabilities = answers(2000, 0)
    found = temperature_of_averages([(targets, probabilities, lambda p: p)])
    assert found == pytest.approx(fit_calibration(targets, probabilities).temperature, rel=1e-3)
    assert found == pytest.approx(2, rel=0.15)


def test_every_file_weighs_alike():
    trials = [(*answers(n_cells, seed), lambda p: p) for n_cells, seed in ((3000, 0), (300, 1))]
    copies = [trials[0], trials[1], trials[1]]
    alone = [temperature_of_averages([trial]) for trial in trials]
    both = temperature_of_averages(trials)
    assert min(alone) <= both <= max(alone)
    assert abs(temperature_of_averages(copies) - alone[1]) <= abs(both - alone[1])


def test_it_suits_the_answers_of_models_of_the_other_studies():
    model = make_method("logistic_regression", quick=True)
    trials = []
    for study in ("one", "two"):
        (others, labels), held_out = (
            (cells[cells.obs[STUDY] != study].copy(), known[cells.obs[STUDY] != study])
            for cells, known in (TRAINING, HELD_OUT)
        )
        inner = Classifier.fit(clone(model), others, labels, held_out)
        own = TRAINING[0].obs[STUDY].to_numpy() == study
        cells = inner.align(TRAINING[0][own])
        near = Neighbours.learn(cells, np.arange(len(cells))).of(cells, np.arange(len(cells)))
        targets = inner.targets_.alike(TRAINING[1][own])
        raw = inner.outputs(cells).probabilities
        trials.append((targets, raw, lambda p, near=near: smoothed(p, near, p)))
    found = across_studies.temperature(model, TRAINING, HELD_OUT)
    assert found == pytest.approx(temperature_of_averages(trials), rel=1e-3)


def test_one_study_tells_nothing_of_others():
    cells, labels = TRAINING
    alone = cells.copy()
    alone.obs[STUDY] = "one"
    model = make_method("logistic_regression")
    assert across_studies.temperature(model, (alone, labels), HELD_OUT) is None


def test_annotation_averages_by_it_and_a_saved_model_keeps_it(tmp_path):
    options = AugmentedOptions(epochs=3, n_networks=1)
    model = AugmentedClassifier("marker_network", options, seed=1).fit(*TRAINING, HELD_OUT)
    assert model.calibration_.averaged_temperature > 0
    model.calibration_ = replace(model.calibration_, averaged_temperature=3.0)
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.calibration_ == model.calibration_
    cells, rows = loaded.align(HELD_OUT[0]), np.arange(200)
    first = FirstPass.of_sample_at(loaded, cells, rows, "all")
    found = annotate_chunk(loaded, cells, rows.astype(str), first=first).probabilities
    hot = loaded.targets_.tempered(loaded.outputs(cells).probabilities, 3.0)
    near = first.view.near(cells, rows)
    np.testing.assert_allclose(found, smoothed(hot, near, hot.astype(np.float32)), atol=1e-6)


def test_of_single_cells_nothing_changes():
    model = make_method("logistic_regression", quick=True).fit(*TRAINING, HELD_OUT)
    assert model.calibration_.averaged_temperature is None
    raw = model.outputs(HELD_OUT[0]).probabilities
    np.testing.assert_array_equal(model.calibrated(raw), model.calibrated(raw, to_average=True))
