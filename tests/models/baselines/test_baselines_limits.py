"""What baselines refuse to load, and how little memory they may take."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from conftest import make_cells
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from cellclassifier.data.features import CountFeatures
from cellclassifier.errors import InputError
from cellclassifier.model_folder import seal
from cellclassifier.models.baselines.classifier import METHODS, Baseline, make_baseline


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder with a saved forest and saved boosted trees."""
    folder = tmp_path_factory.mktemp("models")
    cells = make_cells(n_cells=30)
    for method in ("random_forest", "gbdt"):
        model = make_baseline(method, quick=True)
        model.fit(cells, cells.obs["cell_type"].to_numpy().astype(str)).save(folder / method)
    return folder


@pytest.fixture
def folder(originals, tmp_path):
    """Copies of the saved models, to be damaged."""
    return shutil.copytree(originals, tmp_path / "models")


def change(folder, **changed):
    """Change model.json, and renew all digests: what someone who means harm would do."""
    content = json.loads((folder / "model.json").read_text()) | changed
    seal(folder, {k: v for k, v in content.items() if v is not None})


def test_unknown_method():
    with pytest.raises(InputError, match=r"unknown method '?svm'?: expected one .*majority"):
        make_baseline("svm")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_files_cut_short(folder, share):
    path = folder / "gbdt" / "model.skops"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match="damaged or was changed"):
        Baseline.load(folder / "gbdt")
    change(folder / "gbdt")
    with pytest.raises(InputError, match="cannot be read"):
        Baseline.load(folder / "gbdt")


@pytest.mark.parametrize("method", ["random_forest", "gbdt"])
def test_flipped_bytes_are_refused_or_harmless(folder, method):
    """Digests find a changed byte; with new digests, the archive's own checksums do."""
    path = folder / method / "model.skops"
    content = path.read_bytes()
    for place in np.linspace(200, len(content) // 2, 12, dtype=int):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with pytest.raises(InputError, match="damaged or was changed"):
            Baseline.load(folder / method)
        change(folder / method)
        try:
            model = Baseline.load(folder / method)
        except InputError:
            continue
        assert model.predict_proba(make_cells(30)).shape == (30, 3)


@pytest.mark.parametrize("method", ["svm", 3])
def test_descriptions_of_unknown_methods_are_refused(folder, method):
    change(folder / "gbdt", method=method)
    with pytest.raises(InputError, match="gbdt"):
        Baseline.load(folder / "gbdt")


@pytest.mark.parametrize("types", [["B", "NK"], ["B", "NK", "T/x", "more"], "BNT", []])
@pytest.mark.parametrize("method", ["random_forest", "gbdt"])
def test_types_that_do_not_fit_the_model_are_refused(folder, method, types):
    change(folder / method, types=types)
    with pytest.raises(InputError, match=method):
        Baseline.load(folder / method)


class Planted:
    """A type that skops must not build for us."""

    def __init__(self):
        self.data = [1]


@pytest.mark.parametrize(
    "planted", [Planted(), FunctionTransformer(np.fromfile)], ids=["class", "function"]
)
def test_untrusted_types_are_refused(folder, planted):
    content = {"features": planted, "estimator": planted}
    skops.io.dump(content, folder / "random_forest" / "model.skops")
    change(folder / "random_forest")
    with pytest.raises(InputError, match="Untrusted types"):
        Baseline.load(folder / "random_forest")


@pytest.mark.parametrize("content", [{}, {"features": 3}, [1], {"features": None, "estimator": 1}])
def test_archives_of_something_else_are_refused(folder, content):
    skops.io.dump(content, folder / "random_forest" / "model.skops")
    change(folder / "random_forest")
    with pytest.raises(InputError, match="random_forest"):
        Baseline.load(folder / "random_forest")


def test_other_estimators_than_the_methods_own_are_refused(folder):
    """A bare tree, or any other home for one, would be followed unchecked when it predicts."""
    parts = {"features": CountFeatures()}
    parts["features"].genes_, parts["features"].scale_ = np.array(["gene_0"]), np.ones(1)
    parts["estimator"] = DecisionTreeClassifier().fit([[0.0], [1.0]], ["A", "B"])
    skops.io.dump(parts, folder / "random_forest" / "model.skops")
    change(folder / "random_forest")
    with pytest.raises(InputError, match="random_forest"):
        Baseline.load(folder / "random_forest")


@pytest.mark.parametrize("method", METHODS)
def test_only_selected_genes_are_ever_dense(monkeypatch, method):
    """No sparse matrix wider than the selection is made dense while fitting or predicting."""
    cells = make_cells(n_cells=90, n_genes=400)
    dense = sp.csr_matrix.toarray
    widths = []

    def toarray(self, *args, **kwargs):
        widths.append(self.shape[1])
        return dense(self, *args, **kwargs)

    for layout in (sp.csr_matrix, sp.csc_matrix, sp.coo_matrix):
        monkeypatch.setattr(layout, "toarray", toarray)
        monkeypatch.setattr(layout, "todense", toarray)
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    model = make_baseline(method, n_genes=20, quick=True).fit(cells, labels, (cells, labels))
    model.predict_proba(cells)
    assert max(widths, default=0) <= 20
