"""The rules that every table of a script is held to, see ../conftest.py, and who is exempt."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from table_style import WITH_AUTHORS_HEADER, faults

from cellclassifier.output.tables import write_csv


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"method": "a", "Accuracy": 1.0}, "'Accuracy' is no snake_case"),
        ({"method": "a", "regression__C": 1.0}, "'regression__C' is no snake_case"),
        ({"cell": "a", 42: "train"}, "42 is no snake_case"),
        ({"method": "a", "dataset": "test"}, "'dataset': of what"),
        ({"cell_type": "B", "share": 0.5}, "'share': of what"),
        ({"accuracy": 0.5, "method": "a"}, "the key 'method' behind other columns"),
        (
            {"quantity": "genes", "value": "765 (gene symbols)"},
            "texts among the numbers of 'value'",
        ),
        ({"predicted": ["B", "all"], "n_cells": [9, 9]}, "a row 'all' among types"),
    ],
)
def test_each_fault_is_found(tmp_path, columns, word):
    table = pd.DataFrame(columns, index=range(2))
    assert any(word in fault for fault in faults(Path("table.csv"), table))
    with pytest.raises(AssertionError, match="table"):
        write_csv(tmp_path / "table.csv", table)
    assert list(tmp_path.iterdir()) == []


def test_a_table_in_style_has_no_fault():
    table = pd.DataFrame({"method": "a", "part": "test", "split": 1, "macro_f1": 0.5}, index=[0])
    assert faults(Path("scores.csv"), table.assign(data_digest="0", part_42="test")) == []


def test_the_docs_name_those_with_the_authors_header():
    text = (ROOT / "docs/README.md").read_text()
    assert all(f"`{name}.csv`" in text for name in WITH_AUTHORS_HEADER)
