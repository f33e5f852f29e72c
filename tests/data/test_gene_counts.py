"""Columns by name, and the library sizes of whole cells."""

from __future__ import annotations

import numpy as np

from cellclassifier.data.gene_counts import GeneCounts

WANTED = np.array(["gene_7", "unknown", "gene_0", "gene_59"])


def test_columns_are_found_by_name(small_cells):
    found = GeneCounts.of(small_cells, WANTED)
    dense = small_cells.X.toarray()
    np.testing.assert_array_equal(found.counts.toarray()[:, [0, 2, 3]], dense[:, [7, 0, 59]])
    assert found.counts[:, 1].nnz == 0
    assert found.present.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(found.totals, dense.sum(axis=1))
    order = np.random.default_rng(0).permutation(60)
    shuffled = GeneCounts.of(small_cells[:, order], WANTED)
    np.testing.assert_array_equal(shuffled.counts.toarray(), found.counts.toarray())


def test_no_known_gene(small_cells):
    found = GeneCounts.of(small_cells, np.array(["x", "y"]))
    assert found.counts.nnz == 0 and found.counts.shape == (120, 2)
    assert not found.present.any() and (found.totals > 0).all()


def test_rows_keep_their_totals(small_cells):
    found = GeneCounts.of(small_cells, WANTED)
    for rows in (slice(3, 9), np.array([5, 1]), np.arange(120) % 2 == 0):
        some = found[rows]
        assert len(some) == len(some.totals)
        np.testing.assert_array_equal(some.counts.toarray(), found.counts.toarray()[rows])
        np.testing.assert_array_equal(some.totals, found.totals[rows])
