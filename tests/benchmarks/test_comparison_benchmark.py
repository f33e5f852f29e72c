"""Rows of the benchmark of compare.py are means of its table's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.comparison import rows_of, time_of
from benchmarks.comparison_layouts import COMPARISON_TABLES

ROWS = [
    ("gbdt", "plain", "", 142, 0.8, np.nan),
    ("gbdt", "plain", "", 143, 0.9, np.nan),
    ("gbdt", "rare", "30", 142, 0.7, 0.4),
    ("gbdt", "depth", "0.2", 142, 0.6, np.nan),
    ("soft_vote", "plain", "", 142, 0.95, np.nan),
    ("cellular", "noise", "0.1", 142, np.nan, np.nan),
]


@pytest.fixture
def table() -> pd.DataFrame:
    columns = ["method", "trial", "level", "split", "macro_f1", "f1_of_rare"]
    table = pd.DataFrame(ROWS, columns=columns)
    costs = {"fit_cpu_seconds": 30.0, "predict_cpu_seconds": 0.5, "fit_added_gib": 0.1}
    table = table.assign(accuracy=0.9, mcc=0.8, ece=0.1, n_train=70, n_test=500, **costs)
    table.loc[table["macro_f1"].isna(), list(costs)] = np.nan
    return table.assign(quick=False)


def test_plain_scores_are_means_with_deviations_best_first(table):
    found = rows_of(table)
    lines = COMPARISON_TABLES["comparison_scores"].lines(found.to_dict("records"))
    assert [line[:2] for line in lines[1:]] == [
        ["`soft_vote`", "0.950"],
        ["`gbdt`", "0.850 ± 0.071"],
    ]
    assert lines[1][6] == "1.00"  # CPU seconds for 1,000 cells of 0.5 for 500


def test_trials_hold_what_was_run_and_rare_types_their_own_f1(table):
    rows = rows_of(table).to_dict("records")
    rare = COMPARISON_TABLES["comparison_rare"].lines(rows)
    assert rare == [["method", "`rare types: 30 cells`"], ["`gbdt`", "0.400"]]
    depth = COMPARISON_TABLES["comparison_depth"].lines(rows)
    assert depth == [["method", "`20 % of counts left`"], ["`gbdt`", "0.600"]]
    assert COMPARISON_TABLES["comparison_noise"].lines(rows) == [["method"]]


def test_new_cells_for_a_fitted_model_are_no_fit_of_their_own(table):
    (row,) = time_of(table, 120, 2).to_dict("records")
    assert (row["minutes"], row["fits"]) == (2, 4)
    assert row["cpu_minutes"] == pytest.approx((4 * 30 + 5 * 0.5) / 60)
