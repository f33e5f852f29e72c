"""What missing genes are filled with: the conditional mean of a factor model, nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from trained_models import known_cells, new_model

from cellclassifier.interface import Classifier
from cellclassifier.model_folder import seal
from cellclassifier.models.methods import make_method
from cellclassifier.models.missing_genes import EXPECTED_FILE, ExpectedValues

PRESENT = np.arange(30) % 3 > 0


def features_of(n_cells: int = 200, seed: int = 0) -> sp.csr_matrix:
    """Values of 30 genes with two causes, half of them zeros."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(n_cells, 2)) @ np.random.default_rng(99).normal(size=(2, 30))
    return sp.csr_matrix(np.maximum(causes + 0.3 * rng.normal(size=(n_cells, 30)), 0), dtype="f4")


def without(features: sp.csr_matrix, present: np.ndarray) -> sp.csr_matrix:
    return sp.csr_matrix(features.toarray() * present)


def test_it_is_the_conditional_mean_of_a_normal_distribution():
    features = features_of()
    model = ExpectedValues.learn(features)
    mean, covariance = model.mean, model.loadings @ model.loadings.T + np.diag(model.noise)
    values = features.toarray()
    weights = np.linalg.solve(
        covariance[np.ix_(PRESENT, PRESENT)], covariance[PRESENT][:, ~PRESENT]
    )
    expected = mean[~PRESENT] + (values - mean)[:, PRESENT] @ weights
    found = model.fill(without(features, PRESENT), PRESENT).toarray()
    np.testing.assert_allclose(found[:, ~PRESENT], expected, atol=1e-4)
    np.testing.assert_array_equal(found[:, PRESENT], values[:, PRESENT])


def test_the_distribution_is_that_of_the_training_cells():
    values = features_of(2000).toarray()
    model = ExpectedValues.learn(sp.csr_matrix(values))
    np.testing.assert_allclose(model.mean, values.mean(axis=0), atol=1e-5)
    covariance = model.loadings @ model.loadings.T + np.diag(model.noise)
    np.testing.assert_allclose(np.diag(covariance), values.var(axis=0), rtol=0.06)
    apart = ~np.eye(30, dtype=bool)
    np.testing.assert_allclose(covariance[apart], np.cov(values.T)[apart], atol=0.05)


def test_values_that_follow_from_others_are_found_again():
    new = features_of(50, seed=1)
    model, mean = ExpectedValues.learn(features_of()), features_of().toarray().mean(axis=0)
    truth = new.toarray()[:, ~PRESENT]
    found = model.fill(without(new, PRESENT), PRESENT).toarray()[:, ~PRESENT]
    assert ((found - truth) ** 2).mean() < 0.3 * ((mean[~PRESENT] - truth) ** 2).mean()


def test_where_nothing_is_missing_nothing_is_filled():
    features = features_of()
    assert ExpectedValues.learn(features).fill(features, np.ones(30, bool)) is features


def test_where_everything_is_missing_the_mean_is_left():
    model, nothing = ExpectedValues.learn(features_of()), np.zeros(30, bool)
    found = model.fill(sp.csr_matrix((3, 30), dtype="f4"), nothing).toarray()
    np.testing.assert_allclose(found, np.tile(model.mean, (3, 1)), rtol=1e-5)


def test_in_pieces_it_is_the_same(monkeypatch):
    model, features = ExpectedValues.learn(features_of()), without(features_of(), PRESENT)
    whole = model.fill(features, PRESENT).toarray()
    monkeypatch.setattr("cellclassifier.models.missing_genes.CELLS_AT_A_TIME", 7)
    np.testing.assert_allclose(model.fill(features, PRESENT).toarray(), whole, atol=1e-6)


def test_for_trees_a_small_expected_value_is_none():
    features = features_of()
    plain, rounded = (ExpectedValues.learn(features, rounds) for rounds in (False, True))
    some = without(features, PRESENT)
    expected, found = (model.fill(some, PRESENT).toarray() for model in (plain, rounded))
    values = features.toarray()
    half = np.array([gene[gene > 0].mean() / 2 for gene in values.T])
    expected[:, ~PRESENT] *= (expected >= half)[:, ~PRESENT]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found[:, ~PRESENT] == 0).mean() > 0.2


DAMAGES = {
    "noise": lambda arrays: arrays | {"noise": -arrays["noise"]},
    "mean": lambda arrays: arrays | {"mean": arrays["mean"] * np.nan},
    "loadings": lambda arrays: arrays | {"loadings": arrays["loadings"][:-1]},
    "float64": lambda arrays: arrays | {"mean": arrays["mean"].astype(float)},
    "left out": lambda arrays: {"mean": arrays["mean"]},
    "flat": lambda arrays: arrays | {"loadings": arrays["mean"]},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / EXPECTED_FILE
    ExpectedValues.learn(features_of()).save(path)
    np.savez(path, **damage(dict(np.load(path))))
    with pytest.raises(ValueError, match=EXPECTED_FILE):
        ExpectedValues.load(path, 30)


@pytest.mark.parametrize("method", ["logistic_regression", "rank_regression", "random_forest"])
def test_a_model_with_half_of_its_genes_is_right_more_often_than_with_zeros(method):
    cells = known_cells()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    model = new_model(method).fit(cells, labels)
    new = known_cells(seed=3)[:, ::3].copy()
    answers = new.obs["cell_type"].to_numpy().astype(str)
    filled = (model.predict(new) == answers).mean()
    model.expected_ = None  # as in models that were saved before
    assert filled > (model.predict(new) == answers).mean()


NETWORKS = ["augmented_network", "cellular"]


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    cells = known_cells()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    model = make_method(request.param, seed=1, n_genes=40, quick=True)
    return model.fit(cells, labels, validation=(cells, labels))


def test_features_of_networks_hold_expected_values_where_a_file_lacks_genes(network):
    """So that cells of such a file lie near where they would lie with all genes."""
    new = network.align(known_cells(seed=3))
    some = network.align(known_cells(seed=3)[:, ::2].copy())
    features = network.outputs(some).features
    zeros = network.features_.transform(some)
    expected = network.expected_.fill(zeros, some.present).toarray()
    np.testing.assert_array_equal(features.toarray(), expected)
    assert 0 < (~some.present).sum() < len(some.present)
    whole, filled, with_zeros = (
        network.novelty_.place(each) for each in (network.outputs(new).features, features, zeros)
    )
    assert ((filled - whole) ** 2).sum() < 0.3 * ((with_zeros - whole) ** 2).sum()


def test_a_saved_network_fills_alike_and_an_older_one_with_means(network, tmp_path):
    some = network.align(known_cells(seed=3)[:, ::2].copy())
    network.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.outputs(some).features.toarray(), network.outputs(some).features.toarray()
    )
    (tmp_path / "model" / EXPECTED_FILE).unlink()  # as in models that were saved before
    text = (tmp_path / "model" / "model.json").read_text(encoding="utf-8")
    seal(tmp_path / "model", {k: v for k, v in json.loads(text).items() if k != "digest"})
    old = Classifier.load(tmp_path / "model").outputs(some).features.toarray()
    means = network.expected_.mean[~some.present]
    np.testing.assert_allclose(old[:, ~some.present], np.tile(means, (len(some), 1)), rtol=1e-4)
