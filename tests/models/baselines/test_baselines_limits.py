"""What baselines refuse to load, and how little memory they may take."""

from __future__ import annotations

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from conftest import make_cells
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from trained_models import N_GENES, saved_in

from cellclassifier.data.features import CountFeatures
from cellclassifier.errors import InputError
from cellclassifier.model_folder import seal
from cellclassifier.models.baselines.classifier import Baseline, make_baseline
from cellclassifier.models.baselines.options import METHODS


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
    with pytest.raises(InputError, match=r"an unexpected .*(Planted|FunctionTransformer)"):
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


def parts_of(folder):
    """What skops reads from a folder, as honest as it comes."""
    return skops.io.load(folder / "model.skops", trusted=TRUSTED_HERE)


TRUSTED_HERE = [
    "cellclassifier.models.baselines.boosting.BoostedTrees",
    "cellclassifier.data.features.CountFeatures",
    "cellclassifier.models.baselines.rank_regression.YieldingRegression",
    "cellclassifier.models.baselines.threaded_forest.ThreadedForest",
    "sklearn.utils._bunch.Bunch",
    "sklearn.tree._tree.Tree",
]


def refuse_parts(folder, parts, match="cannot be read"):
    skops.io.dump(parts, folder / "model.skops")
    change(folder)
    with pytest.raises(InputError, match=match):
        Baseline.load(folder)


@pytest.fixture
def saved(tmp_path_factory, tmp_path):
    """What makes a copy of a saved model of a method, to be damaged."""
    return lambda method: shutil.copytree(saved_in(tmp_path_factory, method), tmp_path / method)


@pytest.mark.parametrize("method", ["soft_vote", "random_forest"])
@pytest.mark.parametrize(
    "hide",
    [
        lambda tree: make_pipeline(StandardScaler(), tree),
        lambda tree: BaggingClassifier(tree, n_estimators=2),
        lambda tree: tree,
        lambda tree: VotingClassifier([("a", tree), ("b", tree)], voting="soft"),
    ],
    ids=["pipeline", "bagging", "bare", "vote"],
)
def test_members_of_other_types_are_refused(saved, method, hide):
    """A tree in a pipeline in a vote would be followed unchecked when it predicts."""
    folder = saved(method)
    parts, x = parts_of(folder), np.random.default_rng(0).random((30, N_GENES))
    y = np.arange(30) % 4
    parts["estimator"].estimators_[0] = hide(DecisionTreeClassifier()).fit(x, y)
    refuse_parts(folder, parts, "an unexpected sklearn|a DecisionTree|agree|answer|points|cannot")


def arrays_changed(folder, change_array, change_schema=lambda text: text) -> None:
    """Rewrite arrays and schema of a .skops file, and seal the folder."""

    def change_member(name: str, content: bytes) -> bytes:
        if not name.endswith(".npy"):
            return change_schema(content.decode()).encode()
        file = io.BytesIO()
        np.save(file, change_array(np.load(io.BytesIO(content))))
        return file.getvalue()

    members_changed(folder, change_member, suffix="")


def members_changed(folder, change_member, suffix: str = ".npy") -> None:
    """Rewrite members of a .skops file, and seal the folder."""
    path = folder / "model.skops"
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            is_one = name.endswith(suffix)
            archive.writestr(name, change_member(name, content) if is_one else content)
    change(folder)


def in_nodes(field, place, value):
    """What sets a field of a node in the node arrays of all trees."""

    def change_array(array):
        if array.dtype.names:
            array[field][place] = value
        return array

    return change_array


def values_of_nan(array):
    return array * np.nan if array.ndim == 3 else array


@pytest.mark.parametrize(
    "change_array",
    [
        in_nodes("left_child", 0, 10**6),
        in_nodes("right_child", 0, 0),
        in_nodes("left_child", 0, -5),
        in_nodes("feature", 0, N_GENES),
        in_nodes("feature", 0, -7),
        in_nodes("impurity", 1, 2.0**64),
        in_nodes("impurity", 0, np.nan),
        in_nodes("weighted_n_node_samples", 1, 1e300),
        values_of_nan,
        lambda array: array[:1] if array.dtype.names else array,
        lambda array: array[:0] if array.dtype.names else array,
        lambda array: array.astype("U9") if array.ndim == 3 else array,
    ],
)
def test_trees_of_bent_arrays_are_refused(saved, change_array):
    folder = saved("random_forest")
    arrays_changed(folder, lambda array: array)
    Baseline.load(folder)
    arrays_changed(folder, change_array)
    with pytest.raises(InputError, match=r"cannot be read|importance of its genes is"):
        Baseline.load(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node_count", "1000000"),
        ("node_count", "0"),
        ("node_count", "-1"),
        ("node_count", "true"),
        ("node_count", "1" + "0" * 400),
        ("n_features_in_", "1000000"),
        ("n_outputs_", "2"),
    ],
)
def test_numbers_that_arrays_do_not_bear_out_are_refused(saved, key, value):
    """scikit-learn reads beyond its memory where node_count is too large."""
    folder = saved("random_forest")

    def change_schema(text):
        schema = json.loads(text)
        for node in nodes_of(schema):
            if key in node:
                node[key] = node[key] | {"content": value, "__id__": f"another {id(node)}"}
        return json.dumps(schema)

    arrays_changed(folder, lambda array: array, change_schema)
    with pytest.raises(InputError, match="cannot be read"):
        Baseline.load(folder)


def nodes_of(schema):
    """All dicts of a schema."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, dict | list):
            yield from nodes_of(inner)


def test_two_outputs_of_a_tree_are_refused(saved):
    """scikit-learn would read the number of types of the second from beyond its array."""
    folder = saved("random_forest")

    def change_schema(text):
        schema = json.loads(text)
        for node in nodes_of(schema):
            if node.get("__loader__") == "TreeNode":
                outputs = node["__reduce__"]["args"]["content"][2]
                outputs |= {"content": "1000000", "__id__": "another"}
        return json.dumps(schema)

    arrays_changed(folder, lambda array: array, change_schema)
    with pytest.raises(InputError, match="sizes are not those of its arrays"):
        Baseline.load(folder)


def test_one_id_is_one_thing(saved):
    """skops would take the first of two; what was checked must be what is built."""
    folder = saved("random_forest")

    def change_schema(text):
        schema = json.loads(text)
        first = next(n for n in nodes_of(schema) if n.get("__loader__") == "JsonNode")
        for node in nodes_of(schema):
            if node.get("__loader__") == "TreeNode":
                node["__reduce__"]["args"]["content"][2]["__id__"] = first["__id__"]
        return json.dumps(schema)

    arrays_changed(folder, lambda array: array, change_schema)
    with pytest.raises(InputError, match="something else as well"):
        Baseline.load(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["logistic_regression", "rank_regression", "soft_vote"])
def test_weights_that_are_no_numbers_are_refused(saved, method, value):
    folder = saved(method)
    arrays_changed(folder, lambda array: array * value if array.ndim == 2 else array)
    with pytest.raises(InputError, match="coef_ holds values that are no numbers"):
        Baseline.load(folder)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "change_array",
    [
        lambda array: array[:-1],
        lambda array: np.concatenate([array, array]),
        lambda array: array[..., None],
        lambda array: array.astype("U9") if array.dtype.kind == "f" else array,
    ],
    ids=["short", "long", "deep", "text"],
)
def test_arrays_of_other_shapes_are_refused(saved, method, change_array):
    folder = saved(method)
    arrays_changed(folder, lambda array: change_array(array) if array.ndim else array)
    with pytest.raises(InputError, match="cannot be read"):
        Baseline.load(folder)


@pytest.mark.parametrize("method", METHODS)
def test_attributes_that_hide_methods_are_refused(saved, method):
    folder = saved(method)
    parts = parts_of(folder)
    parts["estimator"].predict_proba = parts["features"]
    refuse_parts(folder, parts, "predict_proba is no method")


def test_an_archive_that_swells_is_refused_before_it_is_unpacked(saved):
    folder = saved("random_forest")
    with (
        zipfile.ZipFile(folder / "model.skops", "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(300):
            file.write(bytes(2**20))
    change(folder)
    with pytest.raises(InputError, match="when unpacked"):
        Baseline.load(folder)


@pytest.mark.parametrize("shape", [(2**40,), (10**6, 10**6), (2**63,), (), (-1,)])
@pytest.mark.parametrize("dtype", ["<f8", "|O", "<U1000000"])
def test_arrays_that_claim_other_sizes_are_never_made(saved, shape, dtype):
    """Of any member: numpy makes room for what a header claims before it reads."""
    folder = saved("random_forest")
    head = io.BytesIO()
    claim = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, claim)
    members_changed(folder, lambda name, content: head.getvalue() + b"1234567")
    with pytest.raises(InputError, match=r"cannot be read \(\S+\.npy claims .* in 7 bytes\)"):
        Baseline.load(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, "3", "{}", "[]", '{"protocol": 0}', "{" * 9])
def test_schemas_of_something_else_are_refused(saved, text):
    folder = saved("random_forest")
    arrays_changed(folder, lambda array: array, lambda schema: text)
    with pytest.raises(InputError, match="cannot be read"):
        Baseline.load(folder)


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
