"""Extremely randomised trees of two classes, kept as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from sklearn.tree import ExtraTreeClassifier

ROWS_AT_ONCE = 4096  # predicted together, so that memory has a bound
LEAF = -1


@dataclass(frozen=True)
class ExtraTrees:
    """A forest (Geurts et al. 2006), as five arrays over all nodes of all trees.

    roots: (n_trees,) int32; left, right: (n_nodes,) int32, ``LEAF`` in leaves; feature: (n_nodes,)
    int32; threshold: (n_nodes,) float32, up to which a value goes left; value: (n_nodes,) float32,
    the weighted share of positives in a node. A child stands behind its parent.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray

    @classmethod
    def grow(
        cls, x: np.ndarray, label: np.ndarray, n_trees: int, leaf: int, seed: int, weights=None
    ) -> Self:
        """Grow trees on all rows, with the root of the number of features tried per split.

        x: (n, n_features) float32; label: (n,) bool; leaf: fewest rows in one; weights: (n,) or
        None. The same trees as scikit-learn's ExtraTreesClassifier of that seed without bootstrap
        (a test compares them). Where all labels are alike the forest says so of every row.
        """
        if label.all() or not label.any():
            return cls._constant(float(label.mean()), n_trees)
        seeds = np.random.RandomState(seed).randint(np.iinfo(np.int32).max, size=n_trees)
        parts, start = [], 0
        for tree_seed in seeds:
            tree = ExtraTreeClassifier(
                min_samples_leaf=leaf, max_features="sqrt", random_state=int(tree_seed)
            )
            grown = tree.fit(x, label, sample_weight=weights, check_input=False).tree_
            parts.append(_arrays_of(grown, start))
            start += grown.node_count
        columns = zip(*parts, strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    @classmethod
    def _constant(cls, share: float, n_trees: int) -> Self:
        nodes = np.arange(n_trees, dtype=np.int32)
        leaves, zeros = np.full(n_trees, LEAF, np.int32), np.zeros(n_trees, np.int32)
        value = np.full(n_trees, share, np.float32)
        return cls(nodes, leaves, leaves, zeros, value, value)

    def probability(self, x: np.ndarray) -> np.ndarray:
        """Mean over the trees of the value of a row's leaf, (n,) float64; x: (n, n_features)."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        starts = range(0, len(x), ROWS_AT_ONCE)
        return np.concatenate(
            [np.empty(0), *(self._probability(x[i : i + ROWS_AT_ONCE]) for i in starts)]
        )

    def _probability(self, x: np.ndarray) -> np.ndarray:
        n_trees = len(self.roots)
        node, row = np.tile(self.roots, len(x)), np.repeat(np.arange(len(x)), n_trees)
        active = np.arange(len(node))
        while len(active):  # ends, since a child stands behind its parent
            at = node[active]
            inner = self.left[at] != LEAF
            active, at = active[inner], at[inner]
            goes_left = x[row[active], self.feature[at]] <= self.threshold[at]
            node[active] = np.where(goes_left, self.left[at], self.right[at])
        return self.value[node].reshape(len(x), n_trees).mean(axis=1, dtype=np.float64)

    def check(self, n_features: int) -> None:
        """Raise ValueError for arrays of a stranger's that are no forest of so many features."""
        n_nodes = len(self.left)
        for field in fields(self):
            array = getattr(self, field.name)
            wanted = np.float32 if field.name in ("threshold", "value") else np.int32
            if array.dtype != wanted or array.ndim != 1:
                raise ValueError(f"{field.name} is {array.dtype} of {array.ndim} dimensions")
            if field.name != "roots" and len(array) != n_nodes:
                raise ValueError(f"{field.name} has {len(array)} nodes, expected {n_nodes}")
        leaves = self.left == LEAF
        if (leaves != (self.right == LEAF)).any() or not len(self.roots):
            raise ValueError("nodes with one child, or no tree")
        self._check_places(np.flatnonzero(~leaves), n_nodes, n_features)
        if not (
            np.isfinite(self.threshold).all() and ((self.value >= 0) & (self.value <= 1)).all()
        ):
            raise ValueError("thresholds or shares that are none")

    def _check_places(self, inner: np.ndarray, n_nodes: int, n_features: int) -> None:
        children = np.concatenate([self.left[inner], self.right[inner]])
        if (children <= np.tile(inner, 2)).any() or (children >= n_nodes).any():
            raise ValueError("a child that does not stand behind its parent")
        if (self.roots < 0).any() or (self.roots >= n_nodes).any():
            raise ValueError("a root that is no node")
        if (self.feature[inner] < 0).any() or (self.feature[inner] >= n_features).any():
            raise ValueError("a feature that is none")


def _arrays_of(tree, start: int) -> tuple[np.ndarray, ...]:
    """Those of one grown tree, its nodes counted from ``start``."""
    left, right = (
        np.where(children < 0, LEAF, children + start).astype(np.int32)
        for children in (tree.children_left, tree.children_right)
    )
    # Rows are float32: the largest such number up to the threshold parts them in the same way.
    threshold = tree.threshold.astype(np.float32)
    over = threshold > tree.threshold
    threshold[over] = np.nextafter(threshold[over], np.float32(-np.inf))
    share = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
    feature = np.maximum(tree.feature, 0).astype(np.int32)
    return np.array([start], np.int32), left, right, feature, threshold, share.astype(np.float32)
