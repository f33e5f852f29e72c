"""The arrows of architecture.md: who may import whom, and what an import may not do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = "cellclassifier"
# A room may import whatever lies below it in this list, and itself.
FLOORS = (
    {"errors", "lazy"},
    {"options"},
    {"output", "plots"},
    {"data"},
    {"protocol"},
    {"trust"},
    {"model_folder"},
    {"interface"},
    {"models"},
    {"annotation", "comparison", "interview", "report"},
    {"cli"},
)
# Rooms that may draw, or word findings as figures do; all others leave it to the scripts.
DRAWING = {"annotation", "report"}
OUTSIDE = ("tests", "benchmarks", "bundled", "conftest")
NEURAL = ("torch", "transformers", "accelerate")
NEURAL_ROOMS = (
    "models/augmented",
    "models/cellama",
    "models/cellular",
    "models/geneformer",
    "models/neural",
    "models/protein_atlas/efficientnet.py",
    "models/spoticell",
)
MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))
SCRIPTS = sorted(ROOT.glob("*.py"))


def imports(path: Path, module_level: bool = False) -> set[str]:
    """Full names of what a file imports: "numpy", "cellclassifier.errors.InputError"."""
    return imported_names(
        ast.parse(path.read_text(encoding="utf-8")), package_of(path), module_level
    )


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


def room_of(path: Path) -> str:
    """The room that a module stands in, or its own name on the ground floor."""
    return path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    names = [name.split(".") for name in imports(path)]
    return {name[1] for name in names if name[0] == PACKAGE and len(name) > 1} - {room_of(path)}


def floor_of(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def is_neural(path: Path) -> bool:
    return any(path.is_relative_to(ROOT / PACKAGE / room) for room in NEURAL_ROOMS)


def starts_with(names: set[str], roots) -> set[str]:
    return {name for name in names if name.split(".")[0] in roots}


ROOMS = [path for path in MODULES if path != ROOT / PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: str(path.relative_to(ROOT / PACKAGE)))
def test_rooms_import_only_what_lies_below(path):
    above = [room for room in rooms_imported(path) if floor_of(room) >= floor_of(room_of(path))]
    assert not above


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: str(path.relative_to(ROOT / PACKAGE)))
def test_few_rooms_draw(path):
    assert room_of(path) in {"plots", *DRAWING} or "plots" not in rooms_imported(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / PACKAGE)))
def test_the_package_knows_no_script_test_or_benchmark(path):
    assert not starts_with(imports(path), {*OUTSIDE, *(script.stem for script in SCRIPTS)})


def test_the_ground_floor_is_small():
    """Whatever is new belongs in a room."""
    on_it = {path.stem for path in (ROOT / PACKAGE).glob("*.py")}
    assert on_it <= {"__init__", "errors", "lazy", "options", "interface", "model_folder", "cli"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_no_script(path):
    others = {script.stem for script in SCRIPTS} - {path.stem}
    assert not starts_with(imports(path), {*OUTSIDE, *others})


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: path.stem)
def test_only_networks_import_neural_libraries(path):
    assert is_neural(path) or not starts_with(imports(path, module_level=True), NEURAL)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from cellclassifier import cells, genes", {"cells", "genes"}),
        ("from cellclassifier.data.gene_symbols import symbols_of", {"data"}),
        ("import cellclassifier.protocol.metrics as m", {"protocol"}),
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


READERS_OF_TEXT = (".read_text", ".write_text", ".open")


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: path.stem)
def test_every_text_has_its_encoding_said(path):
    """Elsewhere than on Linux the default is another one."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [ast.unparse(call) for call in calls if lacks_encoding(call)]


def lacks_encoding(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if not name.endswith(READERS_OF_TEXT) and name != "open":
        return False
    if any(word.arg == "encoding" for word in call.keywords):
        return False
    is_binary = any(isinstance(x, ast.Constant) and "b" in str(x.value) for x in call.args)
    return not is_binary and name != "archive.open"  # members of a zip are bytes


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("p.read_text()", True),
        ("p.read_text(encoding='utf-8')", False),
        ("open(p)", True),
        ("open(p, 'rb')", False),
        ("p.open('a+')", True),
        ("p.open('a+', encoding='utf-8')", False),
        ("archive.open('x')", False),
    ],
)
def test_a_missing_encoding_is_seen(source, expected):
    assert lacks_encoding(ast.parse(source).body[0].value) == expected


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
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in [*MODULES, *SCRIPTS]
        if not is_neural(path)
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
