"""Neighbours within a file: against scikit-learn on dense values, in chunks, of a sample."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_files import a_file, labels_of, total
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.trust.neighbours import (
    N_NEIGHBOURS,
    SAMPLE_CELLS,
    Neighbours,
    sample_of,
    sampled_rows,
    smoothed,
)

CELLS = a_file(labels_of(240), seed=1)
EVERY = np.arange(240)


def log_cp10k(cells: GeneCounts) -> np.ndarray:
    return np.log1p(1e4 * cells.counts.toarray().astype(float) / cells.totals[:, None])


def nearest_by_hand(cells: GeneCounts) -> list[set]:
    """The 15 nearest in 30 components of standardised and clipped values."""
    values = log_cp10k(cells)
    values = values[:, (values > 0).mean(axis=0) > 0.01]
    z = np.clip((values - values.mean(axis=0)) / (values.std(axis=0) + 0.1), -5, 5)
    places = PCA(30, svd_solver="full").fit_transform(z)
    distances = pairwise_distances(places)
    np.fill_diagonal(distances, np.inf)
    return [set(row[:N_NEIGHBOURS]) for row in np.argsort(distances, axis=1)]


def test_neighbours_are_those_of_scikit_learn_on_dense_values():
    near = Neighbours.learn(CELLS, EVERY).of(CELLS, EVERY)
    found = [set(row) for row in near.indices.reshape(len(EVERY), -1)]
    expected = nearest_by_hand(CELLS)
    assert np.mean([one == other for one, other in zip(found, expected, strict=True)]) > 0.98


def test_the_average_is_over_a_cell_and_its_neighbours():
    neighbours = Neighbours.learn(CELLS, EVERY)
    near = neighbours.of(CELLS, EVERY)
    values, averaged = log_cp10k(CELLS), neighbours.averaged(CELLS, near).toarray()
    for cell in (0, 17, 239):
        group = [cell, *near.indices[near.indptr[cell] : near.indptr[cell + 1]]]
        assert len(set(group)) == N_NEIGHBOURS + 1
        np.testing.assert_allclose(averaged[cell], values[group].mean(axis=0), rtol=1e-4, atol=1e-6)


def test_a_cell_is_no_neighbour_of_itself_but_its_twin_is():
    twins = CELLS[np.r_[EVERY, EVERY]]
    rows = np.arange(480)
    near = Neighbours.learn(twins, rows).of(twins, rows).toarray()
    assert (np.diag(near) == 0).all()
    assert (near[rows, (rows + 240) % 480] == 1).all()


def test_cells_outside_the_sample_have_as_many_neighbours():
    rows = np.sort(np.random.default_rng(0).choice(240, 150, replace=False))
    neighbours = Neighbours.learn(CELLS[rows], rows)
    near = neighbours.of(CELLS, EVERY)
    assert near.shape == (240, 150)
    assert (np.diff(near.indptr) == N_NEIGHBOURS).all()
    assert (near[rows, np.arange(150)] == 0).all()


@cache
def learned() -> Neighbours:
    return Neighbours.learn(CELLS, EVERY)


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 240))
def test_chunks_of_any_size_give_the_same_digits(size):
    neighbours = learned()
    chunks = [slice(start, start + size) for start in range(0, 240, size)]
    near = sp.vstack([neighbours.of(CELLS[chunk], EVERY[chunk]) for chunk in chunks])
    assert (near != neighbours.of(CELLS, EVERY)).nnz == 0
    vectors = np.random.default_rng(0).normal(size=(CELLS.counts.shape[1], 3))
    of_sample = neighbours.values @ vectors
    whole = neighbours.averaged(CELLS, near.tocsr())
    parts = [neighbours.averaged(CELLS[chunk], near.tocsr()[chunk]) for chunk in chunks]
    found = np.concatenate([part.times(vectors, of_sample) for part in parts])
    np.testing.assert_array_equal(found, whole.times(vectors, of_sample))
    squares = np.concatenate([part.squares() for part in parts])
    np.testing.assert_array_equal(squares, whole.squares())


def test_products_and_squares_are_those_of_the_averages():
    neighbours, rows = learned(), np.arange(0, 240, 7)
    averaged = neighbours.averaged(CELLS, neighbours.of(CELLS, EVERY))
    dense, vectors = averaged.toarray().astype(float), np.random.default_rng(1).normal(size=(60, 3))
    vectors = np.resize(vectors, (dense.shape[1], 3))
    products = averaged.times(vectors, neighbours.values @ vectors)
    np.testing.assert_allclose(products, dense @ vectors, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(averaged.squares(), (dense**2).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(averaged.mean_among(rows), dense[rows].mean(axis=0), atol=1e-6)


def test_a_files_space_is_that_of_principal_components():
    neighbours = learned()
    space = neighbours.space
    values = space._standardised(neighbours.values).toarray()
    expected = PCA(space.components.shape[1], svd_solver="full").fit_transform(values)
    found = space.place(neighbours.values)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found[:, :10] * signs[:10], expected[:, :10], atol=1e-6)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)


def test_threads_change_nothing():
    one, two = (Neighbours.learn(CELLS, EVERY, jobs).of(CELLS, EVERY) for jobs in (1, 2))
    assert (one != two).nnz == 0


def test_genes_that_a_file_lacks_are_not_in_its_space():
    present = np.arange(CELLS.counts.shape[1]) % 2 == 0
    half = GeneCounts(CELLS.counts.multiply(present).tocsr(), CELLS.totals, present)
    assert present[Neighbours.learn(half, EVERY).space.columns].all()


@pytest.mark.parametrize("n_cells", [1, 100, SAMPLE_CELLS])
def test_small_files_are_looked_at_whole(n_cells):
    np.testing.assert_array_equal(sampled_rows(n_cells, 3), np.arange(n_cells))


def test_of_large_files_no_more_than_a_sample_is_kept():
    rows = sampled_rows(65_943, 42)
    assert len(rows) == len(np.unique(rows)) == SAMPLE_CELLS
    assert (np.diff(rows) > 0).all() and rows[-1] < 65_943
    np.testing.assert_array_equal(rows, sampled_rows(65_943, 42))
    assert (rows != sampled_rows(65_943, 43)).any()


@pytest.mark.parametrize("size", [1, 7, 100, 240, 1000])
def test_a_sample_of_a_file_that_comes_in_chunks(size):
    rows = sampled_rows(240, 1, at_most=50)
    chunks = (CELLS.counts[start : start + size] for start in range(0, 240, size))
    sample = sample_of(chunks, rows, lambda part: GeneCounts(part, total(part), CELLS.present))
    assert (sample.counts != CELLS.counts[rows]).nnz == 0
    np.testing.assert_array_equal(sample.totals, CELLS.totals[rows])


def test_probabilities_are_drawn_towards_those_of_neighbours():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 240)
    near = Neighbours.learn(CELLS, EVERY).of(CELLS, EVERY)
    found = smoothed(p, near, p)
    for cell in (0, 100, 239):
        mean = np.mean([p[other] for other in near[cell].indices], axis=0)
        np.testing.assert_allclose(found[cell], (p[cell] + 3 * mean) / 4)
    np.testing.assert_allclose(found.sum(axis=1), 1)
