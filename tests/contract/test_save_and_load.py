"""A saved model is the same model to the last bit, holds no pickle, and is refused once changed."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import stat
import zipfile

import numpy as np
import pytest
from contract.registry import EVERY, GENES, judged, new_inputs, saved_in, trained

from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.model_folder import CARD

pytestmark = pytest.mark.usefixtures("in_package")


@pytest.fixture(params=EVERY)
def name(request):
    return request.param


def content_of(folder) -> dict:
    return json.loads((folder / "model.json").read_text())


def test_the_class_is_found_and_everything_comes_back(tmp_path_factory, name):
    model, x = trained(name), new_inputs(name)
    loaded = Classifier.load(saved_in(tmp_path_factory, name))
    assert type(loaded) is type(model) and loaded.method == model.method
    assert type(loaded.targets_) is type(model.targets_) and len(loaded.targets_) == 0
    np.testing.assert_array_equal(loaded.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.calibration_ == model.calibration_
    assert loaded.n_features() == model.n_features()
    assert loaded.provenance_["data"] == {"sha256": "1"} and loaded.provenance_["split"] == 1
    for key in ("classes_", *(("genes_", "symbols_") if name in GENES else ())):
        assert getattr(loaded, key).tolist() == getattr(model, key).tolist()


def test_novelty_comes_back(tmp_path_factory, name):
    model, x = trained(name), new_inputs(name)
    loaded = Classifier.load(saved_in(tmp_path_factory, name))
    if model.novelty_ is None:
        assert loaded.novelty_ is None
        return
    scores = []
    for one in (model, loaded):
        outputs = one.outputs(x)
        space = one.novelty_.place(outputs.features)
        scores.append(one.novelty_.score(space, outputs.probabilities))
    np.testing.assert_array_equal(*scores)
    np.testing.assert_array_equal(loaded.novelty_.thresholds, model.novelty_.thresholds)


@pytest.mark.parametrize("name", GENES)
def test_importance_comes_back(tmp_path_factory, name):
    loaded = Classifier.load(saved_in(tmp_path_factory, name))
    weights = [m.gene_importance() / m.gene_importance().sum() for m in (loaded, trained(name))]
    np.testing.assert_allclose(*weights, rtol=1e-6)
    assert (weights[0] >= 0).all() and weights[0].shape == loaded.genes_.shape


def test_a_loaded_model_can_be_saved_again(tmp_path_factory, tmp_path, name):
    folder = saved_in(tmp_path_factory, name)
    Classifier.load(folder).save(tmp_path / "again")
    first, second = content_of(folder), content_of(tmp_path / "again")
    keys = ("class", "method", "question", "types", "calibration", "versions")
    for key in (*keys, *(("genes", "symbols") if name in GENES else ())):
        assert first[key] == second[key]
    again, x = Classifier.load(tmp_path / "again"), new_inputs(name)
    np.testing.assert_array_equal(again.predict_proba(x), trained(name).predict_proba(x))


def test_no_pickle_is_saved_and_none_is_read(tmp_path_factory, monkeypatch, name):
    folder = saved_in(tmp_path_factory, name)
    for path in folder.iterdir():
        assert path.suffix in (".json", ".md", ".npz", ".safetensors", ".skops")
        assert not path.read_bytes().startswith(b"\x80")  # how a pickle begins
        if path.suffix in (".npz", ".skops"):
            assert_plain_members(path)

    def refused(*args, **kwargs):
        raise AssertionError("a pickle is read")

    for function in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, function, refused)
    assert len(Classifier.load(folder).predict_proba(new_inputs(name))) == 50


@pytest.mark.parametrize("umask", [0o022, 0o027], ids=oct)
def test_colleagues_may_read_what_the_umask_says(tmp_path, name, umask):
    old = os.umask(umask)
    try:
        trained(name).save(tmp_path / "model")
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.pop("model") == 0o777 & ~umask
    assert len(modes) > 1 and set(modes.values()) == {0o666 & ~umask}


def assert_plain_members(path) -> None:
    """A zip of JSON and of arrays without objects in them."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            assert member.endswith((".npy", ".json"))
            if member.endswith(".npy"):
                with archive.open(member) as file:
                    np.lib.format.read_array(file, allow_pickle=False)


def test_the_folder_is_sealed(tmp_path_factory, tmp_path, name):
    """A bit of any file turned over, a file missing, a file too many: a sentence each."""
    original = saved_in(tmp_path_factory, name)
    files = sorted(path.name for path in original.iterdir() if path.name != CARD)
    assert len(files) > 1
    for file in files:
        folder = shutil.copytree(original, tmp_path / f"turned-{file}")
        content = bytearray((folder / file).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / file).write_bytes(content)
        with pytest.raises(InputError, match=r"changed after the model was saved|is damaged"):
            Classifier.load(folder)
        (folder / file).unlink()
        with pytest.raises(InputError, match=r"is missing|holds no model\.json"):
            Classifier.load(folder)
    folder = shutil.copytree(original, tmp_path / "more")
    (folder / "more.npz").touch()
    with pytest.raises(InputError, match=r"more\.npz is no part of the model"):
        Classifier.load(folder)


def test_the_card_has_the_scores(tmp_path, name):
    """As ``Run`` hands them over, of any question; a reload finds them in model.json."""
    model, result = judged(name)
    facts = result.facts()
    model.save(tmp_path / "model", **facts)
    assert content_of(tmp_path / "model").items() >= facts.items()
    test = result.scores.set_index("part").loc["test"]
    text = (tmp_path / "model" / CARD).read_text(encoding="utf-8")
    interval = f"{test['macro_f1_low']:.3f} to {test['macro_f1_high']:.3f}"
    assert f"| macro-F1 | {test['macro_f1']:.3f} | {interval} |" in text
    Classifier.load(tmp_path / "model")


def test_people_may_edit_the_card(tmp_path_factory, tmp_path, name):
    """It says what the model is; it is never read, so that whatever becomes of it does no harm."""
    folder = shutil.copytree(saved_in(tmp_path_factory, name), tmp_path / "model")
    text = (folder / CARD).read_text(encoding="utf-8")
    types = content_of(folder)["types"]
    assert f"`{trained(name).method}`" in text and all(f"`{one}`" in text for one in types)
    digest = Classifier.load(folder).provenance_["digest"]
    (folder / CARD).write_bytes(b"\xff edited")
    assert Classifier.load(folder).provenance_["digest"] == digest
    (folder / CARD).unlink()
    assert Classifier.load(folder).provenance_["digest"] == digest


def test_a_failed_save_keeps_the_old_model(tmp_path_factory, tmp_path, monkeypatch, name):
    folder = shutil.copytree(saved_in(tmp_path_factory, name), tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(Classifier, "_write_parts", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(name).save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_another_class_than_asked_for_is_refused(tmp_path_factory, name):
    folder, kind = saved_in(tmp_path_factory, name), type(trained(name))
    assert isinstance(kind.load(folder), kind)
    other = next(trained(n) for n in EVERY if not isinstance(trained(n), kind))
    with pytest.raises(InputError, match=f"holds a {kind.__name__}, expected a "):
        type(other).load(folder)
