"""Which genes stand in a sentence: against a plain loop over cells, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellama.ranking import learn_scale, top_genes


def csr(rows) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(rows, dtype=np.float32))


def by_a_loop(counts, scale, n_top):
    found = np.full((counts.shape[0], n_top), -1)
    for i, row in enumerate(counts.toarray().astype(float)):
        values = row / scale
        order = sorted(np.flatnonzero(values > 0), key=lambda gene: (-values[gene], gene))[:n_top]
        found[i, : len(order)] = order
    return found


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_same_as_a_loop_over_cells(seed, n_top):
    rng = np.random.default_rng(seed)
    counts = csr(rng.poisson(0.7, size=(9, 8)))
    scale = rng.choice([1.0, 2.0, 3.0, np.inf], size=8)
    np.testing.assert_array_equal(top_genes(counts, scale, n_top), by_a_loop(counts, scale, n_top))


def test_chunks_do_not_show():
    counts = sp.random_array((5000, 30), density=0.2, format="csr", rng=0, dtype=np.float32)
    counts.data = np.ceil(3 * counts.data)
    expected = by_a_loop(counts[4000:], np.ones(30), 5)
    np.testing.assert_array_equal(top_genes(counts, np.ones(30), 5)[4000:], expected)


def test_never_a_gene_without_counts_and_an_empty_cell_has_none():
    found = top_genes(csr([[0, 2, 0], [0, 0, 0], [1, 1, 5]]), np.ones(3), 3)
    np.testing.assert_array_equal(found, [[1, -1, -1], [-1, -1, -1], [2, 0, 1]])


def test_ties_go_to_the_first_column():
    np.testing.assert_array_equal(top_genes(csr([[1, 1, 1, 1]]), np.ones(4), 2), [[0, 1]])


def test_scales_by_hand():
    counts = csr([[4, 0, 1], [2, 2, 0], [0, 0, 1]])
    totals = np.full(3, 10_000.0)  # so that counts are counts per 10,000
    np.testing.assert_array_equal(learn_scale("counts", counts, totals), [1, 1, 1])
    np.testing.assert_allclose(learn_scale("specific", counts, totals), [7, 5 + 2 / 3, 5 + 2 / 3])
    np.testing.assert_allclose(learn_scale("median", counts, totals), [3, 2, 1])
    assert np.isinf(learn_scale("median", csr([[1, 0]]), np.array([1.0]))[1])
    with pytest.raises(ValueError, match="alphabet"):
        learn_scale("alphabet", counts, totals)


def test_only_variable_genes_are_ranked_the_published_way():
    counts = csr(np.random.default_rng(0).poisson(1.0, size=(60, 2000)))
    scale = learn_scale("variable", counts, np.asarray(counts.sum(axis=1)).ravel())
    assert np.isfinite(scale).sum() == 1500
    assert set(scale[np.isfinite(scale)]) == {1.0}


@pytest.mark.parametrize(
    ("chosen", "n_top", "learned_by"),
    [
        ({}, 192, "labels"),
        ({"fine_tune": "none"}, 128, "none"),
        ({"encoder": "minilm"}, 64, "none"),
        ({"encoder": "minilm", "words": "pieces"}, 40, "none"),
        ({"encoder": "gene-bert", "n_top": 7}, 7, "labels"),
    ],
)
def test_what_is_left_open_is_decided(chosen, n_top, learned_by):
    options = CellamaOptions(**chosen).decided()
    assert (options.n_top, options.fine_tune) == (n_top, learned_by)
    assert options.decided() == options
