"""XGBoost models of strangers: refused before XGBoost follows them; honest ones are read."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from trained_models import known_cells, trained

from cellclassifier.models.baselines import ubjson
from cellclassifier.models.baselines.boosted_file import check_model
from cellclassifier.models.baselines.boosting import BoostedTrees


def written(value) -> bytes:
    """The value as UBJSON, as XGBoost writes it."""
    if isinstance(value, dict):
        return b"{" + b"".join(length(k.encode()) + written(v) for k, v in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#" + b"L" + len(value).to_bytes(8) + b"".join(map(written, value))
    if isinstance(value, str):
        return b"S" + length(value.encode())
    if isinstance(value, np.ndarray):
        marker = {np.dtype(name): key for key, name in ubjson.NUMBERS.items()}[value.dtype]
        return b"[$" + marker + b"#L" + len(value).to_bytes(8) + value.tobytes()
    return b"l" + value.to_bytes(4, signed=True)


def length(text: bytes) -> bytes:
    return b"L" + len(text).to_bytes(8) + text


@pytest.fixture(scope="module")
def honest() -> dict:
    return ubjson.read(bytes(trained("gbdt").estimator_.__getstate__()["model_"]))


@pytest.mark.parametrize("n_types", [2, 3])
def test_honest_models_are_read(n_types):
    """Also what this test writes of one is the same model, so that its edits below count."""
    cells = known_cells()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    kept = np.isin(labels, np.unique(labels)[:n_types])
    trees = BoostedTrees(n_estimators=20).fit(cells.X[kept], labels[kept])
    state = trees.__getstate__()
    content = ubjson.read(state["model_"].tobytes())
    again = BoostedTrees()
    again.__setstate__(state | {"model_": np.frombuffer(written(content), np.uint8)})
    np.testing.assert_array_equal(again.predict_proba(cells.X), trees.predict_proba(cells.X))


def test_what_is_read_is_what_xgboost_writes_as_json():
    booster = trained("gbdt").estimator_.model_.get_booster()
    found = ubjson.read(bytes(booster.save_raw("ubj")))
    expected = json.loads(bytes(booster.save_raw("json")))

    def compare(one, other):
        if isinstance(other, dict):
            assert one.keys() == other.keys()
            for key in other:
                compare(one[key], other[key])
        elif isinstance(other, list) and other and isinstance(other[0], dict):
            assert len(one) == len(other)
            for a, b in zip(one, other, strict=True):
                compare(a, b)
        elif isinstance(other, list):
            np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-6)
        else:
            assert one == other

    compare(found, expected)


def set_in_tree(key: str, place: int, value: int):
    def edit(content: dict) -> None:
        tree = content["learner"]["gradient_booster"]["model"]["trees"][1]
        tree[key] = tree[key].copy()
        tree[key][place] = value

    return edit


def set_at(*path, value):
    def edit(content: dict) -> None:
        content = content["learner"]
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return edit


MODEL = ("gradient_booster", "model")
EDITS = {
    "child beyond": set_in_tree("left_children", 0, 10**6),
    "child below": set_in_tree("right_children", 0, -7),
    "loop": set_in_tree("left_children", 1, 0),
    "itself": set_in_tree("right_children", 0, 0),
    "shared child": set_in_tree("right_children", 0, 1),
    "half a leaf": set_in_tree("left_children", 0, -1),
    "feature beyond": set_in_tree("split_indices", 0, 10**6),
    "feature below": set_in_tree("split_indices", 0, -1),
    "categories": set_in_tree("split_type", 0, 1),
    "no root": set_in_tree("parents", 0, 3),
    "num_feature": set_at("learner_model_param", "num_feature", value="4000000000"),
    "no num_feature": set_at("learner_model_param", "num_feature", value=""),
    "underscore": set_at("learner_model_param", "num_feature", value="4_0"),
    "num_class": set_at("learner_model_param", "num_class", value="100000000"),
    "num_target": set_at("learner_model_param", "num_target", value="7"),
    "base_score": set_at("learner_model_param", "base_score", value="[0E0]"),
    "num_nodes": set_at(*MODEL, "trees", 1, "tree_param", "num_nodes", value="4000000"),
    "size_leaf_vector": set_at(*MODEL, "trees", 1, "tree_param", "size_leaf_vector", value="99"),
    "short": set_at(*MODEL, "trees", 1, "split_conditions", value=np.zeros(1, ">f4")),
    "num_trees": set_at(*MODEL, "gbtree_model_param", "num_trees", value="100000000"),
    "parallel": set_at(*MODEL, "gbtree_model_param", "num_parallel_tree", value="9"),
    "tree_info": set_at(*MODEL, "tree_info", 0, value=50),
    "rounds": set_at(*MODEL, "iteration_indptr", 3, value=10**6),
    "no trees": set_at(*MODEL, "trees", value=[]),
    "other booster": set_at("gradient_booster", "name", value="dart"),
    "other objective": set_at("objective", "name", value="rank:ndcg"),
    "attributes": set_at("attributes", value={"scikit_learn": "{}"}),
}


@pytest.mark.parametrize("name", EDITS)
def test_models_that_contradict_themselves_are_refused(honest, name):
    content = copy.deepcopy(honest)
    check_model(written(content))
    EDITS[name](content)
    with pytest.raises((ValueError, KeyError, TypeError)):
        check_model(written(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"learner": {}}',
        b"[" * 100_000,
        b"[#L" + (2**62).to_bytes(8),
        b"[$d#L" + (2**62).to_bytes(8),
        b"[$d#L" + (-5).to_bytes(8, signed=True),
        b"SL" + (2**63 - 1).to_bytes(8),
        b"{" + (length(b"a") + b"Z") * 2 + b"}",
        b"ZZ",
        b"{L" + (7).to_bytes(8) + b"learner",
    ],
    ids=lambda content: repr(content[:8]),
)
def test_other_bytes_are_refused(content):
    with pytest.raises((ValueError, KeyError, TypeError)):
        check_model(content)
