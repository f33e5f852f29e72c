"""What is said of doublets and empty droplets, and that it is no test."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import make_cells

from cellclassifier.interview.droplets import about_droplets, relative_counts


@pytest.fixture
def cells():
    cells = make_cells(120)
    counts = cells.X.toarray()
    counts[0] *= 5
    counts[1] = 0
    counts[1, 0] = 1
    cells.X = sp.csr_matrix(counts)
    cells.obs["has_type"] = (cells.obs["cell_type"] != "NK").to_numpy()
    return cells


def test_counts_relative_to_the_type(cells):
    ratio = relative_counts(cells)
    totals = np.asarray(cells.X.sum(axis=1)).ravel()
    b = (cells.obs["cell_type"] == "B").to_numpy()
    np.testing.assert_allclose(ratio[b], totals[b] / np.median(totals[b]))
    assert np.isnan(ratio[~cells.obs["has_type"].to_numpy()]).all()


def test_types_of_few_cells_have_no_median_worth_the_name(cells):
    few = cells[:15]  # five of each type
    assert np.isnan(relative_counts(few)).all()


def test_what_was_not_tested_is_named(cells):
    cells.obs["has_type"] = True
    rows = dict(about_droplets(cells))
    assert all(text.startswith("not tested") for text in rows.values())
    assert (
        "1 of 120 cells (0.8%) have over 2 times" in rows["doublets"]
        and "Scrublet" in rows["doublets"]
    )
    assert "1 of 120 cells (0.8%) have under 0.2 times" in rows["empty droplets"]
