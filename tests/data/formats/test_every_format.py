"""One set of cells, written in every format, is read back as one, whole and in chunks."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp
from conftest import examples, make_cells
from every_format import ALL, WITH_LABELS, as_10x_v2, as_10x_v3, as_loom, as_matrix_folder, cells_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellclassifier.data.open import open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells


def check_same(source, counts: np.ndarray, size: int) -> None:
    assert source.n_cells == len(counts) and len(source.var) == counts.shape[1]
    chunks = list(source.chunks(size))
    np.testing.assert_array_equal(sp.vstack(chunks).toarray(), counts)
    whole = source.whole()
    np.testing.assert_array_equal(whole.toarray() if sp.issparse(whole) else whole, counts)


@pytest.mark.parametrize("write", ALL.values(), ids=ALL)
@settings(max_examples=examples(5) // 2)
@given(data=st.data())
def test_the_same_counts_are_read_from_every_format(tmp_path_factory, write, data):
    shape = data.draw(st.tuples(st.integers(1, 7), st.integers(2, 6)))
    counts = data.draw(arrays(np.int32, shape, elements=st.sampled_from([0, 0, 1, 2, 17, 2**24])))
    cells = cells_of(counts, [f"type {i % 2}" for i in range(len(counts))])
    source = open_cells(write(cells, tmp_path_factory.mktemp("cells")))
    assert list(source.cell_names) == list(cells.obs_names)
    assert list(source.var.index) == list(cells.var_names)
    check_same(source, counts, data.draw(st.integers(1, 8)))


@pytest.mark.parametrize("write", WITH_LABELS.values(), ids=WITH_LABELS)
def test_labels_are_read_from_every_format_that_has_any(tmp_path, write):
    cells = make_cells(70)
    read = read_cells(CellsOptions(write(cells, tmp_path)))
    np.testing.assert_array_equal(read.X.toarray(), cells.X.toarray())
    assert read.obs["cell_type"].tolist() == cells.obs["cell_type"].tolist()
    assert list(read.var_names) == list(cells.var_names)
    assert len(read.uns["source"]["sha256"]) == 64


@pytest.mark.parametrize("write", [as_10x_v3, as_10x_v2, as_matrix_folder])
def test_10x_files_are_those_of_scanpy(tmp_path, write):
    import scanpy as sc

    path = write(make_cells(30), tmp_path)
    theirs = sc.read_10x_mtx(path) if path.is_dir() else sc.read_10x_h5(path)
    source = open_cells(path)
    assert (source.whole() != theirs.X).nnz == 0
    assert list(source.cell_names) == list(theirs.obs_names)
    assert list(source.var["gene_symbols"]) == list(theirs.var_names)
    for column in theirs.var.columns.intersection(["gene_ids", "feature_types"]):
        assert list(source.var[column]) == list(theirs.var[column])


def test_a_loom_is_what_anndata_reads_and_writes(tmp_path):
    pytest.importorskip("loompy")
    cells = make_cells(130)
    cells.layers["twice"] = cells.X * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of loompy's own age
        theirs = ad.io.read_loom(as_loom(cells, tmp_path))
        np.testing.assert_array_equal(theirs.X.toarray(), cells.X.toarray())
        assert list(theirs.obs_names) == list(cells.obs_names)
        cells.write_loom(tmp_path / "theirs.loom")
    source = open_cells(tmp_path / "theirs.loom")
    assert list(source.cell_names) == list(cells.obs_names)
    assert list(source.var.index) == list(cells.var_names)
    check_same(source, cells.X.toarray(), 50)
    check_same(open_cells(tmp_path / "theirs.loom", "twice"), 2 * cells.X.toarray(), 50)
