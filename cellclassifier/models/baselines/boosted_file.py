"""Are the bytes of an XGBoost model what they claim to be? XGBoost follows them unchecked."""

from __future__ import annotations

import json

import numpy as np

from cellclassifier.models.baselines import ubjson

ROOT = 2**31 - 1  # "parent" of a tree's first node
OF_NODES = (
    "left_children",
    "right_children",
    "parents",
    "split_indices",
    "split_conditions",
    "split_type",
    "default_left",
    "base_weights",
    "loss_changes",
    "sum_hessian",
)
CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_model(content: bytes) -> None:
    """Raise ValueError, KeyError or TypeError where a saved model contradicts itself.

    After it every split looks at one of num_feature features, every branch ends in a leaf, and
    every tree adds to one of the types.
    """
    learner = ubjson.read(content)["learner"]
    parameters, booster = learner["learner_model_param"], learner["gradient_booster"]
    n_features, n_types = _whole(parameters["num_feature"]), max(_whole(parameters["num_class"]), 1)
    is_plain = booster["name"] == "gbtree" and not learner["attributes"]
    objective = learner["objective"]
    if n_types > 1:
        is_plain &= objective["name"] == "multi:softprob"
        is_plain &= _whole(objective["softmax_multiclass_param"]["num_class"]) == n_types
    else:
        is_plain &= objective["name"] == "binary:logistic"
    if not is_plain or _whole(parameters["num_target"]) != 1:
        raise ValueError("a model of another kind")
    # One number for all types before XGBoost 3.1.
    if np.shape(json.loads(parameters["base_score"])) not in ((), (n_types,)):
        raise ValueError("base_score does not fit the number of types")
    model = booster["model"]
    _check_counts(model, n_types)
    for tree in model["trees"]:
        _check_tree(tree, n_features)


def _whole(text: str) -> int:
    """The number that a text is, in the one way that all readers agree on."""
    if str(int(text)) != text:
        raise ValueError(f"{text[:40]!r} for a number")
    return int(text)


def _check_counts(model: dict, n_types: int) -> None:
    """Whether the lists that say whose the trees are fit the trees."""
    n_trees, rounds = len(model["trees"]), np.array(model["iteration_indptr"])
    of_type = np.array(model["tree_info"])
    claimed = _whole(model["gbtree_model_param"]["num_trees"])
    in_order = rounds[0] == 0 and rounds[-1] == n_trees and (np.diff(rounds) >= 0).all()
    if not n_trees or not n_trees == len(of_type) == claimed or not in_order:
        raise ValueError("the numbers of trees disagree")
    if _whole(model["gbtree_model_param"]["num_parallel_tree"]) != 1:
        raise ValueError("a forest in every round")
    if (
        (of_type < 0).any()
        or (of_type >= n_types).any()
        or any(map(len, model.get("cats", {}).values()))
    ):
        raise ValueError("trees of unknown types")


def _check_tree(tree: dict, n_features: int) -> None:
    """Whether all nodes are reached once, from the first one, and split by known features."""
    n_nodes = _whole(tree["tree_param"]["num_nodes"])
    if n_nodes < 1 or any(np.shape(tree[name]) != (n_nodes,) for name in OF_NODES):
        raise ValueError("a tree's arrays are of different lengths")
    if any(len(tree[name]) for name in CATEGORIES) or np.any(tree["split_type"]):
        raise ValueError("a tree that splits by categories")
    if _whole(tree["tree_param"]["size_leaf_vector"]) != 1:
        raise ValueError("leaves of several values")
    if _whole(tree["tree_param"]["num_feature"]) != n_features:
        raise ValueError("a tree of another number of features")
    left, right, parents = tree["left_children"], tree["right_children"], tree["parents"]
    node = np.arange(n_nodes)
    inner = node[left != -1]
    for children in (left, right):
        child = children[inner]
        if (child <= inner).any() or (child >= n_nodes).any() or (parents[child] != inner).any():
            raise ValueError("a tree points outside its nodes, or back")
    if (left == right)[inner].any() or (right[left == -1] != -1).any() or parents[0] != ROOT:
        raise ValueError("a tree points outside its nodes, or back")
    split = tree["split_indices"][inner]
    if (split < 0).any() or (split >= n_features).any():
        raise ValueError("a tree splits by an unknown feature")
