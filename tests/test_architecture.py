"""The arrows of architecture.md: who may import whom, and what an import may not do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = "cellclassifier"
ALLOWED = {
    "alignment": {"genes"},
    "annotation": {"interface"},
    "annotation_files": {"annotation", "results"},
    "annotation_plots": {"plots", "titles"},
    "cells": {"unpickle", "genes", "checks", "digests"},
    "unpickle": {"rebuild"},
    "genes": {"unpickle"},
    "baselines": {"features", "importance", "interface", "metrics", "persistence", "recipes"},
    "interface": {"calibration", "novelty", "saved"},
    "calibration": {"metrics"},
    "recipes": {"boosting", "features", "rank_regression"},
    "binary": {"features", "permutation", "splits"},
    "binary_plots": {"plots", "titles"},
    "binary_tables": {"binary", "features"},
    "evaluation": {"interface", "metrics", "splits"},
    "interview_plots": {"plots", "titles"},
    "labelling": {"baselines", "features", "rank_regression", "splits"},
    "sources": {"cells", "checks", "h5ad_tables"},
    "summary": {"cells", "checks", "features", "genes", "splits"},
    "geneformer": {"unpickle", "genes", "interface", "results", "digests"},
    "saved": {"digests"},
    "novelty_plots": {"plots", "titles"},
}  # beside errors, which every module may use; modules that are not named have no other sibling
OUTSIDE = ("tests", "benchmarks", "conftest")
NEURAL = ("torch", "transformers")
# The classifier and what it is made of; scripts import the classifier only when they need it.
NEURAL_MODULES = {
    ROOT / PACKAGE / "geneformer" / f"{name}.py"
    for name in ("callbacks", "classifier", "inference", "model", "tasks", "training")
}
MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))
SCRIPTS = sorted(ROOT.glob("*.py"))


def imports(path: Path, module_level: bool = False) -> set[str]:
    """Full names of what a file imports: "numpy", "cellclassifier.errors.InputError"."""
    return imported_names(ast.parse(path.read_text()), package_of(path), module_level)


def imported_names(tree: ast.AST, package: str, module_level: bool = False) -> set[str]:
    names = set()
    for node in nodes_run_at_import(tree) if module_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolved(node, package)
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def resolved(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def nodes_run_at_import(tree: ast.AST):
    """All nodes but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from nodes_run_at_import(child)


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parent.parts)


def unit(path: Path) -> str:
    """The module's name in ``ALLOWED``; the files of a sub-package share its name."""
    return path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")


def siblings(path: Path) -> set[str]:
    names = [name.split(".") for name in imports(path)]
    return {name[1] for name in names if name[0] == PACKAGE and len(name) > 1} - {unit(path)}


def starts_with(names: set[str], roots) -> set[str]:
    return {name for name in names if name.split(".")[0] in roots}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: unit(path))
def test_package_arrows(path):
    assert siblings(path) - {"errors"} <= ALLOWED.get(unit(path), set())
    scripts = {script.stem for script in SCRIPTS}
    assert not starts_with(imports(path), {*OUTSIDE, *scripts})


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_no_script(path):
    others = {script.stem for script in SCRIPTS} - {path.stem}
    assert not starts_with(imports(path), {*OUTSIDE, *others})


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: path.stem)
def test_only_the_classifiers_import_neural_libraries(path):
    if path in NEURAL_MODULES:
        pytest.skip("one of the modules that may")
    assert not starts_with(imports(path, module_level=True), NEURAL)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from cellclassifier import cells, genes", {"cells", "genes"}),
        ("from cellclassifier.genes import symbols_of", {"genes"}),
        ("import cellclassifier.metrics as m", {"metrics"}),
        ("from . import splits", {"splits"}),
        ("from .splits import split_cells", {"splits"}),
        ("def f():\n    from cellclassifier import plots", {"plots"}),
    ],
)
def test_every_way_to_import_is_seen(source, expected):
    names = imported_names(ast.parse(source), PACKAGE)
    assert {name.split(".")[1] for name in names} == expected


def test_imports_inside_functions_do_not_run_at_import():
    tree = ast.parse("import os\nif os:\n    import torch\ndef f():\n    import transformers")
    assert imported_names(tree, PACKAGE, module_level=True) == {"os", "torch"}


GUARD = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("an import asked the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", GUARD + code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "HOME": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_imports_do_no_work(tmp_path):
    """No network, no torch or transformers, no output, no file beside the home's caches."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in [*MODULES, *SCRIPTS]
        if path not in NEURAL_MODULES
    ]
    code = f"import {', '.join(names)}\nbad = [n for n in {NEURAL} if n in sys.modules]\n"
    result = run_python(code + "assert not bad, bad", tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_the_guard_refuses_the_network(tmp_path):
    result = run_python("socket.create_connection(('127.0.0.1', 9))", tmp_path)
    assert result.returncode != 0
    assert "an import asked the network" in result.stderr
