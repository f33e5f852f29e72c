"""The pages: tables are made from records, links and options are there, code runs."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from benchmarks import docs_tables
from benchmarks.docs_layouts import TABLES, CrossTable, Table
from benchmarks.docs_tables import MARKED
from benchmarks.records import read_record
from cellclassifier import models
from cellclassifier.annotation import command as annotation_command

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "geneformer_files/README.md",
]
SCRIPTS = sorted(path.stem for path in ROOT.glob("*.py"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")
FILE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
# Of other commands than our scripts.
OTHERS = {"nproc-per-node", "record", "write-tokens", "check", "help", "version", "no-deps"}


RECORDS = {path.stem for path in (ROOT / "docs/records").glob("*.json")}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", docs_tables.PAGES, ids=name_of)
def test_tables_are_those_of_the_records(page):
    """Where this fails, ``make docs-tables`` writes them again."""
    assert docs_tables.updated(page.read_text()) == page.read_text()


def test_every_table_stands_on_a_page():
    """Of pages that name a table as an example nothing is made."""
    shown = {match[1] for page in docs_tables.PAGES for match in MARKED.finditer(page.read_text())}
    assert set(TABLES) <= shown


def test_every_record_has_a_table():
    assert {table.record for table in TABLES.values()} == RECORDS


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_records_say_where_they_come_from(name):
    record = read_record(name)
    assert re.fullmatch(r"[0-9a-f]{40}", record["git_commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert record["command"].startswith("python -m benchmarks.")
    assert record["seeds"] and record["data"] and record["rows"]


ROWS = [
    {"data": "a", "method": "x", "f1_mean": 0.25, "f1_std": 0.125, "note": None},
    {"data": "a", "method": "y", "f1_mean": 0.5, "f1_std": None, "note": None},
    {"data": "b", "method": "y", "f1_mean": 1.0, "f1_std": 0.0, "note": None},
]
F1 = "{f1_mean:.2f} ± {f1_std:.3f}"


def test_a_table_has_a_line_per_row():
    lines = Table("", {"method": "`{method}`", "F1": F1, "note": "{note}"}).lines(ROWS)
    assert lines == [
        ["method", "F1", "note"],
        ["`x`", "0.25 ± 0.125", ""],
        ["`y`", "", ""],
        ["`y`", "1.00 ± 0.000", ""],
    ]
    assert docs_tables.without_empty_columns(lines)[0] == ["method", "F1"]


def test_a_cross_table_leaves_out_what_was_not_measured():
    lines = CrossTable("", "data", "data {data}", "method", "{f1_mean}").lines(ROWS)
    assert lines == [["data", "`x`", "`y`"], ["data a", "0.25", "0.5"], ["data b", "", "1.0"]]


def test_a_cross_table_writes_what_a_row_has_and_columns_beside():
    table = CrossTable(
        "", "data", "{data}", "method", (F1, "{f1_mean}"), beside=("first", "of {data}")
    )
    assert table.lines(ROWS) == [
        ["data", "first", "`x`", "`y`"],
        ["a", "of a", "0.25 ± 0.125", "0.5"],
        ["b", "of b", "", "1.00 ± 0.000"],
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if link.startswith("http"):
            continue
        file, _, heading = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        if heading:
            assert heading in headings(target), link


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    lines = [
        line.lstrip("# ")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_exist(page):
    known = {
        field.name.replace("_", "-")
        for module in [annotation_command, *map(importlib.import_module, SCRIPTS)]
        for field in dataclasses.fields(module.Config)
    }
    lines = [line for line in page.read_text().splitlines() if "benchmarks." not in line]
    named = set(OPTION.findall("\n".join(lines)))
    assert named <= known | OTHERS


@pytest.fixture
def system(tmp_path, monkeypatch):
    """The script of docs/adding_a_system.md, beside its model, as modules; imports are undone."""
    files = dict(FILE.findall((ROOT / "docs/adding_a_system.md").read_text()))
    modules = {}
    for path, code in files.items():
        name = path.removesuffix(".py").replace("/", ".")
        (tmp_path / f"{name}.py").write_text(code)
        spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        modules[name] = module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    model = modules["cellclassifier.models.nearest_profile"].NearestProfile
    monkeypatch.setattr(models, "NearestProfile", model, raising=False)
    return modules["nearest_profile"]


@pytest.mark.slow
def test_the_system_of_the_page_runs(system, cells_npy, tmp_path, capsys):
    config = system.Config(cells=cells_npy, output=tmp_path, n_genes=30, n_splits=2)
    summary = system.main(config)
    assert summary["macro_f1"]["mean"]["nearest_profile", "test"] > 0.8
    assert "nearest_profile" in capsys.readouterr().out
    record = json.loads((tmp_path / "results/run_nearest_profile.json").read_text())
    assert record["seeds"] == [42, 43]


def test_the_model_of_the_page_names_the_nearest_mean(system, cells_npy, tmp_path):
    """Against scikit-learn's, and after saving and loading."""
    from sklearn.neighbors import NearestCentroid

    from cellclassifier import read_cells
    from cellclassifier.data.features import log_normalize
    from cellclassifier.data.gene_counts import GeneCounts
    from cellclassifier.data.options import CellsOptions

    cells = read_cells(CellsOptions(cells=cells_npy))
    labels = cells.obs["cell_type"].to_numpy(str)
    train, test = cells[:60].copy(), cells[60:].copy()
    model = models.NearestProfile(n_genes=30).fit(train, labels[:60], (test, labels[60:]))
    train, test = (GeneCounts.of(part, model.genes_) for part in (train, test))
    train, test = (log_normalize(part.counts, part.totals).toarray() for part in (train, test))
    expected = NearestCentroid().fit(train, labels[:60]).predict(test)
    assert (model.predict(cells[60:].copy()) == expected).all()
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    assert (again.predict_proba(cells) == model.predict_proba(cells)).all()
    assert again.novelty_ is not None
