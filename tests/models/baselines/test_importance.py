"""Which genes a model leans on: the library's own numbers and markers above noise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from trained_models import EVERY_METHOD, IDS, PARTS, known_cells, trained

from cellclassifier.models.baselines.boosting import BoostedTrees
from cellclassifier.models.baselines.importance import feature_importance
from cellclassifier.models.baselines.rank_regression import YieldingRegression

N_FEATURES = 6
SMALL_TREES = {"n_estimators": 20, "max_depth": 3, "colsample_bynode": 1.0}
ESTIMATORS = {
    "linear": LogisticRegression(C=0.05),
    "rank": YieldingRegression(),
    "forest": RandomForestClassifier(20, random_state=0),
    "boosted": BoostedTrees(**SMALL_TREES),
    "vote": VotingClassifier(
        [("regression", LogisticRegression(C=0.05)), ("trees", BoostedTrees(**SMALL_TREES))],
        voting="soft",
    ),
    "dummy": DummyClassifier(),
}
LEARNERS = [name for name in ESTIMATORS if name != "dummy"]


def fitted(name: str, n_types: int = 3):
    """An estimator fitted on data in which feature 2 alone tells the types apart."""
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (150, N_FEATURES))
    codes = np.arange(150) % n_types
    features[:, 2] += 2 * codes
    labels = np.array([f"type {i}" for i in range(n_types)])[codes]
    return clone(ESTIMATORS[name]).fit(sp.csr_matrix(features), labels)


@pytest.mark.parametrize("n_types", [2, 3, N_FEATURES])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_importance_is_a_share_of_every_feature(name, n_types):
    found = feature_importance(fitted(name, n_types), N_FEATURES)
    assert found.shape == (N_FEATURES,) and (found >= 0).all()
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("n_types", [2, 3, N_FEATURES])
@pytest.mark.parametrize("name", LEARNERS)
def test_what_tells_the_types_apart_is_most_important(name, n_types):
    """Also where there are as many types as features, and weights have no telling shape."""
    found = feature_importance(fitted(name, n_types), N_FEATURES)
    assert found.argmax() == 2 and found[2] > 2 * np.delete(found, 2).max()


def test_of_a_forest_it_is_scikit_learns():
    forest = fitted("forest")
    np.testing.assert_allclose(
        feature_importance(forest, N_FEATURES), forest.feature_importances_, rtol=1e-12
    )


@pytest.mark.parametrize("n_types", [2, 3, N_FEATURES])
def test_of_linear_models_it_is_the_mean_absolute_weight(n_types):
    weights = fitted("linear", n_types).coef_
    expected = [np.mean([abs(row[i]) for row in weights]) for i in range(N_FEATURES)]
    found = feature_importance(fitted("linear", n_types), N_FEATURES)
    np.testing.assert_allclose(found, np.array(expected) / sum(expected))


def test_of_boosted_trees_it_is_the_mean_gain_of_their_splits():
    trees = fitted("boosted")
    gains = trees.model_.get_booster().get_score(importance_type="gain")
    expected = np.array([gains.get(f"f{i}", 0.0) for i in range(N_FEATURES)])
    found = feature_importance(trees, N_FEATURES)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)


def test_of_a_vote_it_is_the_mean_over_members():
    vote = fitted("vote")
    members = [feature_importance(member, N_FEATURES) for member in vote.estimators_]
    assert not np.allclose(*members)
    np.testing.assert_allclose(feature_importance(vote, N_FEATURES), sum(members) / 2)


@pytest.mark.parametrize("weights", [np.zeros((3, N_FEATURES)), None], ids=["zeros", "dummy"])
def test_without_any_weight_every_feature_counts_alike(weights):
    estimator = fitted("dummy" if weights is None else "linear")
    if weights is not None:
        estimator.coef_ = weights
    np.testing.assert_allclose(feature_importance(estimator, N_FEATURES), np.full(6, 1 / 6))


@pytest.mark.parametrize("method", [m for m in EVERY_METHOD if m not in ("majority", "geneformer")])
def test_markers_weigh_more_than_other_genes(method):
    """The first 30 genes of the cells tell types apart, the other 30 do not."""
    model = trained(method)
    is_marker = np.isin(model.genes_, IDS[:30])
    weights = model.gene_importance()
    assert weights.shape == model.genes_.shape and 0 < is_marker.sum() < len(weights)
    assert weights[is_marker].mean() > 1.5 * weights[~is_marker].mean()


def test_of_geneformer_it_is_how_many_cells_express_a_gene():
    """Its cells are shorter than its context, so that a token is an expressed gene."""
    expressed = (known_cells().X[PARTS == "train"].toarray() > 0).sum(axis=0)
    model = trained("geneformer")
    of_gene = dict(zip(IDS, expressed, strict=True))
    assert model.gene_importance().tolist() == [of_gene[gene] for gene in model.genes_]
