"""Reading cells.npy, .h5ad and the embedded sample: what comes out, and from which file."""

from __future__ import annotations

import hashlib
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellclassifier.data.formats.sample import sample_path
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError

COUNTS = np.random.default_rng(3).poisson(0.8, (9, 6))
COUNTS[:, 0] += 1  # no empty cell
LABELS = np.array(list("ABCABCABC"))
GENES = np.array([f"GENE{i}" for i in range(6)])
NAMES = [f"barcode-{i}" for i in range(9)]
LAYOUTS = [f"{layout}_{kind}" for layout in ("csr", "csc", "coo") for kind in ("matrix", "array")]


@pytest.fixture
def write(tmp_path):
    """Give a function that writes a cells.npy and gives its path; None leaves a key out."""

    def write_npy(counts=COUNTS, **changed):
        content = {"UMI": counts, "classes": LABELS, "gene_ids": GENES} | changed
        content = {key: value for key, value in content.items() if value is not None}
        path = tmp_path / "cells.npy"
        np.save(path, content, allow_pickle=True)
        return path

    return write_npy


@pytest.fixture
def h5ad(tmp_path):
    """Give a function that writes cells as .h5ad and gives its path."""

    def write_h5ad(counts=COUNTS, layers=None, raw=None, **columns):
        obs = pd.DataFrame({"cell_type": pd.Categorical(LABELS)} | columns, index=NAMES)
        cells = ad.AnnData(sp.csr_matrix(raw if raw is not None else counts).astype("f4"), obs=obs)
        cells.var_names = GENES
        if raw is not None:
            cells.raw = cells.copy()
        cells.X = counts.astype("f4")
        cells.layers.update(layers or {})
        cells.write_h5ad(tmp_path / "my.h5ad")
        return tmp_path / "my.h5ad"

    return write_h5ad


def read(path, **options) -> ad.AnnData:
    return read_cells(CellsOptions(cells=path, **options))


def check_contract(cells: ad.AnnData) -> None:
    """What every reader may rely on."""
    assert isinstance(cells.X, sp.csr_matrix) and cells.X.dtype == np.float32
    assert (cells.X.data > 0).all()
    for row in range(cells.n_obs):
        columns = cells.X.indices[cells.X.indptr[row] : cells.X.indptr[row + 1]]
        assert (np.diff(columns) > 0).all()
    assert isinstance(cells.obs["cell_type"].dtype, pd.CategoricalDtype)
    assert sorted(cells.obs["cell_type"].cat.categories) == sorted(set(cells.obs["cell_type"]))
    assert cells.obs_names.is_unique and cells.var_names.is_unique
    assert len(cells.var["gene_symbol"]) == cells.n_vars
    assert set(cells.uns["source"]) == {"file", "sha256", "shape"}


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("layout", [*LAYOUTS, "asarray", "asfortranarray"])
def test_every_layout_gives_the_same_cells(write, layout, dtype):
    counts = np.minimum(COUNTS, 1) if dtype is bool else COUNTS
    make = getattr(np if layout.startswith("as") else sp, layout)
    cells = read(write(make(counts.astype(dtype))))
    check_contract(cells)
    np.testing.assert_array_equal(cells.X.toarray(), counts)
    assert list(cells.obs["cell_type"]) == list(LABELS)
    assert list(cells.var_names) == list(cells.var["gene_symbol"]) == list(GENES)


def test_stored_zeros_duplicates_and_unsorted_columns_are_put_right(write):
    rows, columns = [0, 0, 0, 1, 2, *range(3, 9)], [4, 1, 1, 2, 2, *[0] * 6]
    values = [5, 1, 2, 0, 7, *[1] * 6]
    counts = sp.csr_matrix((9, 6), dtype=np.int32)
    counts.indptr = np.array([0, 3, 5, 6, *range(7, 13)], dtype=np.int32)
    counts.indices = np.array([4, 1, 1, 2, 3, 2, *[0] * 6], dtype=np.int32)
    counts.data = np.array([5, 1, 2, 0, 1, 7, *[1] * 6], dtype=np.int32)
    expected = np.zeros((9, 6))
    np.add.at(expected, ([*rows, 1], [*columns, 3]), [*values, 1])
    for matrix in (counts, counts.astype(np.float32), counts.tocoo(), counts.tocsc()):
        cells = read(write(matrix))
        check_contract(cells)
        np.testing.assert_array_equal(cells.X.toarray(), expected)


@pytest.mark.parametrize(
    "labels",
    [LABELS.tolist(), LABELS.astype(object), LABELS.astype("S"), np.arange(9) % 3],
    ids=["list", "object", "bytes", "int"],
)
def test_labels_of_any_kind_become_text(write, labels):
    expected = [x.decode() if isinstance(x, bytes) else str(x) for x in labels]
    assert list(read(write(classes=labels)).obs["cell_type"]) == expected


@pytest.mark.parametrize("key", ["cell_names", "barcodes"])
def test_cell_names(write, key):
    assert list(read(write(**{key: NAMES})).obs_names) == NAMES
    assert list(read(write()).obs_names) == [f"cell_{i}" for i in range(9)]


def test_source_tells_which_bytes_were_read(write):
    path = write()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = {"file": "cells.npy", "sha256": digest, "shape": [9, 6]}
    assert read(path).uns["source"] == expected


def test_a_file_whose_name_no_table_can_hold_has_one_that_they_can(write):
    path = write()
    odd = path.rename(path.with_name("c\udcff\nx.npy"))  # a byte that is no UTF-8, a line end
    assert read(odd).uns["source"]["file"] == r"c\udcff\nx.npy"


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csc_matrix])
def test_h5ad(h5ad, make):
    cells = read(h5ad(make(COUNTS)))
    check_contract(cells)
    np.testing.assert_array_equal(cells.X.toarray(), COUNTS)
    assert list(cells.obs_names) == NAMES and list(cells.obs["cell_type"]) == list(LABELS)
    assert list(cells.var_names) == list(GENES)


def test_h5ad_layers(h5ad):
    logged = np.log1p(COUNTS)
    path = h5ad(logged, layers={"counts": sp.csr_matrix(COUNTS)}, raw=COUNTS * 2)
    np.testing.assert_array_equal(read(path, layer="counts").X.toarray(), COUNTS)
    np.testing.assert_array_equal(read(path, layer="raw").X.toarray(), COUNTS * 2)
    np.testing.assert_array_equal(read(path).X.toarray(), COUNTS)
    with pytest.raises(InputError, match="no layer 'spliced': it has counts, raw"):
        read(path, layer="spliced")


def test_h5ad_keys(h5ad):
    path = h5ad(louvain=pd.Categorical(list("xyzxyzxyz")), donor=[*range(8), 7])
    cells = read(path, label_key="louvain", group_key="donor")
    assert list(cells.obs["cell_type"]) == list("xyzxyzxyz")
    assert list(cells.obs["group"]) == list("012345677")
    for option, key in (("label_key", "--label-key"), ("group_key", "--group-key")):
        with pytest.raises(InputError, match=f"no obs column 'leiden': .*donor.*{key}"):
            read(path, **{option: "leiden"})


def test_a_group_must_be_given_for_every_cell(h5ad):
    path = h5ad(donor=pd.Categorical(["d1", None, *["d2"] * 7]))
    with pytest.raises(InputError, match="missing for 1 of 9 cells"):
        read(path, group_key="donor")


def test_npy_has_no_groups(write):
    with pytest.raises(InputError, match="--group-key donor"):
        read(write(), group_key="donor")


def test_without_a_file_the_sample_is_used_and_said(tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    cells = read(None)
    assert cells.shape == (700, 765) and cells.obs["cell_type"].nunique() == 10
    assert len(said()) == 1 and "--cells" in said()[0] and "700" in said()[0]
    check_contract(cells)


@pytest.mark.parametrize("place", ["cells.npy", "data/cells.npy"])
def test_a_cells_npy_at_hand_is_found(write, tmp_path, monkeypatch, place):
    folder = tmp_path / "repository"
    (folder / "data").mkdir(parents=True)
    write().rename(folder / place)
    monkeypatch.chdir(folder)
    assert read(None).shape == (9, 6)


def test_a_given_path_is_never_replaced(write, tmp_path, monkeypatch):
    monkeypatch.chdir(write().parent)  # a cells.npy is at hand
    for missing in ("other.npy", "other.h5ad", "nowhere/cells.npy"):
        with pytest.raises(InputError, match="does not exist"):
            read(tmp_path / missing)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is a folder without cells"):
        read(tmp_path / "empty")


def test_sample_counts_explain_its_own_values(tmp_path, monkeypatch):
    """log1p(counts * factor of the cell) gives the stored values back: the counts are integers."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = ad.read_h5ad(sample_path()).raw.X.toarray().astype(np.float64)
    counts = read(None).X.toarray().astype(np.float64)
    assert ((counts > 0) == (raw > 0)).all() and (counts == np.rint(counts)).all()
    linear = np.expm1(raw)
    factor = (linear * counts).sum(axis=1) / (counts**2).sum(axis=1)  # least squares per cell
    again = np.log1p(counts * factor[:, None])
    assert np.quantile(np.abs(again - raw)[raw > 0], 0.998) < 0.02
    assert np.abs(again / np.where(raw > 0, raw, 1) - (raw > 0)).max() < 0.02
    # A smaller unit would do as well: in every cell some gene was counted once.
    assert (np.where(counts > 0, counts, np.inf).min(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("name", "shape", "n_types"),
    [
        ("cells.npy", (3874, 16791), 10),
        ("ifnb_2800.h5ad", (2800, 14053), 13),
        ("pbmc3k.h5ad", (2638, 13714), 9),  # 62 cells are unlabelled
    ],
)
def test_shared_data(shared, tmp_path, monkeypatch, name, shape, n_types):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cells = read(shared / "data" / name)
    check_contract(cells)
    assert cells.shape == shape and cells.obs["cell_type"].nunique() == n_types


NUMBERS = st.sampled_from(
    ["?", "i1", "u8", "i8", ">i4", "f2", "f4", ">f8", "c16", "U3", "O", "M8[s]"]
)
ARRAYS = st.builds(
    lambda shape, dtype: np.full(shape, 1).astype(dtype),
    st.sampled_from([(), (9,), (6,), (9, 6), (6, 9), (9, 6, 1), (0, 6), (9, 0)]),
    NUMBERS,
)
ANYTHING = st.one_of(
    ARRAYS,
    st.none(),
    st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none(), st.floats()), max_size=10),
    st.just([[1], [1, 2]]),
    st.sampled_from([LABELS, GENES, COUNTS, sp.csr_matrix(COUNTS), sp.csc_array(COUNTS * 0.5)]),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    key=st.sampled_from(["UMI", "classes", "gene_ids", "cell_names", "barcodes", "other"]),
    value=ANYTHING,
)
def test_whatever_a_key_holds_is_read_or_refused(write, key, value):
    path = write(**{"counts" if key == "UMI" else key: value})
    try:
        cells = read(path)
    except InputError:
        return
    check_contract(cells)


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.one_of(ANYTHING, st.dictionaries(st.text(max_size=9), ANYTHING, max_size=3)))
def test_other_objects_are_refused(tmp_path, content):
    path = tmp_path / "cells.npy"
    boxed = np.empty((), object)
    boxed[()] = content
    np.save(path, boxed, allow_pickle=True)
    with pytest.raises(InputError):
        read(path)


def test_a_path_and_keywords_stand_for_options(cells_npy, tmp_path):
    """As in a notebook."""
    expected = read_cells(CellsOptions(cells=cells_npy))
    for path in (cells_npy, str(cells_npy)):
        pd.testing.assert_frame_equal(read_cells(path).obs, expected.obs)
    cells = ad.AnnData(expected.X, expected.obs.rename(columns={"cell_type": "louvain"}))
    cells.write_h5ad(tmp_path / "my.h5ad")
    found = read_cells(tmp_path / "my.h5ad", label_key="louvain")
    assert list(found.obs["cell_type"]) == list(expected.obs["cell_type"])
    options = CellsOptions(cells=tmp_path / "my.h5ad")
    assert read_cells(options, label_key="louvain").n_obs == 90
    with pytest.raises(TypeError, match="colour"):
        read_cells(cells_npy, colour="blue")
