"""Every baseline keeps to the one interface: fit, predict, save, load, learn from train alone."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from conftest import ROOT, make_cells

from cellclassifier.models.baselines.classifier import RECIPES, Baseline, make_baseline
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.protocol.metrics import METRICS, score

LEARNERS = [method for method in METHODS if method != "majority"]
TRAIN, VAL, TEST = slice(0, 84), slice(84, 102), slice(102, 120)


def labels_of(cells) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy().astype(str)


def fit(method, cells, validation=True, **options) -> Baseline:
    model = make_baseline(method, **{"seed": 1, **options})
    held_out = (cells[VAL].copy(), labels_of(cells[VAL])) if validation else None
    return model.fit(cells[TRAIN].copy(), labels_of(cells[TRAIN]), held_out)


@pytest.fixture(scope="module")
def models() -> dict[str, Baseline]:
    """Every method, fitted on the same training cells."""
    return {method: fit(method, make_cells()) for method in METHODS}


@pytest.fixture
def saved(models, tmp_path):
    """Give a function that saves a fitted model and gives its folder."""

    def save(method, **provenance):
        models[method].save(tmp_path / method, **provenance)
        return tmp_path / method

    return save


@pytest.mark.parametrize("method", LEARNERS)
def test_markers_of_the_types_are_found(models, small_cells, method):
    """Three-fold expression of ten genes a type is plain to see: chance is a third."""
    found = np.mean(models[method].predict(small_cells[TEST]) == labels_of(small_cells[TEST]))
    assert found > 0.75


def test_majority_predicts_the_shares_of_training(small_cells):
    cells = small_cells[[*range(0, 90, 3), *range(1, 31, 3)]].copy()  # 30 of B, 10 of NK
    model = make_baseline("majority").fit(cells, labels_of(cells))
    np.testing.assert_allclose(model.predict_proba(small_cells), np.tile([0.75, 0.25], (120, 1)))


@pytest.mark.slow
def test_torch_is_for_those_who_need_it(saved, tmp_path):
    """A baseline is read and written without torch; whoever imports torch later gets it."""
    code = (
        "import sys; from pathlib import Path\n"
        "from cellclassifier.models.baselines.classifier import Baseline\n"
        f"Baseline.load(Path({str(saved('gbdt'))!r})).save(Path({str(tmp_path / 'again')!r}))\n"
        "assert 'torch' not in sys.modules\n"
        "import torch; from cellclassifier.models.geneformer import classifier"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_description_says_what_was_saved(models, saved):
    model = models["random_forest"]
    content = json.loads((saved("random_forest", split=42) / "model.json").read_text())
    assert content["method"] == "random_forest" and content["split"] == 42
    assert content["types"] == ["B", "NK", "T/x"] and content["genes"] == model.genes_.tolist()
    assert content["hyperparameters"] == model.trials_[model.best_].parameters
    assert content["versions"]["numpy"] == np.__version__


CONTENT = ["README.md", "library_size.json", "model.json", "model.skops", "novelty.npz"]
CONTENT += ["type_profiles.npz"]


def test_saving_replaces_the_folder_whole(saved, models, tmp_path):
    folder = saved("gbdt")
    (folder / "of_an_older_version").touch()
    models["majority"].save(folder)
    assert sorted(path.name for path in folder.iterdir()) == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["gbdt"]


def test_a_failed_save_keeps_the_old_model(saved, models, monkeypatch, small_cells, tmp_path):
    folder = saved("gbdt")
    monkeypatch.setattr(skops.io, "dump", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        models["majority"].save(folder)
    assert Baseline.load(folder).method == "gbdt"
    assert [path.name for path in tmp_path.iterdir()] == ["gbdt"]


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_one_model_whatever_the_threads(models, small_cells, method):
    for jobs in (1, 2):
        again = fit(method, small_cells, jobs=jobs)
        np.testing.assert_array_equal(
            again.predict_proba(small_cells), models[method].predict_proba(small_cells)
        )
        assert again.best_ == models[method].best_


def test_seeds_differ(models, small_cells):
    other = fit("random_forest", small_cells, seed=2).predict_proba(small_cells)
    assert (other != models["random_forest"].predict_proba(small_cells)).any()


@pytest.mark.parametrize("method", METHODS)
def test_the_choice_is_by_validation_macro_f1(models, small_cells, method):
    model = models[method]
    scores = [trial.val["macro_f1"] for trial in model.trials_]
    assert len(scores) == len(RECIPES[method].grid) and model.best_ == np.argmax(scores)
    found = score(
        labels_of(small_cells[VAL]), model.predict_proba(small_cells[VAL]), model.classes_
    )
    assert found["macro_f1"] == pytest.approx(scores[model.best_])


@pytest.mark.parametrize("method", METHODS)
def test_quick_fits_the_default_point_alone(models, small_cells, method):
    for model in (fit(method, small_cells, quick=True), fit(method, small_cells, validation=False)):
        assert model.best_ == 0
        assert model.trials_[0].parameters == RECIPES[method].grid[0]


def test_trial_table(models, small_cells):
    model = models["logistic_regression"]
    test = score(
        labels_of(small_cells[TEST]), model.predict_proba(small_cells[TEST]), model.classes_
    )
    scores = pd.DataFrame([{"part": "test", **test}])
    table = model.trial_table(scores, split=42)
    assert table["selected"].sum() == 1 and table["selected"].idxmax() == model.best_
    assert table.loc[model.best_, "test_macro_f1"] == test["macro_f1"]
    assert table.loc[~table["selected"], "test_macro_f1"].isna().all()
    prefixed = [f"{part}_{name}" for part in ("train", "val", "test") for name in METRICS]
    assert list(table.columns[:3]) == ["method", "split", "selected"]
    assert list(table.columns[-21:]) == prefixed
    assert (table["split"] == 42).all() and "C" in table


@pytest.mark.parametrize("method", LEARNERS)
def test_n_genes_is_respected(small_cells, method):
    model = fit(method, small_cells, n_genes=7, quick=True)
    assert len(model.genes_) == 7 and model.trials_[0].n_genes == 7


@pytest.mark.parametrize("method", METHODS)
def test_two_cells_of_two_types_suffice(small_cells, method):
    cells = small_cells[[0, 3, 1, 4]].copy()
    model = make_baseline(method, quick=True).fit(cells, labels_of(cells))
    assert model.predict_proba(small_cells).shape == (120, 2)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_learned_outside_train(models, small_cells, method):
    """Other validation counts and labels change no probability, before they calibrate it."""
    changed = make_cells(seed=9)[VAL].copy()
    changed.X.data[:] = 50
    train = small_cells[TRAIN].copy()
    fitted = []
    for validation in (small_cells[VAL].copy(), changed):
        labels = labels_of(validation)[:: -1 if validation is changed else 1]
        model = make_baseline(method, seed=1, quick=True)
        fitted.append(model.fit(train, labels_of(train), (validation, labels)))
    first, second = fitted
    assert first.genes_.tolist() == second.genes_.tolist()
    np.testing.assert_array_equal(first.features_.scale_, second.features_.scale_)
    np.testing.assert_array_equal(
        first.outputs(small_cells).probabilities, second.outputs(small_cells).probabilities
    )
