"""Opening files to annotate: what comes out, how little is read, and what is refused."""

from __future__ import annotations

import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import make_cells

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.formats.sample import sample_path
from cellclassifier.data.matrix import InMemory
from cellclassifier.data.open import FORMATS, open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview.inspect import inspect_cells

COUNTS = np.random.default_rng(5).poisson(0.7, (23, 8))
NAMES = [f"barcode-{i}" for i in range(23)]
GENES = [f"GENE{i}" for i in range(7)] + ["GENE0"]  # a symbol that occurs twice


@pytest.fixture
def h5ad(tmp_path):
    """Give a function that writes cells without labels as .h5ad and gives its path."""

    def write(counts=COUNTS, layers=None, raw=None, obs=None, genes=GENES):
        obs = pd.DataFrame(obs, index=NAMES[: counts.shape[0]])
        cells = ad.AnnData(
            None if raw is None else sp.csr_matrix(raw), obs, pd.DataFrame(index=genes)
        )
        if raw is not None:
            cells.raw = cells.copy()
        cells.X = counts
        cells.layers.update(layers or {})
        cells.write_h5ad(tmp_path / "new.h5ad")
        return tmp_path / "new.h5ad"

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Variable names are not unique")
        yield write


@pytest.fixture
def npy(tmp_path):
    """Give a function that writes a .npy without labels and gives its path."""

    def write(**changed):
        content = {"UMI": COUNTS, "gene_ids": np.array(GENES)} | changed
        content = {key: value for key, value in content.items() if value is not None}
        np.save(tmp_path / "new.npy", content, allow_pickle=True)
        return tmp_path / "new.npy"

    return write


def check_chunks(source, expected, n_cells: int) -> None:
    """Every chunk is as promised, and together they are the expected matrix."""
    chunks = list(source.chunks(n_cells))
    sizes = [chunk.shape[0] for chunk in chunks]
    assert sum(sizes) == source.n_cells and set(sizes[:-1]) <= {n_cells}
    for chunk in chunks:
        assert isinstance(chunk, sp.csr_matrix) and chunk.dtype == np.float32
        assert (chunk.data > 0).all() and chunk.has_canonical_format
    np.testing.assert_array_equal(sp.vstack(chunks).toarray(), expected)


DTYPES = [np.int32, np.uint16, np.float64, np.float32]


@pytest.mark.parametrize("n_cells", [1, 5, 22, 23, 1000])
@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csc_matrix, sp.csr_array])
def test_chunks_of_every_layout(h5ad, npy, make, n_cells):
    for i, path in enumerate(
        [h5ad(make(COUNTS.astype(DTYPES[n_cells % 4]))), npy(UMI=make(COUNTS))]
    ):
        source = open_cells(path)
        assert source.path == path and source.n_cells == 23 and list(source.var.index) == GENES
        assert list(source.cell_names) == [NAMES, [f"cell_{i}" for i in range(23)]][i]
        assert source.cell_names.dtype.kind == "U"
        check_chunks(source, COUNTS, n_cells)
        check_chunks(source, COUNTS, n_cells)  # a second time


def test_cells_are_those_of_the_other_reader(cells_npy, tmp_path):
    """The same counts, names and genes as ``read_cells`` gives for a file with labels."""
    cells = read_cells(CellsOptions(cells=cells_npy))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    for path in (cells_npy, tmp_path / "cells.h5ad"):
        source = open_cells(path)
        assert list(source.cell_names) == list(cells.obs_names)
        assert list(source.var.index) == list(cells.var_names)
        check_chunks(source, cells.X.toarray(), 13)


def test_stored_zeros_and_duplicates_are_put_right(h5ad):
    counts = sp.csr_matrix(COUNTS.astype(np.float32))
    counts.data[0] = 0
    path = h5ad(counts)
    expected = counts.toarray()
    with h5py.File(path, "r+") as file:  # the second entry twice, as two entries of one gene
        indices = file["X/indices"][()]
        expected[0, indices[0]] += expected[0, indices[1]]
        expected[0, indices[1]] = 0
        indices[1] = indices[0]
        file["X/indices"][...] = indices
    check_chunks(open_cells(path), expected, 4)


def test_layers(h5ad):
    logged = np.log1p(COUNTS)
    layers = {"counts": sp.csr_matrix(COUNTS), "columns": sp.csc_matrix(COUNTS * 3)}
    path = h5ad(logged, layers, raw=COUNTS * 2)
    check_chunks(open_cells(path, "counts"), COUNTS, 7)
    check_chunks(open_cells(path, "columns"), COUNTS * 3, 7)
    check_chunks(open_cells(path, "raw"), COUNTS * 2, 7)
    with pytest.raises(InputError, match="no layer 'spliced': it has columns, counts, raw"):
        open_cells(path, "spliced")


def test_an_npy_has_no_layers(npy):
    with pytest.raises(InputError, match=r"--layer counts: .*new.npy has no layers"):
        open_cells(npy(), "counts")


def test_without_x_a_layer_is_asked_for(h5ad):
    path = h5ad(layers={"counts": sp.csr_matrix(COUNTS)})
    with h5py.File(path, "r+") as file:
        del file["X"]
    with pytest.raises(InputError, match="has no X: it has counts; choose with --layer"):
        open_cells(path)
    check_chunks(open_cells(path, "counts"), COUNTS, 9)


def test_cells_without_a_matrix_are_refused(tmp_path):
    cells = ad.AnnData(obs=pd.DataFrame(index=NAMES), var=pd.DataFrame(index=GENES[:7]))
    cells.write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(InputError, match=r"has no X|no matrix"):
        open_cells(tmp_path / "x.h5ad")


@pytest.mark.parametrize("key", ["cell_names", "barcodes"])
def test_names_of_an_npy(npy, key):
    assert list(open_cells(npy(**{key: NAMES})).cell_names) == NAMES
    with pytest.raises(InputError, match="matrix is 23 x 8, but there are 22 cell names"):
        open_cells(npy(**{key: NAMES[1:]}))


def test_without_a_file_the_sample_is_opened_and_said(tmp_path, monkeypatch, npy, said):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    source = open_cells(None)
    assert source.n_cells == 700 and source.path == sample_path() and "--cells" in said()[0]
    check_chunks(source, read_cells(CellsOptions()).X.toarray(), 300)
    npy().rename("cells.npy")
    assert open_cells(None).n_cells == 23 and len(said()) == 2  # no third time


def test_only_one_chunk_of_a_sparse_file_is_read_at_a_time(h5ad, reads):
    counts = sp.csr_matrix(COUNTS)
    path = h5ad(counts, obs={"big": np.arange(23), "type": pd.Categorical(NAMES)})
    reads.clear()
    source = open_cells(path)
    assert not reads.of("/X/") and not reads.of("/obs/big") and not reads.of("/obs/type")
    assert sum(reads.of("/obs/")) == 23
    for start, _ in zip(range(0, 23, 4), source.chunks(4), strict=True):
        stored = counts[start : start + 4].nnz
        assert reads.of("/X/data") == [stored] and reads.of("/X/indices") == [stored]
        assert sum(reads.of("/X/indptr")) <= 2 * (4 + 1)  # bounds of these rows, not of all
        reads.clear()


def test_only_one_chunk_of_a_dense_file_is_read_at_a_time(h5ad, reads):
    path = h5ad(COUNTS)
    reads.clear()
    source = open_cells(path)
    assert not reads.of("/X")
    for start, _ in zip(range(0, 23, 4), source.chunks(4), strict=True):
        assert reads.of("/X") == [min(4, 23 - start) * 8]
        reads.clear()


def test_a_matrix_stored_by_columns_is_read_whole_and_said(h5ad, said):
    check_chunks(open_cells(h5ad(sp.csc_matrix(COUNTS))), COUNTS, 6)
    assert len(said()) == 1 and "GiB" in said()[0] and "tocsr()" in said()[0]


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.log1p(COUNTS * (1 + np.arange(8) / 30)), "log-normalised"),
        (1e4 * (COUNTS + 1) / (COUNTS + 1).sum(1, keepdims=True), "normalised to 10,000"),
        (COUNTS - 1.0, "negative values .*scaled"),
        (np.where(COUNTS == 2, np.nan, COUNTS), "NaN"),
        (COUNTS + 0.5 * (COUNTS == 3) + 40 * (COUNTS > 1), "fractions"),
    ],
    ids=["log", "normalised", "scaled", "nan", "fractions"],
)
def test_what_is_no_count_is_refused(h5ad, npy, make, values, sentence):
    for path in (h5ad(make(values)), npy(UMI=make(values))):
        with pytest.raises(InputError, match=sentence):
            list(open_cells(path).chunks(30))


def test_what_is_no_count_is_refused_in_its_chunk(h5ad):
    values = COUNTS.astype(float)
    values[20, 3] = np.nan
    chunks = open_cells(h5ad(sp.csr_matrix(values))).chunks(10)
    assert next(chunks).shape == next(chunks).shape == (10, 8)
    with pytest.raises(InputError, match="NaN"):
        next(chunks)


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "x.odd").write_text("a,b")
    (tmp_path / "x.h5ad").write_text("a,b")
    (tmp_path / "x.npy").write_text("a,b")
    for name, sentence in {
        "none.h5ad": "does not exist",
        "x.odd": r"ends in '.odd': expected one of \.npy, \.h5ad, .*\.csv\.gz",
        "x.h5ad": "cannot be read as .h5ad",
        "x.npy": "x.npy",
    }.items():
        with pytest.raises(InputError, match=sentence):
            open_cells(tmp_path / name)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    make_cells().write_h5ad(tmp_path / "x.h5ad")
    content = (tmp_path / "x.h5ad").read_bytes()
    (tmp_path / "x.h5ad").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="is it complete"):
        open_cells(tmp_path / "x.h5ad")


def shorten(file, name):
    values = file[name][()]
    del file[name]
    file[name] = values[:-2]


def out_of_range(file, name):
    file[name][-1] = 10**6


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (shorten, "X/data"),
        (shorten, "X/indices"),
        (shorten, "X/indptr"),
        (out_of_range, "X/indices"),
        (out_of_range, "X/indptr"),
        (lambda file, name: file.__delitem__(name), "X/indices"),
        (lambda file, name: file[name].attrs.__delitem__("_index"), "obs"),
        (lambda file, name: file.__delitem__(name), "var"),
    ],
)
def test_a_damaged_file_is_refused(h5ad, make, damage, name):
    path = h5ad(make(COUNTS))
    with h5py.File(path, "r+") as file:
        damage(file, name)
    with pytest.raises(InputError, match=r"cannot be read as .h5ad .*is it complete"):
        list(open_cells(path).chunks(10))


def test_parts_that_do_not_fit_are_refused(h5ad, npy):
    path = h5ad(sp.csr_matrix(COUNTS))
    with h5py.File(path, "r+") as file:
        shorten(file, "obs/_index")
    with pytest.raises(
        InputError, match=r"the matrix is 23 x 8, but there are 21 cell names and 8"
    ):
        open_cells(path)
    with pytest.raises(InputError, match=r"the matrix is 23 x 8, .* and 7 gene ids"):
        open_cells(npy(gene_ids=np.array(GENES[1:])))
    for names in (NAMES, None):
        with pytest.raises(InputError, match="it looks transposed"):
            open_cells(npy(UMI=COUNTS.T, cell_names=names))


def test_empty_files_are_refused(h5ad, npy):
    for path in (h5ad(sp.csr_matrix(COUNTS)[:0]), npy(UMI=COUNTS[:0])):
        with pytest.raises(InputError, match=r"is empty \(0 cells x 8 genes\)"):
            open_cells(path)


def test_names_must_be_there_and_those_of_cells_unique(npy):
    with pytest.raises(InputError, match="duplicate cell names"):
        open_cells(npy(cell_names=["a", *NAMES[:21], "a"]))
    with pytest.raises(InputError, match="1 of 23 cell names are missing"):
        open_cells(npy(cell_names=["", *NAMES[:22]]))
    with pytest.raises(InputError, match="1 of 8 gene ids are missing"):
        open_cells(npy(gene_ids=[None, *GENES[:7]]))


@pytest.mark.parametrize("change", [{"UMI": None}, {"gene_ids": None}])
def test_an_npy_needs_counts_and_genes(npy, change):
    with pytest.raises(InputError, match=r"expected a dict with UMI, classes and gene_ids .*found"):
        open_cells(npy(**change))


@pytest.mark.parametrize("counts", [3, "text", [1, 2], np.arange(3), np.full((23, 8), "x")])
def test_an_npy_without_a_matrix_is_refused(npy, counts):
    with pytest.raises(InputError):
        open_cells(npy(UMI=counts))


def test_a_chunk_has_at_least_one_cell(npy):
    with pytest.raises(ValueError, match="0 cells"):
        next(open_cells(npy()).chunks(0))


def open_table(path, layer=None) -> CellSource:
    """Cells x genes as text, labels in the column "type": a format as issue lists ask for."""
    table = pd.read_csv(path, sep="\t", index_col=0)
    counts, labels = table.drop(columns="type"), table["type"].to_numpy(object)
    var = pd.DataFrame(index=counts.columns.astype(object))
    matrix = InMemory(counts.to_numpy())
    names = pd.Index(table.index, dtype=object)
    return CellSource(path, names, var, matrix, lambda key, option: labels, "type")


def test_a_new_format_is_one_function_and_one_entry(tmp_path, monkeypatch):
    """Then it is read whole, in chunks, and by the interview."""
    monkeypatch.setitem(FORMATS, ".table", open_table)
    cells = make_cells(30)
    table = cells.to_df().astype(int).assign(type=cells.obs["cell_type"].to_numpy())
    table.to_csv(tmp_path / "cells.table", sep="\t")
    options = CellsOptions(tmp_path / "cells.table")
    for read in (read_cells(options), inspect_cells(options).cells):
        np.testing.assert_array_equal(read.X.toarray(), cells.X.toarray())
        assert read.obs["cell_type"].tolist() == cells.obs["cell_type"].tolist()
        assert list(read.obs_names) == list(cells.obs_names)
        assert list(read.var_names) == list(cells.var_names)
    check_chunks(open_cells(options.cells), cells.X.toarray(), 7)
    with pytest.raises(InputError, match=r"expected one of \.npy, .*, \.table"):
        open_cells(tmp_path / "none")
