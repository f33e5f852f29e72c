"""Cells of unknown types: distances against scipy, refusals against their limit, leaks, files."""

from __future__ import annotations

import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from scipy.stats import entropy, expon
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from cellclassifier.trust.novelty import (
    N_COMPONENTS,
    REFUSED_SHARE,
    SHRINKAGE_CELLS,
    Novelty,
    _thresholds,
)

ARRAYS = [field.name for field in fields(Novelty)]


def clusters(n_cells: int, n_features: int = 50, n_types: int = 3, seed: int = 0) -> tuple:
    """Non-negative features (n_cells, n_features), about half zeros, and labels (n_cells,)."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_cells) % n_types
    centres = np.random.default_rng(99).uniform(0, 3, (n_types, n_features))
    features = np.maximum(centres[codes] + rng.normal(-1, 1, (n_cells, n_features)), 0)
    return features, np.array([f"type {code}" for code in codes])


def some_probabilities(n_cells: int, n_types: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_types, 0.3), n_cells)


def fitted(make=np.asarray, n_features: int = 50, n_types: int = 3) -> Novelty:
    train, labels = clusters(200, n_features, n_types)
    validation, _ = clusters(150, n_features, n_types, seed=1)
    probabilities = some_probabilities(150, n_types)
    return Novelty.fit(make(train), labels, make(validation), probabilities)


def distances(novelty: Novelty, features) -> np.ndarray:
    """Squared, to the nearest centre, without the library's help."""
    steps = novelty.place(features)[:, None, :] - novelty.centres  # (n_cells, n_types, n)
    return (np.einsum("ctn,tnm->ctm", steps, novelty.whitening) ** 2).sum(axis=2).min(axis=1)


def distances_by_scipy(train, labels, cells, reduce) -> np.ndarray:
    """Squared Mahalanobis distance to the nearest type.

    A type's covariance is the mean of its own and the one pooled within types, weighted by its
    number of cells and ``SHRINKAGE_CELLS``.
    """
    train, cells = reduce(train), reduce(cells)
    groups = [train[labels == name] for name in np.unique(labels)]
    own = [np.atleast_2d(np.cov(group.T, bias=True)) for group in groups]
    sizes = [len(group) for group in groups]
    pooled = np.average(own, axis=0, weights=sizes)
    found = []
    for group, covariance in zip(groups, own, strict=True):
        weights = [len(group), SHRINKAGE_CELLS]
        inverse = np.linalg.inv(np.average([covariance, pooled], axis=0, weights=weights))
        found.append([mahalanobis(cell, group.mean(axis=0), inverse) ** 2 for cell in cells])
    return np.min(found, axis=0)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_distance_is_mahalanobis_in_the_leading_components(make):
    train, labels = clusters(200)
    cells, _ = clusters(40, seed=2)
    reduce = TruncatedSVD(N_COMPONENTS, random_state=0).fit(train).transform
    expected = distances_by_scipy(train, labels, cells, reduce)
    np.testing.assert_allclose(distances(fitted(make), make(cells)), expected, rtol=1e-4)


@pytest.mark.parametrize("n_features", [1, 2, N_COMPONENTS])
def test_few_features_are_all_taken(n_features):
    train, labels = clusters(200, n_features)
    cells, _ = clusters(40, n_features, seed=2)
    expected = distances_by_scipy(train, labels, cells, lambda features: features)
    found = distances(fitted(n_features=n_features), cells)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def test_a_feature_without_spread_and_a_type_of_one_cell_are_no_harm():
    train, labels = clusters(60)
    train[:, 5] = 1.5
    labels[0] = "alone"
    validation, _ = clusters(30, seed=1)
    novelty = Novelty.fit(train, labels, validation, some_probabilities(30, 4))
    for name in ARRAYS:
        assert np.isfinite(getattr(novelty, name)).all()
    assert novelty.centres.shape == (4, N_COMPONENTS) and novelty.thresholds.shape == (4,)
    assert distances(novelty, train[:1]) == pytest.approx(0, abs=1e-9)


def scores_of(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """-ln p of ``values`` among ``known``: the share of larger ones, an exponential tail beyond."""
    limit = np.quantile(known, 0.9)
    tail = expon(scale=(known[known > limit] - limit).mean())
    inside = np.array([(known > value).mean() for value in values])
    return -np.log(np.where(values > limit, 0.1 * tail.sf(values - limit), inside))


def test_the_score_joins_two_p_values():
    """-ln p of the entropy of the probabilities, plus -ln p of the distance."""
    validation, _ = clusters(3000, seed=1)
    probabilities = some_probabilities(3000)
    train, labels = clusters(200)
    novelty = Novelty.fit(train, labels, validation, probabilities)
    cells, p = clusters(300, seed=2)[0] * 1.3, some_probabilities(300, seed=2)
    expected = scores_of(distances(novelty, cells), distances(novelty, validation))
    expected += scores_of(entropy(p, axis=1), entropy(probabilities, axis=1))
    assert expected.max() > 5
    np.testing.assert_allclose(novelty.score(novelty.place(cells), p), expected, atol=0.03)


def refused(novelty: Novelty, features, probabilities) -> np.ndarray:
    score = novelty.score(novelty.place(features), probabilities)
    return ~novelty.is_known(score, probabilities.argmax(axis=1))


@settings(max_examples=examples(60), deadline=None)
@given(
    st.integers(1, 250), st.integers(1, 30), st.integers(2, 5), st.integers(0, 10**6), st.booleans()
)
def test_at_most_a_twentieth_of_every_type_is_refused(n_cells, n_features, n_types, seed, sparse):
    """Per predicted type, whatever the number of validation cells."""
    make = sp.csr_matrix if sparse else np.asarray
    train, labels = clusters(60, n_features, n_types, seed)
    validation, _ = clusters(n_cells, n_features, n_types, seed + 1)
    probabilities = some_probabilities(n_cells, n_types, seed)
    novelty = Novelty.fit(make(train), labels, make(validation), probabilities)
    refused_cells = refused(novelty, make(validation), probabilities)
    for code in range(n_types):
        given = probabilities.argmax(axis=1) == code
        for own in (refused_cells[given], novelty.hesitates(probabilities, given * code)[given]):
            assert own.sum() <= REFUSED_SHARE * len(own)


def test_the_share_refused_is_not_far_below_the_limit():
    """Else nothing would be refused, and the test above could not fail."""
    validation, _ = clusters(3000, seed=1)
    probabilities = some_probabilities(3000)
    novelty = Novelty.fit(*clusters(200), validation, probabilities)
    refused_cells, predicted = (
        refused(novelty, validation, probabilities),
        probabilities.argmax(axis=1),
    )
    for code in range(3):
        assert 0.045 < refused_cells[predicted == code].mean() <= 0.05
    fresh, _ = clusters(3000, seed=5)
    assert 0.03 < refused(novelty, fresh, some_probabilities(3000, seed=5)).mean() < 0.08


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_a_far_cluster_is_refused_however_sure_the_model(make):
    unknown = make(clusters(60, seed=3)[0][:, ::-1] + 4)
    sure = np.tile([0.999, 0.0005, 0.0005], (60, 1))
    assert refused(fitted(make), unknown, sure).all()
    known, _ = clusters(60, seed=3)
    assert refused(fitted(make), make(known), sure).mean() < 0.2


def test_entropy_alone_makes_a_cell_more_novel():
    """At one place, the closer the probabilities to uniform the higher the score."""
    novelty, cell = fitted(), clusters(1, seed=3)[0]
    steps = [[1 - 2 * q, q, q] for q in (0.0, 0.01, 0.1, 0.2, 0.3)]
    scores = novelty.score(novelty.place(np.repeat(cell, 5, axis=0)), np.array(steps))
    assert (np.diff(scores) > 0).all()


def test_dense_and_sparse_features_agree():
    dense, sparse = fitted(np.asarray), fitted(sp.csr_matrix)
    cells, p = clusters(50, seed=4)[0], some_probabilities(50, seed=4)
    np.testing.assert_allclose(
        dense.score(dense.place(cells), p),
        sparse.score(sparse.place(sp.csr_matrix(cells)), p),
        rtol=1e-9,
    )
    np.testing.assert_allclose(dense.thresholds, sparse.thresholds, rtol=1e-9)


def test_the_space_comes_from_training_and_the_limits_from_validation():
    (train, labels), (validation, _) = clusters(200), clusters(150, seed=1)
    probabilities = some_probabilities(150)
    novelty = Novelty.fit(train, labels, validation, probabilities)
    wider = Novelty.fit(train, labels, validation * 2, probabilities)
    np.testing.assert_array_equal(wider.projection, novelty.projection)
    np.testing.assert_array_equal(wider.centres, novelty.centres)
    np.testing.assert_array_equal(wider.whitening, novelty.whitening)
    assert (wider.quantiles[1] > novelty.quantiles[1]).all()  # of distances
    assert (wider.quantiles[0] == novelty.quantiles[0]).all()  # of entropy
    moved = Novelty.fit(train + 1, labels, validation, probabilities)
    assert not np.allclose(moved.centres, novelty.centres)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_threads_change_no_bit(make):
    (train, labels), (validation, _) = clusters(1500, 300), clusters(1500, 300, seed=1)
    arguments = make(train), labels, make(validation), some_probabilities(1500)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(Novelty.fit(*arguments))
    for name in ARRAYS:
        np.testing.assert_array_equal(*(getattr(novelty, name) for novelty in found))


def read(path: Path) -> Novelty:
    return Novelty.load(path, fitted().projection.shape[0], n_types=3)


@pytest.mark.parametrize("n_cells", [21, 30, 41, 61, 100, 400])
def test_few_validation_cells_refuse_no_more_of_new_ones(n_cells):
    """Of new cells like those of validation 5 % are refused on average, however few those were."""
    scores = np.random.default_rng(n_cells).gamma(2, 1, (2000, n_cells + 1))
    thresholds = [_thresholds(s[:-1], np.zeros(n_cells, dtype=int), 1)[0] for s in scores]
    share = (scores[:, -1] > thresholds).mean()
    assert 0.015 < share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(scores))


def test_saved_and_read_it_scores_the_same_bits(tmp_path):
    novelty, cells, p = fitted(), clusters(50, seed=4)[0], some_probabilities(50, seed=4)
    novelty.save(tmp_path / "novelty.npz")
    again = read(tmp_path / "novelty.npz")
    np.testing.assert_array_equal(
        again.score(again.place(cells), p), novelty.score(novelty.place(cells), p)
    )
    np.testing.assert_array_equal(refused(again, cells, p), refused(novelty, cells, p))


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_other_shapes_are_refused(tmp_path, name):
    path, array = tmp_path / "novelty.npz", getattr(fitted(), name)
    for other in (
        array[:-1],
        array[..., None],
        np.float64(3),
        array.astype(str),
        array.astype(int),
    ):
        np.savez(path, **{key: getattr(fitted(), key) for key in ARRAYS} | {name: other})
        with pytest.raises(ValueError, match=r"novelty\.npz"):
            read(path)
    arrays = {key: getattr(fitted(), key) for key in ARRAYS if key != name}
    np.savez(path, **arrays)
    if name == "entropy_thresholds":  # which models of before do not have
        return
    with pytest.raises(ValueError, match=name):
        read(path)


def test_with_the_file_of_a_model_of_before_nothing_is_in_doubt(tmp_path):
    arrays = {key: getattr(fitted(), key) for key in ARRAYS if key != "entropy_thresholds"}
    np.savez(tmp_path / "novelty.npz", **arrays)
    p = np.full((20, 3), 1 / 3)
    assert not read(tmp_path / "novelty.npz").hesitates(p, np.zeros(20, dtype=int)).any()
    assert fitted().hesitates(p, np.zeros(20, dtype=int)).all()


def test_of_other_types_it_is_refused(tmp_path):
    fitted().save(tmp_path / "novelty.npz")
    with pytest.raises(ValueError, match="centres"):
        Novelty.load(tmp_path / "novelty.npz", fitted().projection.shape[0], n_types=4)
    with pytest.raises(ValueError, match="projection"):
        Novelty.load(tmp_path / "novelty.npz", fitted().projection.shape[0] + 1, n_types=3)


def test_objects_in_the_file_are_never_built(tmp_path):
    class Planted:
        def __reduce__(self):
            return (open, (str(tmp_path / "planted"), "w"))

    arrays = {key: getattr(fitted(), key) for key in ARRAYS}
    planted = np.array([Planted()], dtype=object)
    np.savez(tmp_path / "novelty.npz", **arrays | {"excess": planted})
    with pytest.raises(ValueError, match=r"novelty\.npz"):
        read(tmp_path / "novelty.npz")
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("shape", [(2**40,), (10**12, 3), (-1,)])
def test_arrays_that_claim_other_sizes_are_never_made(tmp_path, shape):
    """numpy makes room for what a header claims before it reads."""
    path = tmp_path / "novelty.npz"
    np.savez(path, **{key: getattr(fitted(), key) for key in ARRAYS if key != "excess"})
    with zipfile.ZipFile(path, "a") as archive, archive.open("excess.npy", "w") as file:
        claim = {"descr": "<U1000000", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, claim)
    with pytest.raises(ValueError, match=r"novelty\.npz: excess\.npy claims"):
        read(path)


@pytest.mark.slow
def test_damaged_files_are_refused_or_read(tmp_path):
    """Cut short, with flipped bytes, or something else altogether: ValueError and no other."""
    path = tmp_path / "novelty.npz"
    fitted().save(path)
    content = path.read_bytes()
    damaged = [content[: int(share * len(content))] for share in (0, 0.01, 0.3, 0.9, 0.999)]
    places = np.random.default_rng(0).choice(len(content), 150, replace=False)
    ends = [*range(60), *range(len(content) - 400, len(content), 7)]
    for place in [*places, *ends]:
        flipped = bytes([content[place] ^ 0xFF])
        damaged.append(content[:place] + flipped + content[place + 1 :])
    np.save(tmp_path / "other.npy", np.ones(3))
    damaged += [b"text", (tmp_path / "other.npy").read_bytes()]
    n_refused = 0
    for variant in damaged:
        path.write_bytes(variant)
        try:
            read(path)
        except ValueError:
            n_refused += 1
    assert n_refused > 0.5 * len(damaged)


def test_a_threshold_is_for_the_type_that_was_predicted():
    novelty = replace(fitted(), thresholds=np.array([1.0, 5.0, 3.0]))
    known = novelty.is_known(np.array([2.0, 2.0, 2.0, 3.0, 3.1]), np.array([0, 1, 2, 2, 2]))
    assert known.tolist() == [False, True, True, True, False]
