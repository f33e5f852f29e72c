"""A random forest of two classes that may grow beside others in threads of one process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.tree import DecisionTreeClassifier

MIN_CELLS_PER_LEAF = 3
CELLS_PER_TREE = 10_000  # that a bootstrap sample holds at most: growth slows beyond, scores do not


@dataclass(frozen=True)
class Forest:
    """Grown trees, and how much each gene counts in them.

    scikit-learn's own RandomForestClassifier gives the same forest to the last digit (a test
    compares them), but is not for threads: around every tree it clears and refills the warning
    filters, which belong to the whole process, and then warns where another thread left none.

    trees: (n_trees,); importances: (n_genes,) mean decrease in impurity, sums to 1.
    """

    trees: tuple[DecisionTreeClassifier, ...]
    importances: np.ndarray

    @classmethod
    def grow(cls, values: np.ndarray, label: np.ndarray, n_trees: int, seed: int) -> Forest:
        """Grow every tree on a bootstrap sample of the cells, with sqrt(n_genes) tried per split.

        values: (n_cells, n_genes) float32; label: (n_cells,) bool.
        """
        seeds = np.random.RandomState(seed).randint(np.iinfo(np.int32).max, size=n_trees)
        trees = tuple(_grown_tree(values, label, int(tree_seed)) for tree_seed in seeds)
        return cls(trees, _importances(trees, values.shape[1]))

    def probability(self, values: np.ndarray) -> np.ndarray:
        """Mean over trees of the share of true labels in a cell's leaf, (n_cells,)."""
        total = np.zeros(len(values))
        for tree in self.trees:
            total += tree.tree_.predict(values)[:, 1]
        return total / len(self.trees)


def _grown_tree(values: np.ndarray, label: np.ndarray, seed: int) -> DecisionTreeClassifier:
    n_cells = len(label)
    drawn = np.random.RandomState(seed).randint(0, n_cells, min(n_cells, CELLS_PER_TREE))
    tree = DecisionTreeClassifier(
        min_samples_leaf=MIN_CELLS_PER_LEAF, max_features="sqrt", random_state=seed
    )
    times_drawn = np.bincount(drawn, minlength=n_cells)
    return tree.fit(values, label, sample_weight=times_drawn, check_input=False)


def _importances(trees: tuple[DecisionTreeClassifier, ...], n_genes: int) -> np.ndarray:
    """Of the trees that split at all; zeros where none does."""
    of_trees = [tree.feature_importances_ for tree in trees if tree.tree_.node_count > 1]
    if not of_trees:
        return np.zeros(n_genes)
    mean = np.mean(of_trees, axis=0)
    return mean / mean.sum()
