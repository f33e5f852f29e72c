"""Adding columns to obs of a copied .h5ad: what is new, and that nothing else is."""

from __future__ import annotations

import hashlib
import shutil
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from damaged import categories_apart, list_as_attribute, write_good

from cellclassifier.data.formats.sample import sample_path
from cellclassifier.data.open import open_cells, write_annotated
from cellclassifier.errors import InputError

COLUMNS = pd.DataFrame(
    {
        "predicted": pd.Categorical(["B", "T/x", "NK"] * 40),
        "confidence": np.linspace(0, 1, 120, dtype=np.float32),
        "sure": np.arange(120) % 2 == 0,
    },
    index=[f"cell_{i}" for i in range(120)],
)


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(path) -> dict:
    """Every dataset and attribute of a file outside obs, as bytes."""
    found = {}

    def note(name, item):
        if not name.startswith("obs/"):
            values = item[()] if isinstance(item, h5py.Dataset) else ()
            attrs = {k: np.asarray(v).tolist() for k, v in item.attrs.items()}
            attrs.pop("column-order" if name == "obs" else "", None)
            found[name] = (np.asarray(values).tolist(), attrs)

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_matrix, sp.csr_matrix.toarray])
def test_columns_are_added_and_nothing_else_changes(small_cells, tmp_path, make):
    cells = small_cells
    cells.X, cells.layers["twice"] = make(cells.X), cells.X * 2
    cells.raw = cells.copy()
    cells.obsm["X_pca"], cells.uns["note"] = np.ones((120, 2)), {"a": "b"}
    cells.obs["confidence"] = "old"  # replaced, though of another type
    cells.obs["kept"] = pd.Categorical(np.arange(120).astype(str))
    path, target = tmp_path / "in.h5ad", tmp_path / "out.part"
    cells.write_h5ad(path)
    before = sha256(path)
    write_annotated(open_cells(path), COLUMNS, target)
    assert sha256(path) == before
    assert contents(path) == contents(target)
    written = ad.read_h5ad(target)
    assert list(written.obs) == ["cell_type", "kept", "predicted", "confidence", "sure"]
    expected = pd.concat([cells.obs[["cell_type", "kept"]], COLUMNS], axis=1)
    pd.testing.assert_frame_equal(written.obs, expected)
    colors = {"note": np.array(["#1", "#2"], dtype=object)}
    write_annotated(open_cells(path), COLUMNS[["sure"]], target, colors)
    again = ad.read_h5ad(target)
    assert list(again.obs) == ["cell_type", "confidence", "kept", "sure"]
    assert again.uns["note"].tolist() == ["#1", "#2"]  # in place of what was there


def test_the_counts_are_not_read_to_add_columns(small_cells, tmp_path, reads):
    small_cells.write_h5ad(tmp_path / "in.h5ad")
    source = open_cells(tmp_path / "in.h5ad")
    reads.clear()
    write_annotated(source, COLUMNS, tmp_path / "out.h5ad")
    assert not reads.of("/X") and not reads.of("/layers")


def test_obs_without_columns_gets_its_first(small_cells, tmp_path):
    small_cells.obs = small_cells.obs[[]]
    small_cells.write_h5ad(tmp_path / "in.h5ad")
    write_annotated(open_cells(tmp_path / "in.h5ad"), COLUMNS, tmp_path / "out.h5ad")
    pd.testing.assert_frame_equal(ad.read_h5ad(tmp_path / "out.h5ad").obs, COLUMNS)


def test_the_index_of_obs_is_not_overwritten(small_cells, tmp_path):
    small_cells.obs.index.name = "sure"
    small_cells.write_h5ad(tmp_path / "in.h5ad")
    with pytest.raises(InputError, match=r"called 'sure'.*rename the index"):
        write_annotated(open_cells(tmp_path / "in.h5ad"), COLUMNS, tmp_path / "out.h5ad")


def test_other_rows_and_other_files_are_refused(small_cells, tmp_path, cells_npy):
    small_cells.write_h5ad(tmp_path / "in.h5ad")
    with pytest.raises(ValueError, match="rows"):
        write_annotated(open_cells(tmp_path / "in.h5ad"), COLUMNS[::-1], tmp_path / "out.h5ad")
    with pytest.raises(InputError, match=r"--write-h5ad needs an .h5ad"):
        write_annotated(open_cells(cells_npy), COLUMNS[:90], tmp_path / "out.h5ad")
    assert not (tmp_path / "out.h5ad").exists()


@pytest.mark.parametrize(
    "damage",
    [
        list_as_attribute("obs", "column-order"),
        lambda file: file["obs"].attrs.__delitem__("column-order"),
        lambda file: file["obs"].attrs.create("encoding-version", [1.5, 2]),
    ],
)
def test_a_damaged_obs_is_a_sentence(tmp_path, damage):
    path = write_good(tmp_path / "in.h5ad")
    with h5py.File(path, "r+") as file:
        damage(file)
    source = open_cells(path)
    columns = COLUMNS[: source.n_cells].set_axis(source.cell_names)
    with pytest.raises(InputError, match=r"in.h5ad cannot be copied with new columns .*complete"):
        write_annotated(source, columns, tmp_path / "out.h5ad")


@pytest.fixture
def read_old():
    """Give a reader of files whose age anndata warns about."""

    def read(path) -> ad.AnnData:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ad.read_h5ad(path)

    return read


def test_a_file_from_before_anndata_0_7_keeps_its_columns(tmp_path, monkeypatch, read_old):
    """The embedded sample is one: obs is a compound of codes, their names are in uns."""
    monkeypatch.chdir(tmp_path)
    path, target = tmp_path / "old.h5ad", tmp_path / "out.h5ad"
    shutil.copyfile(sample_path(), path)
    old = read_old(path)
    source = open_cells(path)
    assert list(source.cell_names) == list(old.obs_names)
    pd.testing.assert_index_equal(source.var.index, old.var_names, check_names=False)
    new = pd.Series(np.arange(700, dtype=np.float32), old.obs_names, name="confidence")
    write_annotated(source, new.to_frame(), target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the rest of the file, which is old still
        written = ad.read_h5ad(target)
    pd.testing.assert_frame_equal(written.obs, old.obs.assign(confidence=new))
    pd.testing.assert_frame_equal(written.var, old.var)
    np.testing.assert_array_equal(written.X, old.X)
    assert (written.raw.X != old.raw.X).nnz == 0 and written.uns.keys() == old.uns.keys()


def test_a_file_from_before_anndata_0_8_keeps_its_columns(small_cells, tmp_path):
    """Its obs is a group whose categories are apart, in __categories."""
    path, target = tmp_path / "old.h5ad", tmp_path / "out.h5ad"
    small_cells.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        categories_apart(file)
    write_annotated(open_cells(path), COLUMNS, target)
    expected = pd.concat([small_cells.obs, COLUMNS], axis=1)
    pd.testing.assert_frame_equal(ad.read_h5ad(target).obs, expected)
