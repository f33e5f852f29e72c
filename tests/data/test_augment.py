"""Cells with fewer counts and missing genes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from cellclassifier.data.augment import seen_genes, thinned
from cellclassifier.data.gene_counts import GeneCounts


def cells_of(n_cells=4000, rate=3.0, others=50.0, seed=0) -> GeneCounts:
    rng = np.random.default_rng(seed)
    counts = sp.csr_matrix(rng.poisson(rate, (n_cells, 20)).astype(np.float32))
    totals = np.asarray(counts.sum(axis=1)).ravel() + rng.poisson(others, n_cells)
    return GeneCounts(counts, totals.astype(float), np.ones(20, bool))


def test_counts_only_fall_and_stay_whole():
    cells = cells_of(500)
    fewer = thinned(cells, 0.2, np.random.default_rng(1))
    assert ((cells.counts - fewer.counts).toarray() >= 0).all()
    assert (fewer.counts.data == np.rint(fewer.counts.data)).all()
    among = np.asarray(fewer.counts.sum(axis=1)).ravel()
    assert (fewer.totals >= among).all() and (fewer.totals <= cells.totals).all()


def test_the_share_that_is_left_is_uniform_and_one_per_cell():
    """Mean 0.6, variance 0.8^2 / 12, of the whole cell as of the genes looked at."""
    cells = cells_of(rate=300.0, others=6000.0)
    fewer = thinned(cells, 0.2, np.random.default_rng(1))
    whole = fewer.totals / cells.totals
    among = np.asarray(fewer.counts.sum(axis=1) / cells.counts.sum(axis=1)).ravel()
    for share in (whole, among):
        assert share.mean() == pytest.approx(0.6, abs=0.02)
        assert share.var() == pytest.approx(0.8**2 / 12, rel=0.1)
    assert np.corrcoef(whole, among)[0, 1] > 0.99


def test_nothing_is_taken_where_the_least_share_is_all():
    cells = cells_of(200)
    same = thinned(cells, 1.0, np.random.default_rng(1))
    assert (same.counts != cells.counts).nnz == 0
    assert (same.totals == cells.totals).all()


def test_poisson_counts_stay_poisson():
    """Within cells of one share the variance of a gene is its mean: scaling would shrink it."""
    cells = cells_of(60_000)
    fewer = thinned(cells, 0.2, np.random.default_rng(1))
    share = fewer.totals / cells.totals
    alike = fewer.counts[np.abs(share - 0.5) < 0.05].toarray()
    assert alike.var() == pytest.approx(alike.mean(), rel=0.05)


def test_the_given_cells_stay_as_they_are():
    cells = cells_of(50)
    before = cells.counts.copy()
    thinned(cells, 0.2, np.random.default_rng(1))
    assert (before != cells.counts).nnz == 0


def test_share_of_genes_that_are_not_seen():
    seen = seen_genes(3000, 200, 0.8, np.random.default_rng(0))
    dropped = 1 - seen.mean(axis=1)
    assert dropped.mean() == pytest.approx(0.4, abs=0.02)
    assert dropped.max() < 0.95 and dropped.min() < 0.05
    assert seen_genes(9, 9, 0.0, np.random.default_rng(0)).all()
