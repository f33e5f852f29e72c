"""How a figure of a record is written into a table."""

from __future__ import annotations

from benchmarks.tables import Table, filled, mean_if_several


def test_a_single_split_has_no_deviation():
    template = mean_if_several("accuracy")
    assert filled(template, {"accuracy_mean": 0.5, "accuracy_std": 0.25}) == "0.500 ± 0.250"
    assert filled(template, {"accuracy_mean": 0.5, "accuracy_std": None}) == "0.500"
    assert filled(template, {"other": 1}) == ""


def test_a_table_has_a_heading_and_a_line_per_row():
    table = Table("record", {"name": "{name}", "accuracy": mean_if_several("accuracy")})
    rows = [{"name": "a", "accuracy_mean": 0.5, "accuracy_std": None}]
    assert table.lines(rows) == [["name", "accuracy"], ["a", "0.500"]]
