"""Vectors against plain sums, heads against scikit-learn, and what a saved model must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cellclassifier.models.cellama.bag import Bag
from cellclassifier.models.cellama.encoder import Lesson
from cellclassifier.models.cellama.encoders import head_class
from cellclassifier.models.cellama.gene_bert import GeneBert
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellama.sentences import CellSentences

CODES = np.arange(120) % 3


def sentences(seed: int = 0) -> CellSentences:
    """Five genes of twelve; four of them are those of the cell's type, in any order."""
    rng = np.random.default_rng(seed)
    own = 4 * CODES[:, None] + np.argsort(rng.random((120, 4)), axis=1)
    ranked = np.hstack([own, (own[:, :1] + 5) % 12]).astype(np.int32)
    symbols = np.array([f"GENE{i}" for i in range(12)])
    return CellSentences(ranked, symbols, pd.DataFrame(index=range(120)))


def options(**chosen) -> CellamaOptions:
    small = {"n_top": 5, "width": 8, "epochs": 6, "batch_size": 24, "learning_rate": 0.02}
    return CellamaOptions(**small | chosen).decided()


def vectors(n_types: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    codes = np.arange(90) % n_types
    return (rng.normal(size=(90, 6)) + 2 * np.eye(6)[codes]).astype(np.float32), codes


def test_a_bag_is_a_weighted_mean_of_word_vectors():
    bag = Bag(options(), seed=1)
    bag.learn(Lesson(sentences(), CODES))
    cells = sentences(1)
    for i, row in enumerate(cells.ranked[:5]):
        weights = bag.rank_weights_[: len(row)]
        expected = weights @ bag.word_vectors_[row + 1] / weights.sum()
        np.testing.assert_allclose(bag.vectors(cells)[i], expected, rtol=1e-4, atol=1e-5)


def test_lsa_spans_what_a_full_decomposition_spans():
    bag = Bag(options(fine_tune="none"))
    bag.learn(Lesson(sentences()))
    whole = np.zeros((120, 13))
    np.put_along_axis(whole, sentences().ranked + 1, 1 / np.sqrt(5), axis=1)
    _, values, right = np.linalg.svd(whole, full_matrices=False)
    found = np.abs(bag.word_vectors_.T @ right[: bag.width].T)
    distinct = np.flatnonzero(np.diff(values[: bag.width]) < -1e-6)[:1]
    np.testing.assert_allclose(found[0, 0], 1, atol=1e-5)
    assert len(distinct)


@pytest.mark.parametrize(
    ("kind", "fine_tune"), [(Bag, "labels"), (Bag, "pca"), (GeneBert, "labels")]
)
def test_encoders_learn_to_tell_types(kind, fine_tune):
    chosen = {"encoder": "bag" if kind is Bag else "gene-bert", "fine_tune": fine_tune}
    encoder = kind(options(**chosen), seed=1)
    coordinates = np.eye(3)[CODES] + np.random.default_rng(0).normal(size=(120, 3)) / 10
    encoder.learn(Lesson(sentences(), CODES, coordinates))
    neighbours = KNeighborsClassifier(5, metric="cosine").fit(encoder.vectors(sentences()), CODES)
    assert neighbours.score(encoder.vectors(sentences(1)), CODES) > 0.9


def test_neighbours_are_those_of_cosines_after_centring():
    (x, codes), (new, _) = vectors(), vectors(seed=1)
    head = head_class("neighbours")(options(k=7))
    head.fit(x, codes, 3, None)
    mean = x.mean(axis=0)
    expected = (
        KNeighborsClassifier(7, metric="cosine").fit(x - mean, codes).predict_proba(new - mean)
    )
    votes, features = head.outputs(new)
    np.testing.assert_allclose(votes, expected, atol=1e-6)
    assert features.shape == (90, head.n_features(6))


def test_a_cell_far_from_all_is_far_in_the_last_feature():
    x, codes = vectors()
    head = head_class("neighbours")(options())
    head.fit(x, codes, 3, None)
    far = head.outputs(np.full((1, 6), -9, np.float32))[1][0, -1]
    assert far > np.quantile(head.outputs(x)[1][:, -1], 0.9)


@pytest.mark.parametrize("n_types", [2, 3])
def test_regression_is_that_of_scikit_learn(n_types):
    x, codes = vectors(n_types)
    head = head_class("regression")(options())
    head.fit(x, codes, n_types, None)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = LogisticRegression(C=0.01).fit(z, codes).predict_proba(z)
    np.testing.assert_allclose(head.outputs(x)[0], expected, atol=1e-3)


@pytest.mark.parametrize("name", ["neighbours", "regression", "network", "xgboost"])
@pytest.mark.parametrize("n_types", [2, 3])
def test_heads_name_new_vectors_and_are_read_back(name, n_types, tmp_path):
    (x, codes), (new, answers) = vectors(n_types), vectors(n_types, seed=1)
    head = head_class(name)(options())
    head.fit(x, codes, n_types, (new, answers))
    probabilities, _ = head.outputs(new)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == answers).mean() > 0.8
    head.save(tmp_path)
    again = head_class(name).load(tmp_path, options(), 6, n_types)
    np.testing.assert_array_equal(again.outputs(new)[0], probabilities)
    with pytest.raises(ValueError, match=r"trees|numbers|types"):
        head_class(name).load(tmp_path, options(), 7, n_types)
