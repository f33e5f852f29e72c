"""Is a fitted estimator that was read from a file what its recipe would have fitted?"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.ensemble import VotingClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree

from cellclassifier.data.gene_counts import GeneCounts, total_counts
from cellclassifier.models.baselines.boosting import BoostedTrees
from cellclassifier.models.baselines.recipes import Recipe
from cellclassifier.models.baselines.threaded_forest import ThreadedForest

ROUNDING = 1e-4  # by which probabilities may miss a sum of 1


def types_in(estimator: BaseEstimator) -> set[str]:
    """Full names of the types of objects that a fitted estimator consists of."""
    kinds = {type(estimator)}
    if isinstance(estimator, ThreadedForest):
        kinds |= {DecisionTreeClassifier}
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
    if isinstance(estimator, VotingClassifier):
        names |= {"sklearn.preprocessing._label.LabelEncoder"}
        names |= {name for _, member in estimator.estimators for name in types_in(member)}
    return names


def libraries_of(estimator: BaseEstimator) -> tuple[str, ...]:
    """Libraries that an estimator needs beside scikit-learn."""
    trees = f"{BoostedTrees.__module__}.{BoostedTrees.__qualname__}"
    return ("xgboost",) if trees in types_in(estimator) else ()


def check_parts(features, estimator, recipe: Recipe, genes: list[str], types: list[str]) -> None:
    """Raise ValueError where features or estimator are not what the recipe learns from cells.

    genes, types: of the model that they are of.
    """
    check_fitted(features, recipe.features, len(genes), len(types))
    check_fitted(estimator, recipe.estimator, len(genes), len(types))
    if list(estimator.classes_) != types:
        raise ValueError("the types disagree")
    scale = features.scale_
    if list(features.genes_) != genes or scale.shape != (len(genes),) or scale.dtype.kind != "f":
        raise ValueError("the genes disagree")


def a_cell(n_genes: int) -> GeneCounts:
    """A cell that expresses all genes; whatever a model makes of it, it must not fail at it."""
    counts = sp.csr_matrix(np.arange(1, n_genes + 1, dtype=np.float32)[None])
    return GeneCounts(counts, total_counts(counts), np.ones(n_genes, dtype=bool))


def check_probabilities(found: np.ndarray, n_types: int) -> None:
    """Raise ValueError unless they are those of the types of one cell, (1, n_types)."""
    if found.shape != (1, n_types) or not abs(found.sum() - 1) < ROUNDING:
        raise ValueError("the model gives no probabilities")


def check_fitted(found: BaseEstimator, expected: BaseEstimator, n_features: int, n_types: int):
    """Raise ValueError where predicting would follow what was read to nowhere.

    expected: the unfitted estimator of the recipe; n_features: columns that it will be given.
    """
    if type(found) is not type(expected):
        raise ValueError(f"a {type(found).__name__} for a {type(expected).__name__}")
    check_attributes(found)
    if isinstance(found, VotingClassifier):
        members = [member for _, member in expected.estimators]
        for one, other in zip(found.estimators_, members, strict=True):
            check_fitted(one, other, n_features, n_types)
    if isinstance(found, BoostedTrees):
        n_known = found.model_.get_booster().num_features()
        if n_known != n_features or len(found.classes_) != n_types:
            raise ValueError("boosted trees of another number of features or types")
    if isinstance(found, ThreadedForest):
        for member in found.estimators_:
            if type(member) is not DecisionTreeClassifier or type(member.tree_) is not Tree:
                raise ValueError(f"a {type(member).__name__} in a forest")
            check_attributes(member)
            _check_tree(member.tree_, n_features, n_types)


def check_attributes(found: BaseEstimator) -> None:
    """Raise ValueError where an attribute hides a method, or an array holds no numbers or text."""
    for name, value in vars(found).items():
        if callable(getattr(type(found), name, None)):
            raise ValueError(f"{name[:40]} is no method")
        if not isinstance(value, np.ndarray):
            continue
        if value.dtype.kind not in "biufU" or (value.dtype.kind == "f" and not_finite(value)):
            raise ValueError(f"{name[:40]} holds values that are no numbers")


def not_finite(values: np.ndarray) -> bool:
    """Whether any value is NaN or infinite."""
    return not np.isfinite(values).all()


def _check_tree(tree: Tree, n_features: int, n_types: int) -> None:
    left, right = tree.children_left, tree.children_right
    node = np.arange(tree.node_count)
    inner = left != -1
    follows = (left > node) & (right > node) & (left < len(node)) & (right < len(node))
    known = (tree.feature >= 0) & (tree.feature < n_features)
    if not (follows & known)[inner].all() or (right[~inner] != -1).any():
        raise ValueError("a tree points outside its nodes or features")
    if tree.value.shape != (len(node), 1, n_types) or not_finite(tree.value):
        raise ValueError("a tree does not fit the number of types")
    if not_finite(tree.impurity) or not_finite(tree.weighted_n_node_samples):
        raise ValueError("a tree's nodes hold values that are no numbers")
