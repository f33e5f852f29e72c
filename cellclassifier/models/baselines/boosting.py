"""Gradient-boosted trees on sparse counts: XGBoost behind scikit-learn's conventions."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight

from cellclassifier.models.baselines.boosted_file import check_model


class BoostedTrees(ClassifierMixin, BaseEstimator):
    """XGBoost's histogram trees with text labels, class weights and seeded sampling.

    Zeros of a sparse matrix are "missing" to XGBoost, which then learns on which side of a split
    unexpressed genes go; training and prediction both see them so.

    Parameters are XGBoost's own; ``class_weight`` is None or "balanced", ``n_jobs`` its threads.
    """

    def __init__(
        self,
        n_estimators=100,
        max_depth=4,
        learning_rate=0.2,
        min_child_weight=1.0,
        subsample=0.7,
        colsample_bynode=0.1,
        max_bin=32,
        class_weight=None,
        random_state=0,
        n_jobs=1,
    ):
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.max_bin = max_bin
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: sp.csr_matrix, y: np.ndarray) -> BoostedTrees:
        """Fit on features (n_cells, n_features) and labels (n_cells,)."""
        from xgboost import XGBClassifier

        self.classes_, codes = np.unique(y, return_inverse=True)
        parameters = self.get_params()
        weight = compute_sample_weight(parameters.pop("class_weight"), codes)
        self.model_ = XGBClassifier(tree_method="hist", **parameters)
        self.model_.fit(X, codes, sample_weight=weight)
        # Whoever predicts many cells shares out the cells over threads.
        self.model_.get_booster().set_param({"nthread": 1})
        return self

    def predict_proba(self, X: sp.csr_matrix) -> np.ndarray:
        """Probability of every type, (n_cells, n_types)."""
        return self.model_.predict_proba(X)

    def predict(self, X: sp.csr_matrix) -> np.ndarray:
        """Most probable type, (n_cells,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @property
    def feature_importances_(self) -> np.ndarray:
        """Share of each feature in the mean gain of splits, (n_features,), as XGBoost has it."""
        return self.model_.feature_importances_

    def __getstate__(self) -> dict:
        """State in which the trees are XGBoost's own binary JSON, as an array of bytes."""
        state = dict(super().__getstate__())
        if "model_" in state:
            raw = state["model_"].get_booster().save_raw("ubj")
            state["model_"] = np.frombuffer(raw, dtype=np.uint8)
        return state

    def __setstate__(self, state: dict) -> None:
        """Read the trees back; ValueError, KeyError or TypeError for damaged ones."""
        if "model_" in state:
            from xgboost import XGBClassifier

            content = state["model_"].tobytes()
            check_model(content)
            model = XGBClassifier()
            model.load_model(bytearray(content))
            state = {**state, "model_": model}
        super().__setstate__(state)
