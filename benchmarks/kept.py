"""Where answers that took long are kept: a changed method, or other cells, never find old ones.

A file's name ends in a key of what its content depends on: the method's version and parameters, the
cells, and the code of the method's own modules and of all that they import. Code is compared as
Python reads it, so that a comment or a docstring changes nothing.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

import anndata as ad

from benchmarks.common import ROOT
from cellclassifier.interface import GeneClassifier
from cellclassifier.protocol import finished

ROOMS = ("cellclassifier.data", "cellclassifier.models", "benchmarks.leaving_out")
# What the answers of every model pass through; the contract itself has versions to raise.
ALWAYS = ("cellclassifier.data.library_size", "cellclassifier.trust.calibration")
# Cells are compared themselves, not how they are read; and "methods" names every method there is.
BESIDE = (
    *(
        f"cellclassifier.data.{name}"
        for name in ("cell_source", "open", "options", "read", "studies")
    ),
    "cellclassifier.models.methods",
)
OF_NO_WEIGHT = ("jobs", "device")  # parameters that answers do not depend on


def kept_path(folder: Path, name: str, key: str, suffix: str) -> Path:
    """Where answers are kept; key: of ``key_of_model`` or ``key_of``."""
    return folder / f"{name.replace(' ', '_')}-{key}{suffix}"


def key_of_model(model: GeneClassifier, *cells: ad.AnnData, **facts: object) -> str:
    """The key of what a model that has not learned yet will answer; 16 hexadecimal digits.

    cells: that it learns from or answers of; facts: JSON values of whatever else counts.
    """
    options = {k: str(v) for k, v in model.get_params().items() if k not in OF_NO_WEIGHT}
    made = {"method": model.method, "version": model.version, "options": options}
    return key_of(type(model).__module__, *cells, **made, **facts)


def key_of(module: str, *cells: ad.AnnData, **facts: object) -> str:
    """The same of what a module computes: of its code and that of what it imports of ``ROOMS``."""
    code = {name: _code_of(name) for name in sorted(_reached(module))}
    return finished.key_of(code, list(map(finished.digest_of_cells, cells)), facts)


@cache
def _reached(module: str) -> frozenset[str]:
    """A module, those beside it in the folder of its method, and all that they import."""
    first = [module, *_own_room(module), *ALWAYS]
    found, new = set(), list(first)
    while new:
        name = new.pop()
        if name not in found and (name in first or _counts(name)):
            found.add(name)
            new += _imported_by(name)
    return frozenset(found)


def _own_room(module: str) -> list[str]:
    """The modules of a method's folder, some of which are imported by their names in a text."""
    room = module.rpartition(".")[0]
    if not room.startswith("cellclassifier.models."):
        return []
    return [f"{room}.{path.stem}" for path in ROOT.joinpath(*room.split(".")).glob("*.py")]


def _counts(module: str) -> bool:
    return module.startswith(ROOMS) and module not in BESIDE and _file_of(module).is_file()


def _file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _imported_by(module: str) -> frozenset[str]:
    """What a module imports, wherever it does; names from a room may be modules of it."""
    found = set()
    for node in ast.walk(ast.parse(_file_of(module).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def _code_of(module: str) -> str:
    """Digest of a module's code, without comments and docstrings."""
    return digest_of_code(_file_of(module).read_text("utf-8"))


def digest_of_code(text: str) -> str:
    """Digest of what Python reads: comments, layout and docstrings change nothing."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [line for line in node.body if not _is_text(line)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(line: ast.stmt) -> bool:
    """Whether a statement is a docstring, or does no more than one."""
    if not isinstance(line, ast.Expr) or not isinstance(line.value, ast.Constant):
        return False
    return isinstance(line.value.value, str)
