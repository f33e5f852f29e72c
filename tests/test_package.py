"""The package as pip installs it: what is in the wheel, the command, the notebook's import."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT, files_of
from packaging.requirements import Requirement
from test_architecture import NEURAL_ROOMS
from trained_models import new_cells, saved_in

import cellclassifier

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = cellclassifier.__version__
TABLES = {
    str(path.relative_to(ROOT))
    for folder in ("data/tables", "report/templates", "annotation/ready_model")
    for path in (ROOT / "cellclassifier" / folder).glob("*")
}
SOURCES = {str(path.relative_to(ROOT)) for path in (ROOT / "cellclassifier").rglob("*.py")}
IMAGES = ("cellclassifier/data/png.py", "cellclassifier/models/protein_atlas/")
# Environments, caches and data, which can be large.
NOT_COPIED = (".*", "__pycache__", "*.egg-info", "*.npy", "*.h5ad", "*_files", "model_output")


def run(*command, **options) -> subprocess.CompletedProcess:
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run([str(word) for word in command], **options)


def succeed(*command, **options) -> str:
    done = run(*command, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built without network from a copy of the repository, tests and all."""
    copy = tmp_path_factory.mktemp("repository") / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    succeed(sys.executable, "-m", "pip", "wheel", copy, *offline, "-w", copy / "dist")
    (path,) = (copy / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="session")
def bin_folder(wheel, tmp_path_factory) -> Path:
    """bin of an environment of its own: the wheel, and what it depends on lent by this one."""
    folder = tmp_path_factory.mktemp("environment")
    succeed(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin/python"
    options = ("--quiet", "--no-deps", "--no-index")
    succeed(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel)
    site_packages = Path(
        succeed(python, "-c", "import site; print(site.getsitepackages()[0])").strip()
    )
    (site_packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


@pytest.fixture
def python(bin_folder, tmp_path, monkeypatch):
    """Run code with the installed package, in an empty folder; returns what it printed."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return lambda code: succeed(bin_folder / "python", "-c", code, cwd=tmp_path)


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"cellclassifier-{VERSION}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == SOURCES | TABLES
    assert f"{info}licenses/LICENSE" in names


def test_what_lies_in_site_packages(bin_folder):
    """No script, test or benchmark can be imported by accident."""
    (site_packages,) = bin_folder.parent.glob("lib/*/site-packages")
    found = {path.name for path in site_packages.iterdir()} - {"lent.pth", "__pycache__"}
    assert found == {"cellclassifier", f"cellclassifier-{VERSION}.dist-info"}
    assert (bin_folder / "cellclassifier").exists()


def test_the_import_gives_the_public_names_and_is_fast(python):
    """In milliseconds, since it imports nothing but Python's own modules."""
    code = """
import sys
before = set(sys.modules)
import cellclassifier as cc
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(new - sys.stdlib_module_names), cc.__version__, cc.__file__)
print(sorted(cc.__all__), callable(cc.annotate), callable(cc.load_model), callable(cc.read_cells))
"""
    first, second = python(code).splitlines()
    assert first.startswith(f"['cellclassifier'] {VERSION} /")
    assert str(ROOT / "cellclassifier") not in first and "site-packages" in first
    assert second == "['__version__', 'annotate', 'load_model', 'read_cells'] True True True"


def someone_else_s_repository(folder: Path) -> None:
    """As where a project keeps its environment: its commit is not the package's."""
    succeed("git", "init", "--quiet", folder)
    who = ("-c", "user.name=N", "-c", "user.email=n@example.org")
    succeed("git", "-C", folder, *who, "commit", "--quiet", "--allow-empty", "-m", "Theirs")


def test_the_command_annotates_from_any_folder(bin_folder, tmp_path_factory, tmp_path):
    new_cells(30).write_h5ad(tmp_path / "new.h5ad")
    model = saved_in(tmp_path_factory, "logistic_regression")
    someone_else_s_repository(bin_folder.parent)
    command = (bin_folder / "cellclassifier", "annotate", "--model", model, "--cells", "new.h5ad")
    said = succeed(*command, "--jobs", 1, cwd=tmp_path).splitlines()
    assert said[0] == "Opening new ..." and said[1].startswith("Genes: ")
    assert "== new.h5ad" in said
    assert said[-1] == f"Outputs: {tmp_path}/model_output/annotations"
    names = {"about.json", "annotations.csv", "probabilities.parquet", "summary.csv", "totals.csv"}
    assert files_of(tmp_path / "model_output/annotations/new") == names
    record = json.loads((tmp_path / "model_output/results/run_annotate.json").read_text())
    assert record["options"]["cells"] == ["new.h5ad"] and record["git_commit"] is None


def test_the_command_says_its_version_and_its_options(bin_folder, tmp_path):
    command = bin_folder / "cellclassifier"
    assert succeed(command, "--version") == f"cellclassifier {VERSION}\n"
    assert "annotate" in succeed(command, "--help")
    said = succeed(command, "annotate", "--help")
    for option in ("--model", "--cells", "--layer", "--umap", "--write-h5ad", "--jobs", "--seed"):
        assert option in said
    assert "annotations.csv" in said and "--fresh" not in said


def test_the_command_tells_bad_input_in_one_line(bin_folder, tmp_path):
    done = run(bin_folder / "cellclassifier", "annotate", "--model", "nowhere", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        "error: nowhere does not exist: expected the folder of a saved model, for instance "
        "model_output/models/soft_vote\n"
    )
    assert run(bin_folder / "cellclassifier", cwd=tmp_path).returncode == 2
    assert files_of(tmp_path) == set()


def test_a_notebook_annotates_with_the_installed_package(python, tmp_path_factory, tmp_path):
    new_cells(30).write_h5ad(tmp_path / "new.h5ad")
    model = saved_in(tmp_path_factory, "logistic_regression")
    code = f"""
import anndata, cellclassifier as cc
adata = anndata.read_h5ad("new.h5ad")
cc.annotate(adata, {str(model)!r})
print(adata.obs["predicted_cell_type"].notna().sum(), sorted(adata.obsm))
"""
    assert (
        python(code).splitlines()[-1] == "30 ['X_cellclassifier', 'cellclassifier_probabilities']"
    )


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for on this machine, by name; extras may build on extras."""
    found = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra in extras:
        own = [Requirement(line) for line in PROJECT["optional-dependencies"][extra]]
        inner = [name for one in own if one.name == "cellclassifier" for name in one.extras]
        found += [*own, *requirements(*inner).values()]
    return {one.name: one for one in found if one.marker is None or one.marker.evaluate()}


def locked(name: str) -> dict[str, Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    return {one.name: one for one in found if one.marker is None or one.marker.evaluate()}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        (("requirements.txt",), ("geneformer", "protein-atlas", "report")),
        (("requirements.txt", "requirements-dev.txt"), ("geneformer", "dev")),
        (
            ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt"),
            ("geneformer", "dev", "bench"),
        ),
    ],
    ids=["run", "dev", "bench"],
)
def test_the_lock_has_a_version_of_everything_that_is_asked_for(lock, extras):
    pinned = {name: one for file in lock for name, one in locked(file).items()}
    asked = {name: one for name, one in requirements(*extras).items() if name != "cellclassifier"}
    assert pinned.keys() == asked.keys()
    for name, one in asked.items():
        (version,) = pinned[name].specifier
        assert version.operator == "==" and one.specifier.contains(version.version), name


def imported_libraries(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"cellclassifier"}


@cache
def distributions() -> dict[str, list[str]]:
    """What pip installs every importable name with; seconds to find out."""
    return dict(importlib.metadata.packages_distributions())


@pytest.mark.parametrize("path", sorted(SOURCES))
def test_every_library_that_is_imported_is_asked_for(path):
    """By the package itself, or by an extra where that is imported: networks, images, the page."""
    networks = (*NEURAL_ROOMS, "data/download.py")  # which fetches what these need, and only then
    extras = {"geneformer": networks, "protein-atlas": IMAGES, "report": ("report/",)}
    rooms = {e: [str(r).removeprefix("cellclassifier/") for r in of] for e, of in extras.items()}
    inside = path.removeprefix("cellclassifier/")
    asked = requirements(*(e for e, of in rooms.items() if inside.startswith(tuple(of))))
    sold_as = distributions()
    for library in imported_libraries(ROOT / path):
        if library not in sold_as:
            pytest.skip(f"{library}, of an extra, is not installed here")
        assert {*sold_as[library]} & asked.keys(), library
