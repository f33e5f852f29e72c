"""Tables of scores: to the last digit, of all methods, and views that hide no row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.errors import InputError
from cellclassifier.protocol import scores
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.scores import ScoreTables

# Names of types as people give them; the last line of CSV is not the end of a name.
NAMES = ["0", "007", "NA", "nan", "None", "1e5", "True", "A/B", "A_B", ",", '"', 'say "a", b']
NAMES += ["=1+1", "-T", "'=1", "-1", "@x"]
NAMES += ["two\nlines", "Windows\r", "a\rb", "a\r\nb", " ä ", "\t", "#", "Ω\u2028"]
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def rows_of(method="a", splits=(42,), value=0.5, **columns) -> pd.DataFrame:
    parts = ("train", "val", "test")
    keys = [{"method": method, "part": part, "split": split} for split in splits for part in parts]
    metrics = dict.fromkeys([*METRICS, "ece", "fit_seconds", "ece_raw"], value)
    return pd.DataFrame(keys).assign(n_cells=9, **metrics | columns)


@settings(deadline=None)
@given(st.lists(FLOATS, min_size=3, max_size=3), st.lists(FLOATS, min_size=3, max_size=3))
def test_numbers_keep_every_digit_however_often_they_are_read(tmp_path_factory, first, second):
    tables = ScoreTables(tmp_path_factory.mktemp("out"), "scores")
    tables.update(rows_of(splits=(1,)).assign(accuracy=first), "d", "o")
    for split in (2, 2, 3):
        tables.update(rows_of(splits=(split,)).assign(accuracy=second), "d", "o")
    found = tables.of("d")
    assert found["accuracy"].tolist() == [*first, *second, *second]


def test_texts_come_back(tmp_path):
    table = pd.DataFrame({"method": "a", "split": 1, "cell_type": NAMES, "f1": 0.1})
    tables = ScoreTables(tmp_path, "per_type")
    tables.update(table, "d", "o")
    tables.update(table.assign(split=2), "d", "o")
    assert tables.of("d")["cell_type"].tolist() == NAMES * 2


@settings(deadline=None)
@given(st.lists(st.text(LETTERS, min_size=1), min_size=1))
def test_any_text_comes_back(tmp_path_factory, names):
    table = pd.DataFrame({"method": "a", "split": 1, "cell_type": names, "f1": 0.1})
    tables = ScoreTables(tmp_path_factory.mktemp("out"), "per_type")
    tables.update(table, "d", "o")
    tables.update(table.assign(split=2), "d", "o")
    assert tables.of("d")["cell_type"].tolist() == names * 2


def test_empty_numbers_stay_empty(tmp_path):
    table = rows_of(accuracy_low=[np.nan, np.nan, 0.25], accuracy_high=np.nan)
    ScoreTables(tmp_path, "scores").update(table, "d", "o")
    found = ScoreTables(tmp_path, "scores").of("d")
    assert found["accuracy_low"].isna().tolist() == [True, True, False]
    assert found["accuracy_high"].isna().all()


def test_rows_of_the_same_splits_cells_or_options_make_way(tmp_path):
    tables = ScoreTables(tmp_path, "scores")

    def kept():
        found = scores.read_table(tmp_path / "results/scores/a.csv")
        return sorted(
            set(zip(found["split"], found["accuracy"], found["data_digest"], strict=True))
        )

    tables.update(rows_of(splits=(2, 3), value=0.1), "d", "o")
    tables.update(rows_of(splits=(1, 2), value=0.2), "d", "o")
    assert kept() == [(1, 0.2, "d"), (2, 0.2, "d"), (3, 0.1, "d")]
    tables.update(rows_of("b", splits=(2,), value=0.3), "d", "o")
    assert len(kept()) == 3
    tables.update(rows_of(splits=(5,), value=0.4), "d", "other")
    assert kept() == [(5, 0.4, "d")]
    tables.update(rows_of(splits=(6,), value=0.5), "other", "other")
    assert kept() == [(6, 0.5, "other")]


def test_rows_are_by_split_then_by_method_in_the_fixed_order(tmp_path):
    tables = ScoreTables(tmp_path, "scores")
    for method in ("zebra", "gbdt", "own", "geneformer", "majority"):
        tables.update(rows_of(method, splits=(10, 9)), "d", "o")
    tables.update(rows_of("random_forest", splits=(9,)), "other", "o")
    found = tables.of("d")
    methods = ["majority", "gbdt", "geneformer", "own", "zebra"]
    keys = found[["split", "method", "part"]].to_numpy().tolist()
    assert keys == [
        [split, method, part]
        for split in (9, 10)
        for method in methods
        for part in ("train", "val", "test")
    ]
    assert len(tables.of("nothing")) == 0


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", 'split,data\n"1', "split,data\nx,y\n"])
def test_a_table_of_something_else_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "results/scores/a.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.csv is no table of scores .*: remove it"):
        ScoreTables(tmp_path, "scores").of("d")


def test_the_summary_is_mean_and_standard_deviation_over_splits():
    rng = np.random.default_rng(0)
    values = rng.random((2, 3, 3))  # methods, splits, parts
    tables = [
        rows_of(method, splits=(1, 2, 3)).assign(macro_f1=values[i].ravel())
        for i, method in enumerate(("b", "a"))
    ]
    summary = scores.summarize(pd.concat(tables))
    assert summary.index.unique("method").tolist() == ["b", "a"]
    for i, method in enumerate(("b", "a")):
        for place, part in enumerate(("train", "val", "test")):
            found = summary.loc[(method, part), "macro_f1"]
            assert found["mean"] == pytest.approx(values[i, :, place].mean())
            assert found["std"] == pytest.approx(values[i, :, place].std(ddof=1))


def test_a_metric_that_was_not_measured_is_no_zero():
    """Of several labels, say, which have no accuracy; a single split has no deviation."""
    table = rows_of("several").assign(accuracy=np.nan, macro_f1=0.4)
    summary = scores.summarize(pd.concat([rows_of("one"), table]))
    assert summary.loc[("several", "test"), "accuracy"].isna()["mean"]
    assert summary.loc[("several", "test"), ("macro_f1", "mean")] == 0.4
    assert np.isnan(summary.loc[("one", "test"), ("accuracy", "std")])
    assert summary["n_splits"].tolist() == [1] * 6


def test_views_leave_out_rows_of_other_kinds_of_scores():
    """One type or not has neither macro-F1 nor a part; several labels have no type per cell."""
    other = pd.DataFrame({"method": ["rf"], "part": ["held_out"], "split": [1], "natural": [0.5]})
    table = scores.combined(pd.concat([rows_of(), other]))
    assert list(table) == scores.COMBINED and set(table["method"]) == {"a"}
    types = pd.DataFrame({"method": "a", "split": 1, "cell_type": ["x", "y"], "f1": [0.5, 0.0]})
    types = types.assign(precision=1.0, recall=1.0, support=2)
    labels = types.rename(columns={"cell_type": "label"}).assign(method="several")
    forests = types.drop(columns="f1").assign(method="rf")
    found = scores.per_type(pd.concat([types, labels, forests]))
    assert list(found) == scores.PER_TYPE and found["method"].tolist() == ["a", "a"]
    assert found["support"].tolist() == [2, 2]


def test_in_short_is_best_first():
    table = pd.concat([rows_of("worse", value=0.25), rows_of("better", (1, 2), value=0.75)])
    found = scores.in_short(scores.summarize(table))
    assert found.index.tolist() == ["better", "worse"]
    assert found.loc["better", "macro_f1"] == "0.750 +- 0.000"
    assert found.loc["worse", "macro_f1"] == "0.250"
    assert found["+-"].tolist() == ["SD of 2 splits", "95 % bootstrap of cells"]
