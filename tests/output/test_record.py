"""The record of a run: options, data, versions, seconds and memory, in JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cellclassifier.output import record as module
from cellclassifier.output.folder import Output
from cellclassifier.output.record import RunRecord


@dataclass(frozen=True)
class Options:
    cells: Path = Path("x/cells.npy")
    methods: tuple[str, ...] = ("a", "b")
    seed: int = 42
    group_key: str | None = None


def test_run_record(tmp_path):
    output = Output(tmp_path)
    record = RunRecord("my_script", Options(), output)
    with record.step("read"):
        output.text("b", "text")
    for _ in range(2):
        with record.step("fit"):
            output.text("a", "text")
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
    assert content["outputs"] == ["results/a.txt", "results/b.txt"]
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
    monkeypatch.setattr(module, "SOURCE", tmp_path)  # no repository
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert json.loads(record.write().read_text())["git_commit"] is None


class NoProc:
    """Paths where there is no /proc."""

    def __init__(self, path):
        self.path = path

    def read_text(self, **_):
        raise FileNotFoundError(self.path)

    write_text = None


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("freebsd14", 2**10)])
def test_peak_memory_without_proc(monkeypatch, platform, unit):
    """ru_maxrss is in bytes on macOS and in KiB elsewhere."""
    monkeypatch.setattr(module, "Path", NoProc)
    monkeypatch.setattr(sys, "platform", platform)
    usage = SimpleNamespace(ru_maxrss=3 * 2**30 // unit)
    fake = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    monkeypatch.setattr(module, "resource", fake)
    assert module.peak_memory_gib() == 3.0


def test_what_the_system_does_not_tell_is_left_empty(tmp_path, monkeypatch):
    """Windows has no resource and no /proc."""
    monkeypatch.setattr(module, "peak_memory_gib", lambda: None)
    record = RunRecord("my_script", Options(), Output(tmp_path))
    for _ in range(2):
        with record.step("fit"):
            pass
    content = json.loads(record.write().read_text())
    assert content["peak_gib"] is None and content["steps"]["fit"]["peak_gib"] is None
    monkeypatch.setattr(module, "peak_memory_gib", lambda: 1.23456)
    with record.step("outputs"):
        pass
    assert json.loads(record.write().read_text())["peak_gib"] == 1.235


def test_a_system_without_resource(monkeypatch):
    monkeypatch.setattr(module, "Path", NoProc)
    monkeypatch.setattr(module, "resource", None)
    assert module.peak_memory_gib() is None
