"""Multinomial regression that knows the exceptions of the 68k PBMC labelling rule."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

# Zheng et al. 2017 (doi 10.1038/ncomms14049) label a cell by its best-correlated population,
# except that a best match named first here yields to a second match named after it.
EXCEPTIONS = {
    "none": {},
    "zheng68k": {
        "CD4+ T Helper2": (
            "CD4+/CD25 T Reg",
            "CD4+/CD45RO+ Memory",
            "CD4+/CD45RA+/CD25- Naive T",
        ),
        "CD8+ Cytotoxic T": ("CD8+/CD45RA+ Naive Cytotoxic",),
    },
}


class YieldingRegression(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression in which a best type may yield to the second best.

    Scores are linear in the features; p = softmax(scores) ranks the types as in a Plackett-Luce
    model (first i with p_i, then j with p_j / (1 - p_i)). With E[i, j] = 1 where a first i
    yields to a second j, the probability of the label j is

        P(j) = p_j (1 - sum_l E[j, l] p_l / (1 - p_j)) + sum_i E[i, j] p_i p_j / (1 - p_i).

    No type may yield to one that itself yields, nor two types to the same one. Where none of
    the types occurs among the labels this is plain multinomial logistic
    regression. The objective is convex only without exceptions; the start from zero weights is
    fixed, so the fit is deterministic.

    Parameters
    ----------
    C : inverse strength of the L2 penalty on the weights (not the intercepts), per training set
        as in scikit-learn.
    exceptions : a key of ``EXCEPTIONS``; types that do not occur among the labels are ignored.
    max_iter : iterations of L-BFGS.
    """

    def __init__(self, C=0.01, exceptions="none", max_iter=200):
        self.C = C
        self.exceptions = exceptions
        self.max_iter = max_iter

    def fit(self, X: sp.csr_matrix, y: np.ndarray) -> YieldingRegression:
        """Fit on features (n_cells, n_features) and labels (n_cells,)."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        n_features, n_types = X.shape[1], len(self.classes_)
        self.yields_to_ = self._yields_to()
        transposed = X.T.tocsr()  # so that the gradient's product runs over rows, too

        def objective(flat):
            coef = flat.reshape(n_features + 1, n_types)
            scores = X @ coef[:-1] + coef[-1]
            log_likelihood, residual = self._log_likelihood(scores, codes)
            value = -log_likelihood + (coef[:-1] ** 2).sum() / (2 * self.C)
            gradient = np.vstack([-(transposed @ residual), -residual.sum(axis=0)])
            gradient[:-1] += coef[:-1] / self.C
            return value / len(codes), gradient.ravel() / len(codes)

        start = np.zeros((n_features + 1) * n_types)
        options = {"maxiter": self.max_iter, "gtol": 1e-5}
        solution = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
        coef = solution.x.reshape(n_features + 1, n_types)
        self.coef_, self.intercept_, self.n_iter_ = coef[:-1], coef[-1], solution.nit
        return self

    def predict_proba(self, X: sp.csr_matrix) -> np.ndarray:
        """Label probabilities after the exceptions, (n_cells, n_types)."""
        scores = X @ self.coef_ + self.intercept_
        p = softmax(scores, axis=1)
        result = p.copy()
        for first, seconds in self.yields_to_.items():
            moved = p[:, [first]] * self._second_given_first(scores, first)[:, seconds]
            result[:, seconds] += moved
            result[:, first] -= moved.sum(axis=1)
        return np.clip(result, 0, 1)

    def predict(self, X: sp.csr_matrix) -> np.ndarray:
        """Most probable label, (n_cells,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _yields_to(self) -> dict[int, list[int]]:
        code = {name: i for i, name in enumerate(self.classes_)}
        pairs = {
            code[first]: [code[name] for name in seconds if name in code]
            for first, seconds in EXCEPTIONS[self.exceptions].items()
            if first in code
        }
        return {first: seconds for first, seconds in pairs.items() if seconds}

    @staticmethod
    def _second_given_first(scores: np.ndarray, first: int) -> np.ndarray:
        """p_j / (1 - p_first) of every type j: the softmax over all types but the first."""
        others = scores.copy()
        others[:, first] = -np.inf
        return softmax(others, axis=1)

    def _log_likelihood(self, scores: np.ndarray, codes: np.ndarray) -> tuple[float, np.ndarray]:
        """Sum of log P(label) and its derivative by the scores, (n_cells, n_types)."""
        rows = np.arange(len(codes))
        log_p = log_softmax(scores, axis=1)
        value = log_p[rows, codes]
        residual = -np.exp(log_p)
        residual[rows, codes] += 1
        for first, seconds in self.yields_to_.items():
            q = self._second_given_first(scores, first)  # (n_cells, n_types)

            # A label j that ``first`` yields to: P = p_j + p_first q_j, which is q_j.
            cells = np.flatnonzero(np.isin(codes, seconds))
            value[cells] = np.log(np.maximum(q[cells, codes[cells]], 1e-300))
            residual[cells] = -q[cells]
            residual[cells, codes[cells]] += 1

            # The label ``first``: P = p_first (1 - Q), with Q the sum of q over ``seconds``;
            # d log(1 - Q) / d s_k = (Q q_k - q_k [k in seconds]) / (1 - Q).
            cells = np.flatnonzero(codes == first)
            yielded = q[cells][:, seconds].sum(axis=1, keepdims=True)
            kept = np.maximum(1 - yielded, 1e-12)
            value[cells] += np.log(kept[:, 0])
            change = q[cells] * yielded
            change[:, seconds] -= q[cells][:, seconds]
            residual[cells] += change / kept
        return value.sum(), residual
