"""Kept answers are found again by what made them, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_cells

from benchmarks import kept
from benchmarks.embedded.methods import METHODS, key_of_embedding
from cellclassifier.models.methods import make_method

CODE = '"""What it does."""\n\n\ndef twice(x):\n    """Twice."""\n    return 2 * x  # why\n'


@pytest.fixture(scope="module")
def cells():
    return make_cells()


def test_comments_and_docstrings_are_no_change_of_code():
    same = "def twice(x):\n    return 2*x\n"
    assert kept.digest_of_code(CODE) == kept.digest_of_code(same)
    assert kept.digest_of_code(CODE) != kept.digest_of_code(CODE.replace("2 * x", "3 * x"))


def test_a_key_knows_the_methods_version_its_options_its_seed_and_the_cells(cells):
    def key(cells=cells, method="logistic_regression", **options):
        return kept.key_of_model(make_method(method, **options), cells)

    class Later(type(make_method("logistic_regression"))):
        version = 99

    Later.__module__ = type(make_method("logistic_regression")).__module__
    later = Later("logistic_regression")
    keys = [
        key(),
        key(quick=True),
        key(n_genes=50),
        key(seed=1),
        key(method="gbdt"),
        key(cells[1:].copy()),
        kept.key_of_model(later, cells),
        kept.key_of_model(make_method("logistic_regression"), cells, note="another"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(jobs=2) == key()


@pytest.mark.parametrize(
    ("method", "module"),
    [
        ("augmented_network", "cellclassifier.data.augment"),
        ("marker_network", "cellclassifier.data.marker_labels"),
        ("cellama", "cellclassifier.models.cellama.head_xgboost"),
        ("logistic_regression", "cellclassifier.models.missing_genes"),
        ("gbdt", "cellclassifier.data.features"),
        ("gbdt", "cellclassifier.trust.calibration"),
    ],
)
def test_a_key_changes_with_the_code_that_a_method_reaches(method, module, cells, monkeypatch):
    model = make_method(method)
    before = kept.key_of_model(model, cells)
    code_of = kept._code_of
    monkeypatch.setattr(kept, "_code_of", lambda name: "new" if name == module else code_of(name))
    assert kept.key_of_model(model, cells) != before


def test_a_key_does_not_change_with_other_systems_or_with_what_draws(cells):
    reached = kept._reached(type(make_method("cellular")).__module__)
    assert not any(name.startswith("cellclassifier.models.spoticell") for name in reached)
    assert not any(
        name.startswith(("cellclassifier.plots", "cellclassifier.output")) for name in reached
    )


def test_a_kept_file_says_what_it_holds():
    path = kept.kept_path(Path("folder"), "gbdt-ifnb CTRL-142", "0" * 16, ".npz")
    assert path == Path("folder/gbdt-ifnb_CTRL-142-0000000000000000.npz")


def test_every_embedding_has_a_key_of_its_own(cells):
    parts = np.repeat(["train", "val", "test"], [80, 20, 20])
    names = list(METHODS)
    keys = [key_of_embedding(name, cells, parts, seed=1) for name in names]
    assert len(set(keys)) == len(names)
    assert key_of_embedding("PCA", cells, parts[::-1], seed=1) != keys[0]
