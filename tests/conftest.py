"""Fixtures shared by the tests: small cells made here, real data where it is at hand."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata as ad
import h5py
import matplotlib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import settings

from cellclassifier.data.safe_pickle.load import load_npy

matplotlib.use("Agg")
# Tests compare digits, and a GPU's are others; set before torch looks for one.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# The last digit of a transformer's sums is another one with one thread than with several.
THREADS = max(2, os.cpu_count() or 1)
os.environ["OMP_NUM_THREADS"] = str(THREADS)
ROOT = Path(__file__).parent.parent
# Scripts under test must not look for a server outside this machine: nothing listens on port 9.
os.environ["CELLCLASSIFIER_MYGENE"] = "http://127.0.0.1:9/v3"
# make test tries fewer examples of every property than make test-all (--hypothesis-profile).
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile("quick")


def examples(thorough: int) -> int:
    """How many examples a test tries that needs another number than others in make test-all."""
    return max(10, thorough * settings.default.max_examples // 100)


def pytest_collection_modifyitems(items) -> None:
    """Tests of real data are slow ones, so that make test is the same wherever it runs.

    So are those of the built wheel, and of a virtual environment that holds it.
    """
    for item in items:
        if {"shared", "wheel"} & {*item.fixturenames}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def threads_of_torch() -> Iterator[None]:
    """Some options set how many there are; the next test's transformer must not feel it."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(THREADS)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; tests that need it skip where it is not."""
    folder = Path(os.environ.get("CELLCLASSIFIER_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data is not at hand: {folder} is missing")
    return folder


@pytest.fixture
def small_cells() -> ad.AnnData:
    """120 cells x 60 genes of raw counts, three types with ten marker genes each."""
    return make_cells()


def make_cells(n_cells: int = 120, n_genes: int = 60, seed: int = 0) -> ad.AnnData:
    """Poisson counts in which every type has ten genes of three-fold expression."""
    rng = np.random.default_rng(seed)
    types = np.array(["B", "NK", "T/x"])[np.arange(n_cells) % 3]
    rates = np.full((n_cells, n_genes), 0.7)
    for i, name in enumerate(np.unique(types)):
        rates[types == name, 10 * i : 10 * (i + 1)] *= 3
    counts = sp.csr_matrix(rng.poisson(rates).astype(np.float32))
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical(types)}, index=[f"cell_{i}" for i in range(n_cells)]
    )
    var = pd.DataFrame(index=[f"gene_{i}" for i in range(n_genes)])
    cells = ad.AnnData(counts, obs=obs, var=var)
    cells.var["gene_symbol"] = cells.var_names
    return cells


@pytest.fixture(scope="session")
def cells_npy(tmp_path_factory) -> Path:
    """A cells.npy of 90 cells of three types, one with a slash in its name."""
    cells = make_cells(90)
    content = {
        "UMI": cells.X.tocsc().astype(np.int32),
        "classes": cells.obs["cell_type"].to_numpy().astype(str),
        "gene_ids": cells.var_names.to_numpy().astype(str),
        "cell_names": cells.obs_names.to_numpy().astype(str),
    }
    path = tmp_path_factory.mktemp("data") / "cells.npy"
    np.save(path, content, allow_pickle=True)
    return path


def files_of(output) -> set[str]:
    """Relative paths of all files under a folder."""
    return {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}


class Reads(list):
    """(dataset, number of values) of every read from an HDF5 file."""

    def of(self, prefix: str) -> list[int]:
        return [size for name, size in self if name.startswith(prefix)]


@pytest.fixture
def said(caplog) -> Callable[[], list[str]]:
    """Give a function that gives what a person was told so far, one line each."""
    caplog.set_level("INFO", "cellclassifier")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def reads(monkeypatch) -> Reads:
    """Every read from now on."""
    seen, read = Reads(), h5py.Dataset.__getitem__

    def counting(dataset, *args, **kwargs):
        values = read(dataset, *args, **kwargs)
        seen.append((dataset.name, np.size(values)))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counting)
    return seen


@pytest.fixture
def read(tmp_path):
    """Give a function that loads the .npy file with these bytes."""

    def read_bytes(content):
        path = tmp_path / "cells.npy"
        path.write_bytes(content)
        return load_npy(path)

    return read_bytes


@pytest.fixture(scope="module", autouse=True)
def _tables_in_one_style(request):
    """Tests of scripts end where a table is written that looks unlike the others."""
    if request.path.parent.name != "scripts":
        yield
        return
    from table_style import looked_at

    with looked_at():
        yield


@pytest.fixture
def in_package(monkeypatch) -> None:
    """Let the tests' own tiny models be loaded by name, as those of the package are."""
    from tiny_models import as_part_of_the_package

    as_part_of_the_package(monkeypatch)
