""".h5ad of every age: what the reader gives is what anndata gives."""

from __future__ import annotations

import shutil
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from damaged import categories_apart

from cellclassifier.data.formats.h5ad import open_h5ad
from cellclassifier.data.formats.sample import sample_path
from cellclassifier.data.labels import names_no_type
from cellclassifier.data.open import open_cells, open_file
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.interview.inspect import inspect_cells

COUNTS = np.random.default_rng(8).poisson(0.9, (30, 7)) + np.eye(30, 7, dtype=int)


def anndata_reads(path) -> ad.AnnData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the format
        return ad.read_h5ad(path)


@pytest.fixture
def rich(tmp_path):
    """Path of an .h5ad whose tables have a column of every kind."""
    rng = np.random.default_rng(1)

    def table(n: int, prefix: str) -> pd.DataFrame:
        columns = {
            "cell_type": pd.Categorical(rng.choice(list("ABC"), n)),
            "ordered": pd.Categorical(rng.choice(["low", "high"], n), ["low", "high"], True),
            "sparse_category": pd.Categorical(["x", None] * (n // 2) + ["y"] * (n % 2)),
            "numbered": pd.Categorical(rng.integers(0, 3, n)),
            "text": rng.choice(["ä", "b c", ""], n),
            "whole": rng.integers(0, 9, n),
            "fraction": rng.normal(size=n).astype(np.float32),
            "flag": rng.random(n) > 0.5,
            "nullable": pd.array([1, None] * (n // 2) + [2] * (n % 2), dtype="Int64"),
            "nullable_flag": pd.array([True, None] * (n // 2) + [False] * (n % 2), dtype="boolean"),
            "nullable_text": pd.array(["p", None] * (n // 2) + ["q"] * (n % 2), dtype="string"),
            "a/b": rng.integers(0, 2, n),
        }
        return pd.DataFrame(columns, index=[f"{prefix}{i}" for i in range(n)])

    cells = ad.AnnData(sp.csr_matrix(COUNTS.astype(np.int32)), table(30, "cell"), table(7, "gene"))
    cells.obs.index.name = "barcode"
    with warnings.catch_warnings(), ad.settings.override(allow_write_nullable_strings=True):
        warnings.simplefilter("ignore")  # about the slash in a name
        cells.write_h5ad(tmp_path / "rich.h5ad")
    return tmp_path / "rich.h5ad"


def test_tables_are_those_of_anndata(rich):
    theirs = anndata_reads(rich)
    source = open_file(rich)
    pd.testing.assert_frame_equal(source.var, theirs.var)
    pd.testing.assert_index_equal(source.obs_names, theirs.obs.index)
    for name, column in theirs.obs.items():
        expected = column.astype(str).astype(object).mask(column.isna(), None)
        assert source.obs(name)["cell_type"].tolist() == expected.tolist()
    cells = read_cells(CellsOptions(rich))
    pd.testing.assert_series_equal(cells.obs["cell_type"], theirs.obs["cell_type"])
    pd.testing.assert_frame_equal(cells.var[theirs.var.columns], theirs.var)


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "i8", "f4", "f8", "?"])
@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csc_matrix])
def test_counts_are_those_of_anndata(tmp_path, make, dtype):
    counts = (np.minimum(COUNTS, 1) if dtype == "?" else COUNTS).astype(dtype)
    ad.AnnData(make(counts)).write_h5ad(tmp_path / "x.h5ad")
    theirs = anndata_reads(tmp_path / "x.h5ad").X
    source = open_file(tmp_path / "x.h5ad")
    mine = source.whole()
    assert mine.dtype == theirs.dtype
    np.testing.assert_array_equal(mine.toarray(), counts)
    chunks = list(source.chunks(11))
    np.testing.assert_array_equal(sp.vstack(chunks).toarray(), counts)
    assert all(chunk.dtype == np.float32 for chunk in chunks)


@pytest.mark.parametrize("name", ["ifnb_2800.h5ad", "pbmc3k.h5ad", "starmap.h5ad"])
def test_real_files_are_those_of_anndata(shared, name):
    path = shared / "data" / name
    theirs, cells = anndata_reads(path), read_cells(CellsOptions(path))
    theirs = theirs[~theirs.obs["cell_type"].map(names_no_type).astype(bool)].copy()
    assert (cells.X != theirs.X).nnz == 0
    assert list(cells.obs_names) == list(theirs.obs_names)
    assert cells.obs["cell_type"].tolist() == theirs.obs["cell_type"].tolist()
    pd.testing.assert_frame_equal(cells.var[theirs.var.columns], theirs.var)


def test_a_dense_matrix_is_read_in_blocks(tmp_path, monkeypatch, reads):
    """Of whole chunks of the file, so that none is decompressed twice."""
    monkeypatch.setattr("cellclassifier.data.stored_rows.BLOCK", 1)
    ad.AnnData(COUNTS.astype(np.float32)).write_h5ad(tmp_path / "x.h5ad")
    with h5py.File(tmp_path / "x.h5ad", "r+") as file:
        values = file["X"][()]
        attributes = dict(file["X"].attrs)
        del file["X"]
        file.create_dataset("X", data=values, chunks=(4, 7), compression="gzip")
        file["X"].attrs.update(attributes)
    source = open_file(tmp_path / "x.h5ad")
    reads.clear()
    np.testing.assert_array_equal(source.whole().toarray(), COUNTS)
    assert reads.of("/X") == [4 * 7] * 7 + [2 * 7]


@pytest.fixture
def before_0_7(tmp_path):
    """A file as anndata wrote it before 0.7: compound tables, categories in uns, "raw.X"."""
    path = tmp_path / "old.h5ad"
    names = np.array([f"cell{i}" for i in range(30)], dtype="S6")
    obs = np.zeros(30, [("index", "S6"), ("cell_type", "i1"), ("donor", "i1"), ("depth", "f4")])
    obs["index"], obs["cell_type"], obs["donor"] = names, np.arange(30) % 3, np.arange(30) % 2
    obs["depth"] = COUNTS.sum(axis=1)
    var = np.array([(f"gene{i}".encode(), i) for i in range(7)], [("index", "S5"), ("rank", "i8")])
    with h5py.File(path, "w") as file:
        file["X"] = np.log1p(COUNTS)
        file["obs"], file["var"], file["raw.var"] = obs, var, var["index"].astype([("index", "S5")])
        stored = sp.csr_matrix(COUNTS.astype(np.float32))
        raw = file.create_group("raw.X")
        raw.attrs["h5sparse_format"], raw.attrs["h5sparse_shape"] = "csr", stored.shape
        for part in ("data", "indices", "indptr"):
            raw[part] = getattr(stored, part)
        file["uns/cell_type_categories"] = np.array([b"B", b"NK", b"T cell"])
        file["uns/donor_categories"] = np.array([b"d1", b"d2"])
    return path


def test_every_reader_reads_files_from_before_anndata_0_7(before_0_7):
    theirs = anndata_reads(before_0_7)
    options = CellsOptions(before_0_7, layer="raw", group_key="donor")
    cells = read_cells(options)
    np.testing.assert_array_equal(cells.X.toarray(), COUNTS)
    np.testing.assert_array_equal(theirs.raw.X.toarray(), COUNTS)
    pd.testing.assert_series_equal(cells.obs["cell_type"], theirs.obs["cell_type"])
    assert cells.obs["group"].tolist() == theirs.obs["donor"].tolist()
    assert list(cells.var_names) == list(theirs.raw.var_names)
    source = open_cells(before_0_7, "raw")
    np.testing.assert_array_equal(sp.vstack(list(source.chunks(7))).toarray(), COUNTS)
    assert list(source.cell_names) == list(theirs.obs_names)
    found = inspect_cells(options)
    np.testing.assert_array_equal(found.cells.X.toarray(), COUNTS)
    assert found.has_counts and found.source == cells.uns["source"]
    pd.testing.assert_frame_equal(open_h5ad(before_0_7).var, theirs.var)


def test_the_file_that_scanpy_ships_is_read_like_any_other(tmp_path, monkeypatch):
    """Its raw.X is log-normalised, and found by --layer raw."""
    shutil.copyfile(sample_path(), tmp_path / "old.h5ad")
    options = CellsOptions(tmp_path / "old.h5ad", label_key="bulk_labels", layer="raw")
    theirs = anndata_reads(sample_path())
    source = open_file(options.cells, "raw")
    assert (source.whole() != theirs.raw.X).nnz == 0
    found = inspect_cells(options)
    assert "log-normalised" in found.suspicious[0]
    assert found.cells.obs["cell_type"].tolist() == theirs.obs["bulk_labels"].tolist()


def test_categories_of_anndata_0_7_are_beside_the_codes(rich):
    with h5py.File(rich, "r+") as file:
        categories_apart(file)
    expected = anndata_reads(rich).obs["cell_type"]
    pd.testing.assert_series_equal(read_cells(CellsOptions(rich)).obs["cell_type"], expected)
