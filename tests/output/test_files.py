"""Outputs are whole or absent, the same bytes for the same content, and taken up again."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.output import files as results
from cellclassifier.output.files import (
    FinishedParts,
    Output,
    RunRecord,
    atomic_path,
    run_key,
    safe_name,
    write_json,
)

TABLE = pd.DataFrame({"method": ["a", "b"], "f1": [0.1 + 0.2, 1 / 3], "n": [3, 4]})


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@dataclass(frozen=True)
class Options:
    cells: Path = Path("x/cells.npy")
    methods: tuple[str, ...] = ("a", "b")
    seed: int = 42
    group_key: str | None = None


def test_a_whole_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "new" / "table.csv"
    for content in ("old", "new"):
        with atomic_path(path) as temporary:
            assert temporary.parent == path.parent and temporary.suffix == ".csv"
            temporary.write_text(content)
        assert path.read_text() == content
    assert files_in(tmp_path) == ["new/table.csv"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_who_reads_the_old_file_keeps_reading_it(tmp_path):
    """The new file takes the old one's name in one step; the old one is never written into."""
    path = tmp_path / "table.csv"
    path.write_text("old")
    with path.open() as reader:
        with atomic_path(path) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old" and path.read_text() == "new"


def write_half(path, error):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")

    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old" and files_in(tmp_path) == ["table.csv"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    code = (
        "import os, sys; from cellclassifier.output.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n    path.write_text('half'); os._exit(9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, path], env=environment, timeout=60)
    assert done.returncode == 9 and path.read_text() == "old"


def test_csv_bytes(tmp_path):
    output = Output(tmp_path)
    output.csv("scores", TABLE)
    expected = b"method,f1,n\na,0.300000,3\nb,0.333333,4\n"
    assert (tmp_path / "results/scores.csv").read_bytes() == expected
    assert output.written == ["results/scores.csv"]


def test_a_failed_csv_is_not_listed(tmp_path):
    output = Output(tmp_path)
    with pytest.raises(AttributeError):
        output.csv("scores", None)
    assert output.written == [] and files_in(tmp_path) == []


def test_figure(tmp_path):
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    Output(tmp_path).figure("confusion_CD8+/CD45RA+", figure)
    path = tmp_path / "plots/confusion_CD8+_CD45RA+.png"
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 3000
    assert not plt.fignum_exists(figure.number)


def test_predictions_come_back(tmp_path):
    output = Output(tmp_path)
    tables = {
        seed: TABLE.assign(split=seed).rename(columns={"f1": "CD8+/CD45RA+ Naive"})
        for seed in (42, 43)
    }
    for seed, table in tables.items():
        output.predictions(f"gbdt-split{seed}", table)
    found = output.read_predictions("gbdt", [42, 43])
    pd.testing.assert_frame_equal(found, pd.concat(tables.values(), ignore_index=True))
    assert files_in(tmp_path / "predictions") == ["gbdt-split42.parquet", "gbdt-split43.parquet"]


NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS.map(float), min_size=1, max_size=5))
def test_finished_floats_keep_every_digit(tmp_path_factory, values):
    parts = FinishedParts(Output(tmp_path_factory.mktemp("out")), "script", "key")
    parts.save("a", {"combined": pd.DataFrame({"x": values})})
    assert parts.load("a")["combined"]["x"].tolist() == values


def test_finished_tables_are_what_was_saved(tmp_path):
    table = TABLE.assign(
        selected=[True, False],
        test=[0.1, None],
        class_weight=[None, "balanced"],
        nothing=[None, None],
        support=np.array([3, 4]),
    )
    parts = FinishedParts(Output(tmp_path), "script", "key")
    assert parts.load("a/b") is None
    parts.save("a/b", {"trials": table, "other": TABLE})
    found = parts.load("a/b")
    assert list(found) == ["trials", "other"]
    for name, original in (("trials", table), ("other", TABLE)):
        assert found[name].to_csv(float_format="%.6f") == original.to_csv(float_format="%.6f")
    assert found["trials"]["selected"].tolist() == [True, False]
    assert found["trials"].query("selected")["method"].tolist() == ["a"]
    pd.testing.assert_frame_equal(found["other"], TABLE)


def test_parts_of_other_options_are_removed(tmp_path):
    output = Output(tmp_path)
    FinishedParts(output, "one", "key").save("a", {"t": TABLE})
    FinishedParts(output, "two", "key").save("a", {"t": TABLE})
    assert FinishedParts(output, "one", "key").load("a") is not None
    assert FinishedParts(output, "one", "other").load("a") is None
    assert FinishedParts(output, "one", "key").load("a") is None
    assert FinishedParts(output, "two", "key").load("a") is not None  # of another script: kept


def test_fresh_starts_over(tmp_path):
    output = Output(tmp_path)
    FinishedParts(output, "one", "key").save("a", {"t": TABLE})
    assert FinishedParts(output, "one", "key", fresh=True).load("a") is None


@pytest.mark.parametrize("content", ["", "{", '{"t": '])
def test_a_damaged_part_is_not_finished(tmp_path, content):
    parts = FinishedParts(Output(tmp_path), "one", "key")
    parts.save("a", {"t": TABLE})
    (parts.folder / "a.json").write_text(content)
    assert parts.load("a") is None


def test_run_key_depends_on_options_data_and_source(tmp_path, monkeypatch):
    key = run_key(Options(), {"sha256": "1"})
    assert key == run_key(Options(), {"sha256": "1"}) and re.fullmatch("[0-9a-f]{16}", key)
    monkeypatch.setattr(results, "SOURCE", tmp_path)
    (tmp_path / "module.py").write_text("x = 1")
    keys = [key, run_key(Options(), {"sha256": "1"})]
    (tmp_path / "module.py").write_text("x = 2")
    keys += [run_key(Options(), {"sha256": "1"}), run_key(Options(seed=1), {"sha256": "1"})]
    keys += [run_key(Options(), {"sha256": "2"})]
    assert len(set(keys)) == len(keys)


def test_run_record(tmp_path):
    output = Output(tmp_path)
    record = RunRecord("my_script", Options(), output)
    with record.step("read"):
        output.csv("b", TABLE)
    for _ in range(2):
        with record.step("fit"):
            output.csv("a", TABLE)
            block = np.ones(30_000_000)  # 0.22 GiB
    del block
    path = record.write(data={"file": "cells.npy"}, seeds=[42])
    content = json.loads(path.read_text())
    assert path == tmp_path / "results/run_my_script.json"
    assert content["options"] == {
        "cells": "x/cells.npy",
        "methods": ["a", "b"],
        "seed": 42,
        "group_key": None,
    }
    assert content["outputs"] == ["results/a.csv", "results/b.csv"]
    assert content["data"] == {"file": "cells.npy"} and content["seeds"] == [42]
    assert list(content["steps"]) == ["read", "fit"]
    assert content["steps"]["fit"]["seconds"] > 0
    assert 0.22 < content["steps"]["fit"]["peak_gib"] <= content["peak_gib"] < 100
    assert content["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert content["versions"]["numpy"] == np.__version__


def test_run_record_names_the_commit(tmp_path, monkeypatch):
    record = RunRecord("my_script", Options(), Output(tmp_path))
    with record.step("read"):
        pass
    monkeypatch.setattr(results, "SOURCE", tmp_path)  # no repository
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert json.loads(record.write().read_text())["git_commit"] is None


def test_write_json_keeps_the_old_file_when_the_content_is_none(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1, None]})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, None]}
    assert files_in(tmp_path) == ["a.json"]


def test_safe_name():
    assert safe_name("CD4+/CD25 T Reg") == "CD4+_CD25 T Reg"
    assert safe_name("gbdt") == "gbdt"
