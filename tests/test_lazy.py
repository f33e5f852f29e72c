"""Rooms that open on demand: names, modules, clashes; options and --help import nothing heavy."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest
from conftest import ROOT

import cellclassifier
from cellclassifier.lazy import expose

HEAVY = {"anndata", "matplotlib", "pandas", "scanpy", "sklearn", "torch", "transformers"}
ROOMS = [
    "cellclassifier",
    *sorted(
        module.name
        for module in pkgutil.walk_packages(cellclassifier.__path__, "cellclassifier.")
        if module.ispkg
    ),
]
LIGHT = [
    "cellclassifier",
    "cellclassifier.annotation.command",
    "cellclassifier.cli",
    "cellclassifier.data.options",
    "cellclassifier.models.baselines.options",
    "cellclassifier.models.cellama.options",
    "cellclassifier.models.geneformer.options",
    "cellclassifier.models.neural.options",
    "cellclassifier.models.one_vs_rest.options",
    "cellclassifier.options",
    "cellclassifier.protocol.options",
]
NOT_YET = {"finetune_geneformer.py"}
SCRIPTS = sorted({path.name for path in ROOT.glob("*.py")} - NOT_YET)


def imported_by(code: str, folder) -> set[str]:
    """Top-level modules that are imported once a fresh interpreter has run the code."""
    code = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_that_a_room_shows_is_there(room):
    package = importlib.import_module(room)
    for name in getattr(package, "__all__", ()):
        assert getattr(package, name) is not None
        assert name in {*dir(package), "__version__"}


def test_modules_of_a_room_open_on_demand(tmp_path):
    code = "from cellclassifier import protocol\nassert protocol.metrics.score"
    assert "sklearn" in imported_by(code, tmp_path)
    code = "from cellclassifier import data, models, plots, protocol\nassert data.CellsOptions"
    assert not HEAVY & imported_by(code, tmp_path)


def test_a_name_that_is_nowhere_is_an_attribute_error():
    from cellclassifier import data

    with pytest.raises(AttributeError, match=r"'cellclassifier\.data' has no attribute 'nothing'"):
        data.nothing  # noqa: B018
    assert not hasattr(data, "_private")


def test_a_library_that_is_missing_is_no_attribute_error(tmp_path, monkeypatch):
    """``hasattr`` must not turn a missing torch into a missing class."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/network.py").write_text("import a_library_that_is_missing")
    (tmp_path / "room/__init__.py").write_text(
        "from cellclassifier.lazy import expose\n"
        '__getattr__, __dir__, __all__ = expose(__name__, {"network": ["Network"]})\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    room = importlib.import_module("room")
    assert room.__all__ == ["Network"]
    for name in ("Network", "network"):
        with pytest.raises(ModuleNotFoundError, match="a_library_that_is_missing"):
            getattr(room, name)


def test_a_name_must_not_be_a_module_of_the_room():
    """Which of the two ``data.read`` is would depend on what was imported before."""
    with pytest.raises(ValueError, match=r"cellclassifier\.data\.read is a module"):
        expose("cellclassifier.data", {"options": ["CellsOptions", "read"]})


@pytest.mark.parametrize("module", LIGHT)
def test_options_and_commands_import_nothing_heavy(module, tmp_path):
    assert not HEAVY & imported_by(f"import {module}", tmp_path)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_imports_nothing_heavy(script, tmp_path):
    code = f"""
import runpy
sys.argv = [{script!r}, "--help"]
try:
    runpy.run_path({str(ROOT / script)!r}, run_name="__main__")
except SystemExit as end:
    assert not end.code
"""
    assert not HEAVY & imported_by(code, tmp_path)
