"""The forests of all places: decisions, imbalance, groups, Dask, files of strangers."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import joblib
import numpy as np
import pytest

from cellclassifier import model_folder
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.models.protein_atlas.classifier import FORESTS, AtlasClassifier
from cellclassifier.models.protein_atlas.forests import as_many_negatives, grow_all
from cellclassifier.models.protein_atlas.options import ORIGINAL, UNDERSAMPLED, AtlasOptions
from cellclassifier.protocol.multi_label import MultiLabel, stratified_folds

NAMES = np.array(["Actin filaments", "Cytosol", "Nucleoli", "Rods & rings"])
SMALL = AtlasOptions(n_trees=15, inner_folds=3)


def make(n=160, seed=0):
    """Three places that features tell, one of them rare; the fourth is never shown."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8)).astype(np.float32)
    cuts = np.array([1.4, -0.2, 0.6, np.inf])
    return x, MultiLabel(x[:, :4] + 0.3 * rng.normal(size=(n, 4)) > cuts, NAMES)


@pytest.fixture(scope="module")
def model() -> AtlasClassifier:
    return AtlasClassifier(options=SMALL, seed=3, made_by={"embedding": "x"}).fit(*make())


def test_an_answer_depends_on_no_other_image(model):
    x = make(seed=1)[0]
    together = model.predict(x)
    alone = np.concatenate([model.predict(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_array_equal(together, alone)


def test_every_image_has_a_place_and_the_most_probable_one_if_none_passes(model):
    x = make(seed=1)[0]
    p, found = model.predict_proba(x), model.predict(x)
    passed = p > model.targets_.thresholds
    assert found.any(axis=1).all() and (found >= passed).all()
    without = ~passed.any(axis=1)
    assert without.any() and (found[without].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(found[without].argmax(axis=1), p[without].argmax(axis=1))
    np.testing.assert_array_equal(found[~without], passed[~without])


def test_a_place_without_images_is_never_given(model):
    x = make(400, seed=2)[0]
    assert not model.predict(x)[:, 3].any() and model.predict_proba(x)[:, 3].max() < 0.02


def test_training_images_of_one_group_are_calibrated_by_folds_of_images():
    x, targets = make()
    plain = AtlasClassifier(options=SMALL, seed=3).fit(x, targets)
    one = AtlasClassifier(options=SMALL, seed=3, groups=np.full(len(x), "plate")).fit(x, targets)
    assert np.isfinite(one.thresholds_).all()
    np.testing.assert_array_equal(one.thresholds_, plain.thresholds_)


def test_thresholds_are_those_of_training_at_any_temperature():
    """Validation images calibrate further; what is above its threshold stays so."""
    (x, targets), validation = make(), make(80, seed=4)
    plain = AtlasClassifier(options=SMALL, seed=3).fit(x, targets)
    cooled = AtlasClassifier(options=SMALL, seed=3).fit(x, targets, validation)
    new = make(seed=5)[0]
    if cooled.calibration_.temperature == 1:
        cooled.calibration_ = replace(cooled.calibration_, temperature=1.7)
        cooled._decide_by_thresholds()
    assert (cooled.predict_proba(new) != plain.predict_proba(new)).any()
    np.testing.assert_array_equal(cooled.predict(new), plain.predict(new))


def test_images_left_out_are_judged_by_forests_that_have_not_seen_them():
    """Labels without any rule cannot be told: seen images could be, by heart."""
    x, _ = make(120)
    answers = np.random.default_rng(0).random((120, 4)) < 0.4
    forests, shares = grow_all(x, MultiLabel(answers, NAMES), AtlasOptions(n_trees=20), 0, 1)
    gap = [shares[a, i].mean() - shares[~a, i].mean() for i, a in enumerate(answers.T)]
    assert np.abs(gap).max() < 0.12
    seen = forests[0].probability(x)
    assert seen[answers[:, 0]].mean() - seen[~answers[:, 0]].mean() > 0.3


def test_groups_are_whole_in_inner_folds(monkeypatch):
    x, targets = make()
    groups = np.arange(160) // 4
    asked = []

    def noting(answers, n_folds, seed, groups):
        asked.append(groups)
        return stratified_folds(answers, n_folds, seed, groups)

    monkeypatch.setattr("cellclassifier.models.protein_atlas.forests.stratified_folds", noting)
    AtlasClassifier(options=SMALL, groups=groups).fit(x, targets)
    assert asked[0] is groups


def test_undersampling_takes_as_many_negatives():
    label = np.random.default_rng(0).random(200) < 0.1
    rows = np.arange(20, 200)
    drawn = as_many_negatives(label, rows, np.random.default_rng(1))
    positives = rows[label[rows]]
    assert len(drawn) == 2 * len(positives) and set(positives) <= set(drawn) <= set(rows)


def test_the_original_has_half_shares_for_thresholds_and_may_give_no_place(tmp_path):
    x, new = make()[0], make(seed=1)[0]
    original = AtlasClassifier(ORIGINAL, SMALL, seed=3).fit(x, make()[1])
    shares = np.stack([forest.probability(new) for forest in original.forests_], axis=1)
    np.testing.assert_allclose(original.predict_proba(new), np.clip(shares, 1e-3, 1 - 1e-3))
    np.testing.assert_array_equal(original.predict(new), shares > 0.5)
    original.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.method == ORIGINAL and not loaded.targets_.at_least_one
    undersampled = AtlasClassifier(UNDERSAMPLED, SMALL, seed=3).fit(x, make()[1])
    for one, other in zip(original.forests_, undersampled.forests_, strict=True):
        np.testing.assert_array_equal(one.value, other.value)  # the same forests


def test_rare_places_are_found_with_weights(model):
    x, targets = make(600, seed=6)
    rare = targets.answers[:, 0]
    assert 0.03 < rare.mean() < 0.15
    assert model.predict(x)[rare, 0].mean() > 0.5 > 0.15 > model.predict(x)[~rare, 0].mean()


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_forests(model):
    from dask.distributed import Client

    where = {"processes": False, "dashboard_address": None}
    with Client(n_workers=1, threads_per_worker=2, **where), joblib.parallel_config("dask"):
        other = AtlasClassifier(options=SMALL, seed=3).fit(*make())
    x = make(seed=1)[0]
    np.testing.assert_array_equal(other.predict_proba(x), model.predict_proba(x))


@pytest.mark.parametrize(
    "x", [np.zeros((3, 7)), np.zeros(8), np.full((2, 8), np.nan), np.full((2, 8), "a")]
)
def test_other_inputs_are_refused(model, x):
    with pytest.raises(InputError, match="features"):
        model.predict(x)


def damaged(model, folder, change):
    """A saved model whose file or description is changed, sealed again as a stranger could."""
    model.save(folder)
    with np.load(folder / FORESTS) as stored:
        arrays = dict(stored)
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    change(arrays, description)
    np.savez_compressed(folder / FORESTS, **arrays)
    model_folder.seal(folder, description)
    return folder


CHANGES = {
    "an array more": lambda a, d: a.update(more=np.zeros(3)),
    "an array less": lambda a, d: a.pop("0_left"),
    "objects": lambda a, d: a.update(scales=np.array([None, "x"], dtype=object)),
    "a child before its parent": lambda a, d: a.update({"0_left": a["0_left"] * 0}),
    "a feature that is none": lambda a, d: a.update({"1_feature": a["1_feature"] + 99}),
    "scales": lambda a, d: a.update(scales=a["scales"] * np.nan),
    "thresholds": lambda a, d: a.update(thresholds=a["thresholds"] - 5),
    "fewer thresholds": lambda a, d: a.update(thresholds=a["thresholds"][:2]),
    "a number of features": lambda a, d: d.update(n_features="8"),
    "other options": lambda a, d: d.update(options={"x": 1}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_strangers_model_is_looked_at(model, tmp_path, kind):
    folder = damaged(model, tmp_path / "model", CHANGES[kind])
    with pytest.raises(InputError, match="cannot be read"):
        Classifier.load(folder)


def test_a_bomb_is_not_unpacked(model, tmp_path):
    """A terabyte of zeros packs to a gigabyte; 300 MB of them to 300 kB."""
    folder = damaged(model, tmp_path / "model", lambda a, d: None)
    with zipfile.ZipFile(folder / FORESTS, "w", zipfile.ZIP_DEFLATED) as archive:
        names = ["scales", "thresholds"]
        names += [f"{i}_{part}" for i in range(4) for part in ("roots", "left", "right")]
        names += [f"{i}_{part}" for i in range(4) for part in ("feature", "threshold", "value")]
        for name in names:
            archive.writestr(f"{name}.npy", bytes(3 * 10**8 // len(names)))
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    model_folder.seal(folder, description)
    with pytest.raises(InputError, match="bytes that would be 2"):
        Classifier.load(folder)


def test_what_made_the_features_is_saved(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.made_by == {"embedding": "x"} and loaded.options == SMALL
    np.testing.assert_array_equal(loaded.targets_.thresholds, model.targets_.thresholds)
