"""Where raw counts are: found in every place that people keep them in, and never guessed."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp
from conftest import make_cells
from every_format import as_csv, as_loom, as_zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellclassifier.data.invert_logs import counts_of_logged
from cellclassifier.data.open import open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview.inspect import inspect_cells


def cells_and_counts(n_cells: int = 250):
    cells = make_cells(n_cells)
    return cells, cells.X.toarray()


def logged_by_scanpy(cells: ad.AnnData, target: float | None = 1e4) -> ad.AnnData:
    import scanpy as sc

    cells = cells.copy()
    sc.pp.normalize_total(cells, target_sum=target)
    sc.pp.log1p(cells)
    return cells


def written(cells: ad.AnnData, tmp_path, make=sp.csr_matrix):
    if cells.X is not None:
        cells.X = make(cells.X)
    cells.write_h5ad(tmp_path / "x.h5ad")
    return tmp_path / "x.h5ad"


def check_reads(path, counts, layer=None, genes=None) -> None:
    for size in (60, 1000):
        source = open_cells(path, layer)
        np.testing.assert_array_equal(sp.vstack(list(source.chunks(size))).toarray(), counts)
    np.testing.assert_array_equal(read_cells(path, layer=layer).X.toarray(), counts)
    assert inspect_cells(CellsOptions(path, layer=layer)).has_counts
    if genes is not None:
        assert list(source.var.index) == list(genes)


@pytest.mark.parametrize("name", ["counts", "raw_counts", "UMI", "whatever"])
def test_counts_in_a_layer_are_found_and_said(tmp_path, said, name):
    cells, counts = cells_and_counts()
    logged = logged_by_scanpy(cells)
    logged.layers[name] = cells.X.copy()
    logged.layers["scaled"] = logged.X.toarray() - 1.0
    path = written(logged, tmp_path)
    open_cells(path)
    assert said() == [f"x.h5ad: X holds no raw counts; they are read from the layer {name!r}."]
    check_reads(path, counts)


def test_the_best_name_wins_and_parts_of_counts_never(tmp_path):
    cells, counts = cells_and_counts()
    logged = logged_by_scanpy(cells)
    logged.X = np.asarray(logged.X.toarray() * 0.77)  # no logarithm of counts any more
    logged.layers["spliced"] = cells.X.copy()
    path = written(logged, tmp_path)
    with pytest.raises(InputError, match=r"counts were looked for in X, spliced$"):
        next(open_cells(path).chunks(10))
    logged.layers["other"] = cells.X * 3
    logged.layers["counts"] = cells.X.copy()
    check_reads(written(logged, tmp_path), counts)


def test_scanpys_tutorial_keeps_logs_in_raw_and_a_scaled_part_in_x(tmp_path, said):
    """raw has all genes: its logarithms are inverted, X is not even a logarithm."""
    cells, counts = cells_and_counts()
    logged = logged_by_scanpy(cells)
    logged.raw = logged.copy()
    part = logged[:, 10:40].copy()
    part.X = part.X.toarray() - part.X.toarray().mean(axis=0)
    path = written(part, tmp_path, np.asarray)
    open_cells(path)
    assert said() == [
        "x.h5ad holds no raw counts; they are computed back, exactly, from .raw "
        "(log1p of counts per 10,000)."
    ]
    check_reads(path, counts, genes=cells.var_names)


def test_counts_in_raw_are_found(tmp_path):
    cells, counts = cells_and_counts()
    logged = logged_by_scanpy(cells)
    logged.raw = cells.copy()
    check_reads(written(logged[:, :20].copy(), tmp_path), counts, genes=cells.var_names)


@pytest.mark.parametrize("target", [None, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_matrix, lambda x: x.toarray()])
def test_logs_of_any_target_are_inverted(tmp_path, target, make):
    cells, counts = cells_and_counts()
    check_reads(written(logged_by_scanpy(cells, target), tmp_path, make), counts)


@pytest.mark.parametrize("write", [as_zarr, as_loom, as_csv])
def test_logs_of_other_formats_are_inverted(tmp_path, write):
    cells, counts = cells_and_counts(120)
    logged = logged_by_scanpy(cells)
    if write is as_csv:
        logged.to_df().assign(cell_type=cells.obs["cell_type"]).to_csv(tmp_path / "x.csv")
        return check_reads(tmp_path / "x.csv", counts)
    return check_reads(write(logged, tmp_path), counts)


def test_a_given_layer_is_obeyed(tmp_path):
    cells, counts = cells_and_counts()
    logged = logged_by_scanpy(cells)
    logged.layers["counts"] = cells.X.copy()
    logged.layers["logs"] = logged.X.copy()
    path = written(logged, tmp_path)
    check_reads(path, counts, layer="counts")
    with pytest.raises(InputError, match=r"log1p of counts per 10,000\)"):
        next(open_cells(path, "logs").chunks(10))


def test_counts_in_x_are_taken_without_a_look_elsewhere(tmp_path, said):
    cells, counts = cells_and_counts()
    cells.layers["counts"] = cells.X * 2
    check_reads(written(cells, tmp_path), counts)
    assert said() == []


NO_COUNTS = {
    "rounded": lambda logs: np.round(logs, 2),
    "half precision": lambda logs: logs.astype(np.float16).astype(np.float32),
    "other base": lambda logs: logs / np.log(2),
    "smoothed": lambda logs: (logs + np.roll(logs, 1, axis=0)) / 2,
}


@pytest.mark.parametrize("change", NO_COUNTS.values(), ids=NO_COUNTS)
def test_what_cannot_be_inverted_exactly_is_refused(tmp_path, change):
    cells, _ = cells_and_counts()
    logged = logged_by_scanpy(cells)
    logged.X = sp.csr_matrix(change(logged.X.toarray()))
    logged.layers["again"] = logged.X.copy()
    path = written(logged, tmp_path)
    with pytest.raises(InputError, match=r"looked for in X, again$"):
        read_cells(path)
    assert not inspect_cells(CellsOptions(path)).has_counts


def test_every_chunk_is_checked(tmp_path):
    """Cells that were not among those that decided."""
    cells, _ = cells_and_counts(1000)
    logged = logged_by_scanpy(cells)
    values = logged.X.toarray()
    values[250] *= 1.1
    path = written(ad.AnnData(sp.csr_matrix(values), cells.obs, cells.var), tmp_path)
    chunks = open_cells(path).chunks(200)
    assert next(chunks).shape == (200, 60)
    with pytest.raises(InputError, match="but not those of all from cell 201 on"):
        next(chunks)


def test_a_damaged_layer_does_no_harm(tmp_path):
    import h5py

    cells, counts = cells_and_counts()
    cells.X = logged_by_scanpy(cells).X
    cells.layers["broken"] = cells.X.copy()
    path = written(cells, tmp_path)
    with h5py.File(path, "r+") as file:
        del file["layers/broken/indptr"], file["layers/broken"].attrs["shape"]
    check_reads(path, counts)


COUNTS = arrays(
    np.int32, st.tuples(st.integers(1, 6), st.integers(2, 9)), elements=st.integers(0, 9)
)


@given(COUNTS, st.floats(1e-3, 1e6), st.sampled_from([np.float32, np.float64]))
def test_counts_come_back_from_any_scale(counts, scale, dtype):
    """If every cell has some gene that was counted once, or no gene at all."""
    counts[:, 0] = np.where(counts.any(axis=1), 1, 0)
    factors = scale * np.arange(1, len(counts) + 1)[:, None]
    logged = np.log1p((counts * factors).astype(dtype))
    if (logged[counts > 0] > 0).all() and logged.max(initial=0) < 20:
        np.testing.assert_array_equal(counts_of_logged(sp.csr_matrix(logged)).toarray(), counts)


@given(arrays(np.float32, (3, 8), elements=st.floats(0, 9, width=32)))
def test_what_comes_back_explains_the_values_or_nothing_comes(values):
    try:
        counts = counts_of_logged(sp.csr_matrix(values)).toarray()
    except ValueError:
        return
    assert (counts == np.rint(counts)).all() and ((counts > 0) == (values > 0)).all()
    for row, found in zip(values.astype(np.float64), counts, strict=True):
        if found.any():
            one = np.expm1(row[row > 0]).min()
            np.testing.assert_allclose(np.expm1(row), found * one, rtol=5e-4)


def test_columns_of_one_gene_are_summed_in_training_as_in_annotation(tmp_path, said):
    from cellclassifier.data.match_genes import match_genes

    cells, counts = cells_and_counts(30)
    names = cells.var_names.to_numpy(str)
    names[[7, 20]] = names[3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are not unique
        cells.var_names = names
        cells.write_h5ad(tmp_path / "x.h5ad")
    read = read_cells(tmp_path / "x.h5ad")
    assert said()[-1] == "1 genes have several columns (first: gene_3): summed."
    expected = np.delete(counts, [7, 20], axis=1)
    expected[:, 3] += counts[:, 7] + counts[:, 20]
    np.testing.assert_array_equal(read.X.toarray(), expected)
    source = open_cells(tmp_path / "x.h5ad")
    match = match_genes(read.var_names.to_numpy(str), read.var_names.to_numpy(str), source.var)
    (chunk,) = source.chunks(100)
    np.testing.assert_array_equal(match.align(chunk).counts.toarray(), expected)
