"""Save fitted scikit-learn objects without pickle, and load them as data that may be hostile."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from zipfile import ZIP_DEFLATED

import numpy as np

from cellclassifier.errors import InputError

# What a file may build beyond what skops trusts by itself.
TRUSTED = (
    "cellclassifier.models.baselines.boosting.BoostedTrees",
    "cellclassifier.data.features.CountFeatures",
    "cellclassifier.models.baselines.rank_regression.YieldingRegression",
    "cellclassifier.models.baselines.threaded_forest.ThreadedForest",
    "sklearn.utils._bunch.Bunch",  # a dict
    "sklearn.tree._tree.Tree",  # scikit-learn follows its indices unchecked: see check_trees
)


def save_parts(parts: dict[str, object], path: Path) -> None:
    """Write named fitted objects into one .skops file (a zip of JSON and arrays)."""
    skops_io().dump(parts, path, compression=ZIP_DEFLATED, compresslevel=1)


def load_parts(path: Path, names: tuple[str, ...]) -> dict[str, object]:
    """Read the named objects of a .skops file; InputError for anything else that it holds."""
    try:
        parts = skops_io().load(path, trusted=list(TRUSTED))
        for part in (parts[name] for name in names):
            check_trees(part)
    except Exception as error:  # whatever a damaged or hostile file provokes in its reader
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"the model in {path} cannot be read ({reason}): train and save it again"
        ) from error
    return parts


def skops_io() -> ModuleType:
    """The module skops.io, imported without torch.

    It lists all of scikit-learn on import, and with it a module that imports torch where that is
    installed: 2 seconds and 0.2 GiB for nothing.
    """
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # as if it were not installed
    try:
        return importlib.import_module("skops.io")
    finally:
        if hidden:
            del sys.modules["torch"]


def check_trees(estimator: object, n_features: int = 0) -> None:
    """Raise ValueError where a tree would be followed outside its nodes, or for ever.

    Looks into ensembles of ensembles; n_features is what the surrounding estimator lets in.
    """
    n_features = getattr(estimator, "n_features_in_", n_features)
    for member in getattr(estimator, "estimators_", ()):
        check_trees(member, n_features)
        if hasattr(member, "tree_"):
            _check_tree(member.tree_, n_features, n_types=len(estimator.classes_))


def _check_tree(tree, n_features: int, n_types: int) -> None:
    left, right = tree.children_left, tree.children_right
    node = np.arange(tree.node_count)
    inner = left != -1
    follows = (left > node) & (right > node) & (left < len(node)) & (right < len(node))
    known = (tree.feature >= 0) & (tree.feature < n_features)
    if not (follows & known)[inner].all() or (right[~inner] != -1).any():
        raise ValueError("a tree points outside its nodes or features")
    if len(node) == 0 or tree.value.shape != (len(node), 1, n_types):
        raise ValueError("a tree does not fit the number of types")
