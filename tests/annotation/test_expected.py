"""What a file that lacks genes is told: between measured points, and no more than was measured."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from trained_models import known_cells, trained

from cellclassifier.annotation.expected import curves, what_to_expect
from cellclassifier.annotation.model import find_genes

CURVE = pd.DataFrame({"method": "a", "missing": [0, 0.5, 0.9], "macro_f1": [0.9, 0.7, 0.3]})


def test_a_share_between_two_points_is_between_their_scores():
    assert "kept a macro-F1 of 0.80 of 0.90" in what_to_expect("a", 0.25, CURVE)
    assert "0.50 of 0.90" in what_to_expect("a", 0.7, CURVE)


def test_beyond_what_was_measured_it_says_so():
    said = what_to_expect("a", 0.95, CURVE)
    assert "95% of" in said and "0.30 of 0.90" in said and "at 90%, the most" in said


@pytest.mark.parametrize(("method", "missing"), [("a", 0.0), ("a", 0.01), ("b", 0.5)])
def test_nothing_is_said_of_what_is_not_missing_or_not_measured(method, missing):
    assert what_to_expect(method, missing, CURVE) is None


def test_the_curves_that_come_with_the_package():
    table = curves()
    assert table["macro_f1"].between(0, 1).all() and table["missing"].between(0, 1).all()
    for _, curve in table.groupby("method"):
        assert curve["missing"].iloc[0] == 0 and (np.diff(curve["missing"]) > 0).all()


def test_it_is_said_when_genes_are_looked_up(caplog):
    cells, model = known_cells()[:, 20:].copy(), trained("logistic_regression")
    missing = 1 - model.match(cells.var).found.mean()
    with caplog.at_level(logging.INFO, "cellclassifier"):
        find_genes(model, cells.var, 0.0)
    assert what_to_expect(model.method, missing) in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, "cellclassifier"):
        find_genes(model, known_cells().var, 0.0)
    assert "are missing" not in caplog.text
