"""The baseline classifiers: a recipe, its grid, and the search that picks a grid point."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from cellclassifier.data.features import CountFeatures
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.baselines.fitted import (
    a_cell,
    check_parts,
    check_probabilities,
    libraries_of,
    types_in,
)
from cellclassifier.models.baselines.importance import feature_importance
from cellclassifier.models.baselines.recipes import RECIPES, Recipe
from cellclassifier.models.baselines.skops_file import load_parts, save_parts
from cellclassifier.models.missing_genes import EXPECTED_FILE, ExpectedValues, stored_in
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.single_label import SingleLabel

FEATURES = "features__"  # prefix of grid keys that are parameters of the features
CHUNK_CELLS = 4096
MOST_DENSE_GENES = 4000  # beyond, a forest grows on the sparse matrix: slower, in bounded memory
MODEL_FILE = "model.skops"


@dataclass(frozen=True)
class Trial:
    """One grid point, fitted on train and judged on validation."""

    parameters: dict
    n_genes: int
    train: dict[str, float]
    val: dict[str, float]  # empty without validation cells
    seconds: float  # features included


@dataclass
class Baseline(GeneClassifier):
    """One of ``RECIPES`` as a classifier of cells.

    Parameters
    ----------
    method : a key of ``RECIPES``.
    n_genes : genes to select; None leaves the recipe's own number.
    seed : of everything drawn at random in the fit.
    jobs : threads.
    quick : only the default grid point.

    After ``fit``: ``trials_`` (one per grid point) and ``best_`` (index of the chosen one: highest
    macro-F1 on validation, the earlier one among equals), ``expected_`` (what genes that a file
    does not have are filled with; None: zeros).
    """

    method: str
    n_genes: int | None = None
    seed: int = 0
    jobs: int = 1
    quick: bool = False

    def _fit(self, cells: ad.AnnData, targets: SingleLabel, validation) -> None:
        """Fit every grid point, keep the best on ``validation``."""
        if not isinstance(targets, SingleLabel):
            raise ValueError(
                f"{self.method} is for {SingleLabel.kind} per cell, not {targets.kind}"
            )
        self.trials_: list[Trial] = []
        best_score = -np.inf
        # The linear algebra is small; BLAS threads would only fight with those of the fits.
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            # Stopping at max_iter is part of a method: a weight's last digits cost minutes.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for features, estimator, trial in self._fit_grid(cells, targets, validation):
                self.trials_.append(trial)
                macro_f1 = trial.val.get("macro_f1", 0.0)
                if macro_f1 > best_score:
                    best_score, self.best_ = macro_f1, len(self.trials_) - 1
                    self.features_, self.estimator_ = features, estimator
        self.genes_ = self.features_.genes_
        known, rounds = GeneCounts.of(cells, self.genes_), self.recipe.rounds
        fills = self.recipe.fills_missing
        self.expected_ = ExpectedValues.of_cells(self.features_, known, rounds) if fills else None

    def _outputs(self, cells: GeneCounts) -> Outputs:
        """Probabilities of the types, and the selected genes as the estimator sees them."""
        features = self.features_.transform(cells)
        if self.expected_ is not None:
            features = self.expected_.fill(features, cells.present)
        return Outputs(self._probabilities(self.estimator_, features), features)

    def gene_importance(self) -> np.ndarray:
        """Importance of the selected genes in the fitted estimator, (n_genes,)."""
        return feature_importance(self.estimator_, len(self.genes_))

    def _fit_grid(self, cells, targets, validation) -> Iterator[tuple]:
        for feature_parameters, points in _by_features(self._grid()):
            start = time.perf_counter()
            features = self._new_features(feature_parameters)
            train = features.fit_transform(cells, targets.labels)
            dense = self.recipe.dense and train.shape[1] <= MOST_DENSE_GENES
            fit_input = train.toarray() if dense else train
            feature_seconds = time.perf_counter() - start
            val = validation and features.transform(GeneCounts.of(validation[0], features.genes_))
            fitted = self._fitted(points, fit_input, targets.labels)
            for point, (estimator, seconds) in zip(points, fitted, strict=True):
                trial = Trial(
                    {**feature_parameters, **point},
                    len(features.genes_),
                    self._score(estimator, train, targets),
                    self._score(estimator, val, validation[1]) if validation else {},
                    seconds + feature_seconds,
                )
                yield features, estimator, trial

    def _fitted(self, points, train, labels) -> Iterator[tuple[BaseEstimator, float]]:
        """Fit the points side by side; cores to spare go into the fits, where they know how."""
        side_by_side = min(self.jobs, len(points)) if self.recipe.side_by_side else 1
        threads = self.jobs // side_by_side
        parallel = Parallel(n_jobs=side_by_side, prefer="threads", return_as="generator")
        return parallel(
            delayed(_timed_fit)(self._new_estimator(point, threads), train, labels)
            for point in points
        )

    def _score(self, estimator, features, targets: SingleLabel) -> dict[str, float]:
        return targets.score(self._probabilities(estimator, features))

    def _probabilities(self, estimator, features) -> np.ndarray:
        """Predict in chunks, so that a dense copy stays small.

        Threads share out the chunks.
        """
        if self.recipe.threads:
            estimator.set_params(**{self.recipe.threads: 1})

        def predict(start):
            chunk = features[start : start + CHUNK_CELLS]
            return estimator.predict_proba(chunk.toarray() if self.recipe.dense else chunk)

        starts = range(0, features.shape[0], CHUNK_CELLS)
        chunks = Parallel(n_jobs=self.jobs, prefer="threads")(delayed(predict)(i) for i in starts)
        return np.concatenate(chunks)

    def trial_table(self, scores: pd.DataFrame, split: int) -> pd.DataFrame:
        """One row per grid point: hyperparameters, whether it was chosen, seconds, metrics.

        scores: the chosen model's rows of metrics per part; only it has test metrics.
        """
        test = scores.set_index("part").loc["test", list(METRICS)]
        rows = []
        for i, trial in enumerate(self.trials_):
            row = {"method": self.method, "split": split, "selected": i == self.best_}
            row |= {"n_genes": trial.n_genes, **trial.parameters}
            row |= {"trial_seconds": trial.seconds}
            row |= {f"train_{name}": trial.train[name] for name in METRICS}
            row |= {f"val_{name}": trial.val.get(name) for name in METRICS}
            row |= {f"test_{name}": test[name] if i == self.best_ else None for name in METRICS}
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def version(self) -> int:
        """Of the recipe."""
        return self.recipe.version

    @property
    def packages(self) -> tuple[str, ...]:
        """Libraries that the recipe's state is read with."""
        return ("numpy", "scikit-learn", "skops", *libraries_of(self.recipe.estimator))

    @property
    def recipe(self) -> Recipe:
        """The pipeline and grid behind the method's name."""
        return RECIPES[self.method]

    def _grid(self) -> tuple[dict, ...]:
        return self.recipe.grid[:1] if self.quick else self.recipe.grid

    def _new_features(self, parameters: dict) -> CountFeatures:
        features = clone(self.recipe.features)
        if self.n_genes and self.method != "majority":
            features.set_params(n_genes=self.n_genes)
        return features.set_params(
            **{key.removeprefix(FEATURES): value for key, value in parameters.items()}
        )

    def _new_estimator(self, parameters: dict, threads: int) -> BaseEstimator:
        estimator = clone(self.recipe.estimator)
        seeds = {
            name: self.seed
            for name in estimator.get_params()
            if name == "random_state" or name.endswith("__random_state")
        }
        own_threads = {self.recipe.threads: threads} if self.recipe.threads else {}
        return estimator.set_params(**seeds, **own_threads, **parameters)

    def _about(self) -> list[str]:
        return [self.recipe.about]

    def _save_parts(self, folder: Path) -> dict:
        save_parts({"features": self.features_, "estimator": self.estimator_}, folder / MODEL_FILE)
        if self.expected_ is not None:
            self.expected_.save(folder / EXPECTED_FILE)
        chosen = self.trials_[self.best_].parameters if self.trials_ else {}
        return {"hyperparameters": chosen}

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> Baseline:
        model = make_baseline(str(description["method"]))

        def check(parts: dict) -> None:
            model.features_, model.estimator_ = parts["features"], parts["estimator"]
            check_parts(**parts, recipe=model.recipe, genes=genes, types=types)
            check_probabilities(model._outputs(a_cell(len(genes))).probabilities, len(types))

        genes, types = description["genes"], description["types"]
        model.expected_ = stored_in(folder, description)
        kinds = types_in(model.recipe.features) | types_in(model.recipe.estimator)
        load_parts(folder / MODEL_FILE, kinds, check)
        model.trials_ = []
        return model


def make_baseline(method: str, **options) -> Baseline:
    """A baseline by its name; InputError for a name that is none."""
    if method not in RECIPES:
        raise InputError(f"unknown method {method}: expected one of {', '.join(RECIPES)}")
    return Baseline(method, **options)


def _timed_fit(estimator: BaseEstimator, train, labels) -> tuple[BaseEstimator, float]:
    start = time.perf_counter()
    estimator.fit(train, labels)
    return estimator, time.perf_counter() - start


def _by_features(grid: tuple[dict, ...]) -> list[tuple[dict, list[dict]]]:
    """Grid points grouped by the parameters of their features, which are then learned once."""
    groups: list[tuple[dict, list[dict]]] = []
    for point in grid:
        of_features = {key: value for key, value in point.items() if key.startswith(FEATURES)}
        of_estimator = {key: value for key, value in point.items() if key not in of_features}
        for known, points in groups:
            if known == of_features:
                points.append(of_estimator)
                break
        else:
            groups.append((of_features, [of_estimator]))
    return groups
