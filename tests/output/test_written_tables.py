"""CSV: any text comes back, and no spreadsheet computes one."""

from __future__ import annotations

import ast
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cellclassifier.annotation.predict import Annotations
from cellclassifier.annotation.write import annotation_files
from cellclassifier.output.tables import without_apostrophes, write_csv

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SIGNS = st.text("=+-@'\t\r\n,;\" 1aNA")
ODD = [
    "0",
    "007",
    "NA",
    "nan",
    "True",
    ",",
    '"',
    'say "a", b',
    "two\nlines",
    "of Windows\r",
    "a\rb",
]
ODD += ["a\r\nb", " ä ", "\t", "#", "'", "", "=1+1", "@A1", "-T", "+T", "'=1", "\t=1", " -T", "-1"]
ODD += ["+5", "-1.5e3", "-1+1", "CD4+", "\r=1"]


def read(path) -> pd.DataFrame:
    """As every script reads a table that it shares."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def computed(text: str) -> bool:
    """Whether a spreadsheet would compute it; OWASP's list, but for numbers, which are harmless."""
    return text.lstrip()[:1] in tuple("=+-@＝＋－＠") and not re.fullmatch(r"[+-][\d.eE+]+", text)


@settings(deadline=None)
@given(st.lists(TEXTS | SIGNS, min_size=1))
@example(ODD)
def test_any_text_comes_back_from_any_column(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("out") / "table.csv"
    columns = {"first": texts, "n": np.arange(len(texts)), "kind": pd.Categorical(texts)}
    write_csv(path, pd.DataFrame(columns | {"last": texts}))
    found = read(path)
    assert found["n"].tolist() == [str(i) for i in range(len(texts))]
    for name in ("first", "kind", "last"):
        assert without_apostrophes(found[name]).tolist() == texts
        plain = [text for text in texts if not re.match(r"'*\s*[=+\-@＝＋－＠]", text)]
        assert [text for text in plain if text not in set(found[name])] == []
        assert not any(computed(text) for text in found[name])


@settings(deadline=None)
@given(st.lists(TEXTS | SIGNS, min_size=2, unique=True), st.integers(1, 3))
@example(ODD, 3)
def test_annotations_come_back_however_many_chunks_there_were(tmp_path_factory, texts, step):
    folder = tmp_path_factory.mktemp("out")
    types = np.array(["A/B", "a\rb"])
    with annotation_files(folder, types, len(texts), seed=0) as files:
        for start in range(0, len(texts), step):
            names = texts[start : start + step]
            table = pd.DataFrame({"cell": names, "predicted": "a\rb", "probability": 0.5})
            table = table.assign(second="A/B", known=True, broad="=T", broad_probability=1.0)
            table = table.assign(far=False, between=True, confidence="low")
            shares = np.full((len(names), 2), 0.5, dtype=np.float32)
            files.add(Annotations(table, shares, np.zeros((len(names), 1))))
        files.add_votes(pd.DataFrame({"cluster": texts[::-1], "majority_voting": "a\rb"}))
    found = read(folder / "annotations.csv")
    assert without_apostrophes(found["cell"]).tolist() == texts
    assert set(found["predicted"]) == {"a\rb"} and set(found["second"]) == {"A/B"}
    assert set(found["broad"]) == {"'=T"} and set(found["majority_voting"]) == {"a\rb"}
    assert without_apostrophes(found["cluster"]).tolist() == texts[::-1]
    assert pd.read_parquet(folder / "probabilities.parquet")["cell"].tolist() == texts


@pytest.mark.parametrize("text", ["=1+1", "+T", "-T", "@A1", "\t=1", "'=1"])
def test_a_formula_has_an_apostrophe_in_front(tmp_path, text):
    write_csv(tmp_path / "a.csv", pd.DataFrame({"cell_type": [text, "B"], "f1": [-0.5, 1]}))
    assert read(tmp_path / "a.csv")["cell_type"].tolist() == [f"'{text}", "B"]
    assert read(tmp_path / "a.csv")["f1"].tolist() == ["-0.500000", "1.000000"]


def test_a_table_that_is_written_does_not_change(tmp_path):
    table = pd.DataFrame({"a": ["=1", "b"], "n": [1, 2]})
    before = table.copy()
    write_csv(tmp_path / "a.csv", table)
    pd.testing.assert_frame_equal(table, before)


def test_all_tables_are_written_here():
    """Whoever calls pandas' own to_csv forgets the signs above."""
    sources = [*(ROOT / "cellclassifier").rglob("*.py"), *ROOT.glob("*.py")]
    assert [path.name for path in sources if calls_to_csv(path)] == ["tables.py"]


def calls_to_csv(path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.Attribute) and node.attr == "to_csv" for node in ast.walk(tree))
