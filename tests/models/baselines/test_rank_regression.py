"""The regression with exceptions against scikit-learn, enumeration and finite differences."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from cellclassifier.models.baselines.rank_regression import EXCEPTIONS, YieldingRegression

HELPER, CYTOTOXIC = "CD4+ T Helper2", "CD8+ Cytotoxic T"
TYPES = np.array(
    sorted(
        [
            *EXCEPTIONS["zheng68k"],
            *(name for seconds in EXCEPTIONS["zheng68k"].values() for name in seconds),
            "CD19+ B",
            "CD56+ NK",
        ]
    )
)
CODE = {str(name): i for i, name in enumerate(TYPES)}
YIELDS = {
    CODE[first]: [CODE[second] for second in seconds]
    for first, seconds in EXCEPTIONS["zheng68k"].items()
}


def simulate(n_cells=2000, n_features=30, seed=0, noise=0.3):
    """Labels by the rule: best score, except that two types yield to certain second bests."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_cells, n_features))
    scores = X @ rng.normal(size=(n_features, len(TYPES))) / np.sqrt(n_features)
    scores[:, [CODE[HELPER], CODE[CYTOTOXIC]]] += 0.3
    order = np.argsort(-(scores + noise * rng.gumbel(size=scores.shape)), axis=1)
    yielded = [second in YIELDS.get(first, []) for first, second in order[:, :2]]
    return sp.csr_matrix(X), TYPES[np.where(yielded, order[:, 1], order[:, 0])]


def by_enumeration(scores) -> np.ndarray:
    """Label probabilities of one cell: a sum over all ordered pairs of best and second best."""
    p = np.exp(scores - scores.max())
    result = np.zeros(len(scores))
    for first, second in permutations(range(len(scores)), 2):
        chance = p[first] / p.sum() * p[second] / (p.sum() - p[first])
        result[second if second in YIELDS.get(first, []) else first] += chance
    return result


def with_scores(scores) -> tuple[YieldingRegression, sp.csr_matrix]:
    """A fitted model and cells for which it sees exactly these scores."""
    model = YieldingRegression(exceptions="zheng68k")
    model.classes_ = TYPES
    model.yields_to_ = model._yields_to()
    model.coef_, model.intercept_ = np.eye(len(TYPES)), np.zeros(len(TYPES))
    return model, sp.csr_matrix(scores)


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_without_exceptions_it_is_scikit_learns_regression(C):
    X, y = simulate(600, 10)
    ours = YieldingRegression(C=C, max_iter=2000).fit(X, y)
    reference = LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), reference.predict_proba(X), atol=2e-3)
    centred = ours.coef_ - ours.coef_.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(centred.T, reference.coef_, atol=5e-3)
    assert np.mean(ours.predict(X) == reference.predict(X)) > 0.995


def test_exceptions_without_their_types_change_nothing():
    X, y = simulate(300, 10)
    y = np.where(np.isin(y, [HELPER, CYTOTOXIC]), "CD19+ B", y)
    plain, other = (YieldingRegression(exceptions=e).fit(X, y) for e in ("none", "zheng68k"))
    np.testing.assert_array_equal(plain.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_probabilities_are_those_of_all_orderings(spread):
    scores = np.random.default_rng(1).normal(scale=spread, size=(50, len(TYPES)))
    model, X = with_scores(scores)
    expected = np.array([by_enumeration(cell) for cell in scores])
    found = model.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert (found >= 0).all()
    np.testing.assert_array_equal(model.predict(X), TYPES[expected.argmax(axis=1)])


def test_extreme_scores_stay_probabilities():
    scores = 800 * np.eye(len(TYPES))[[CODE[HELPER], CODE[CYTOTOXIC], 0]]
    scores[0, CODE["CD4+/CD25 T Reg"]] = 400
    model, X = with_scores(scores)
    found = model.predict_proba(X)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[0, CODE["CD4+/CD25 T Reg"]] == pytest.approx(1)


def test_the_likelihood_is_that_of_the_probabilities():
    rng = np.random.default_rng(2)
    scores, codes = rng.normal(size=(80, len(TYPES))), rng.integers(len(TYPES), size=80)
    model, _ = with_scores(scores)
    value, _ = model._log_likelihood(scores, codes)
    expected = np.log(
        [by_enumeration(cell)[code] for cell, code in zip(scores, codes, strict=True)]
    )
    assert value == pytest.approx(expected.sum(), rel=1e-9)


@pytest.mark.parametrize("spread", [0.3, 2.0])
@pytest.mark.parametrize("name", TYPES)
def test_the_gradient_is_that_of_finite_differences(name, spread):
    scores = np.random.default_rng(3).normal(scale=spread, size=len(TYPES))
    model, _ = with_scores(scores)
    codes = np.array([CODE[name]])
    _, residual = model._log_likelihood(scores[None], codes)
    expected = approx_fprime(scores, lambda s: model._log_likelihood(s[None], codes)[0], 1e-6)
    np.testing.assert_allclose(residual[0], expected, atol=1e-5)


def test_the_fit_is_a_minimum_of_the_penalised_likelihood():
    """No step in any of 20 random directions lowers the loss that is written out here."""
    X, y = simulate(300, 8)
    model = YieldingRegression(C=0.5, exceptions="zheng68k", max_iter=5000).fit(X, y)
    codes = np.searchsorted(TYPES, y)

    def loss(coef, intercept):
        p = np.array([by_enumeration(scores) for scores in X @ coef + intercept])
        return -np.log(p[np.arange(len(y)), codes]).sum() + (coef**2).sum() / (2 * model.C)

    best = loss(model.coef_, model.intercept_)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = 0.03 * rng.normal(size=model.coef_.shape), 0.03 * rng.normal(size=len(TYPES))
        assert loss(model.coef_ + step[0], model.intercept_ + step[1]) > best


def test_on_the_rule_it_beats_plain_regression():
    X, y = simulate(4000, 30, noise=0.1)
    train, test = slice(0, 3000), slice(3000, None)
    score = {}
    for exceptions in ("none", "zheng68k"):
        model = YieldingRegression(C=1.0, exceptions=exceptions).fit(X[train], y[train])
        score[exceptions] = f1_score(y[test], model.predict(X[test]), average="macro")
    assert score["zheng68k"] > score["none"] + 0.05


def test_two_fits_are_the_same():
    X, y = simulate(300, 10)
    first, second = (YieldingRegression(exceptions="zheng68k").fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)


def test_the_order_of_cells_does_not_matter():
    X, y = simulate(300, 10)
    order = np.random.default_rng(0).permutation(300)
    first = YieldingRegression(exceptions="zheng68k", max_iter=2000).fit(X, y)
    second = YieldingRegression(exceptions="zheng68k", max_iter=2000).fit(X[order], y[order])
    np.testing.assert_allclose(first.predict_proba(X), second.predict_proba(X), atol=5e-3)


def test_the_exceptions_fulfil_what_the_formula_assumes():
    """No type yields to one that itself yields, nor two types to the same one."""
    for exceptions in EXCEPTIONS.values():
        seconds = [name for names in exceptions.values() for name in names]
        assert len(seconds) == len(set(seconds))
        assert not set(seconds) & set(exceptions)


def test_a_shift_of_all_scores_changes_nothing():
    scores = np.random.default_rng(5).normal(size=(10, len(TYPES)))
    model, X = with_scores(scores)
    shifted, other = with_scores(scores + 7.0)
    np.testing.assert_allclose(model.predict_proba(X), shifted.predict_proba(other), atol=1e-12)
