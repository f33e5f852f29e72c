"""Two classifiers of a few lines, for tests of what is around a classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.interface import Classifier, GeneClassifier, Outputs

FILE = "parts.npz"


class Centroids(GeneClassifier):
    """The type whose mean profile is nearest; ``strength`` scales the log-odds."""

    def __init__(self, method: str = "centroids", strength: float = 1.0, seed: int = 0):
        self.method, self.strength, self.seed = method, strength, seed

    def _fit(self, x, targets, validation) -> None:
        self.genes_ = x.var_names.to_numpy(str)
        values = _log(GeneCounts.of(x, self.genes_))
        codes = range(len(targets.names))
        self.means_ = np.array([values[targets.codes == code].mean(axis=0) for code in codes])

    def _outputs(self, cells: GeneCounts) -> Outputs:
        values = _log(cells)
        distance = ((values[:, None] - self.means_) ** 2).sum(axis=2)  # (n_cells, n_types)
        return Outputs(softmax(-self.strength * distance, axis=1), values)

    def _save_parts(self, folder: Path) -> dict:
        np.savez(folder / FILE, means=self.means_)
        return {"strength": self.strength}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> Centroids:
        model = cls(description["method"], description["strength"])
        with np.load(folder / FILE) as stored:
            model.means_ = stored["means"]
        return model


class OneVsRest(Classifier):
    """Several labels from arrays (n, n_features): a logistic regression of scikit-learn's each."""

    method = "one_vs_rest_regression"

    def _fit(self, x, targets, validation) -> None:
        fitted = [LogisticRegression().fit(x, column) for column in targets.answers.T]
        self.weights_ = np.array([one.coef_[0] for one in fitted])
        self.intercepts_ = np.array([one.intercept_[0] for one in fitted])

    def outputs(self, x) -> Outputs:
        odds = x @ self.weights_.T + self.intercepts_
        return Outputs(1 / (1 + np.exp(-odds)), np.asarray(x))

    def n_features(self) -> int:
        return self.weights_.shape[1]

    def _save_parts(self, folder: Path) -> dict:
        np.savez(folder / FILE, weights=self.weights_, intercepts=self.intercepts_)
        return {}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> OneVsRest:
        model = cls()
        with np.load(folder / FILE) as stored:
            model.weights_, model.intercepts_ = stored["weights"], stored["intercepts"]
        return model


# Saved models name a class of the package; tests put this module there (see ``as_part_of``).
PLACE = "cellclassifier.tiny_models"
for kind in (Centroids, OneVsRest):
    kind.__module__ = PLACE


def as_part_of_the_package(monkeypatch) -> None:
    """Let ``Classifier.load`` find these classes."""
    import sys

    monkeypatch.setitem(sys.modules, PLACE, sys.modules[__name__])


def _log(cells: GeneCounts) -> np.ndarray:
    return np.log1p(1e4 * cells.counts.toarray() / cells.totals[:, None])
