"""Which genes a fitted scikit-learn estimator leans on."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression


def feature_importance(estimator: BaseEstimator, n_features: int) -> np.ndarray:
    """Non-negative importance of every feature, (n_features,), summing to 1.

    Of trees their mean decrease in impurity (or gain), of linear models the mean absolute weight
    over types, of a vote the mean over its members; equal for what looks at no feature.
    """
    if hasattr(estimator, "estimators_") and not hasattr(estimator, "feature_importances_"):
        members = [feature_importance(member, n_features) for member in estimator.estimators_]
        return np.mean(members, axis=0)
    if hasattr(estimator, "feature_importances_"):
        values = np.asarray(estimator.feature_importances_, dtype=float)
    elif hasattr(estimator, "coef_"):
        # scikit-learn has a row of weights per type, this package's rank regression per feature.
        types_axis = 0 if isinstance(estimator, LogisticRegression) else 1
        values = np.abs(estimator.coef_).mean(axis=types_axis)
    else:
        values = np.ones(n_features)
    return values / values.sum() if values.sum() > 0 else np.full(n_features, 1 / n_features)
