"""Folders of samples: what counts as one, what they are called, and how their cells are joined."""

from __future__ import annotations

import gzip
import shutil

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp
from conftest import make_cells
from every_format import ALL, as_10x_v3, as_csv, as_h5ad, as_matrix_folder

from cellclassifier.data.open import open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError


def parts(n: int = 2) -> list[ad.AnnData]:
    """Cells of the same names and genes, the latter in another order each time."""
    return [make_cells(40, seed=i)[:, :: -1 if i % 2 else 1].copy() for i in range(n)]


def written(path, cells, write):
    path.mkdir(parents=True)
    return write(cells, path)


@pytest.mark.parametrize("write", ALL.values(), ids=ALL)
def test_samples_are_joined_as_anndata_does_it(tmp_path, write):
    cells = dict(zip(["first", "second"], parts(), strict=True))
    for name, sample in cells.items():
        written(tmp_path / "in" / name, sample, write)
    source = open_cells(tmp_path / "in")
    theirs = ad.concat(cells, label="sample", index_unique="-", merge="same")
    theirs = theirs[:, source.var.index]
    assert list(source.cell_names) == list(theirs.obs_names)
    assert source.read_column("sample", "").tolist() == theirs.obs["sample"].tolist()
    for size in (7, 100):
        chunks = sp.vstack(list(source.chunks(size))).toarray()
        np.testing.assert_array_equal(chunks, theirs.X.toarray())
    np.testing.assert_array_equal(source.whole().toarray(), theirs.X.toarray())


def test_the_sample_can_be_the_group(tmp_path):
    for name, cells in zip("ab", parts(), strict=True):
        as_csv(cells, tmp_path, f"{name}.csv")
    cells = read_cells(CellsOptions(tmp_path, group_key="sample"))
    assert cells.obs["group"].tolist() == ["a"] * 40 + ["b"] * 40
    assert cells.obs["cell_type"].nunique() == 3
    assert cells.uns["source"]["shape"] == [80, 60] and len(cells.uns["source"]["sha256"]) == 64


def test_genes_are_those_that_all_samples_have(tmp_path):
    first, second = make_cells(20), make_cells(20, seed=1)[:, 5:50]
    as_csv(first, tmp_path, "a.csv")
    as_csv(second.copy(), tmp_path, "b.csv")
    assert list(open_cells(tmp_path).var.index) == list(second.var_names)
    third = make_cells(9)
    third.var_names = [f"other{i}" for i in range(third.n_vars)]
    as_csv(third, tmp_path, "c.csv")
    with pytest.raises(InputError, match=r"\(a, b, c\) have no gene in common"):
        open_cells(tmp_path)


def test_what_cell_ranger_wrote_is_read_without_the_unfiltered(tmp_path):
    filtered, raw = parts()
    for sample in ("s1", "s2"):
        outs = tmp_path / "runs" / sample / "outs"
        folder = as_matrix_folder(filtered, outs)
        folder.rename(outs / "filtered_feature_bc_matrix")
        as_matrix_folder(raw, outs).rename(outs / "raw_feature_bc_matrix")
    assert open_cells(tmp_path / "runs").n_cells == 80
    one = open_cells(tmp_path / "runs/s1")
    assert one.n_cells == 40 and one.path.name == "filtered_feature_bc_matrix"
    shutil.move(as_10x_v3(filtered, outs), outs / "filtered_feature_bc_matrix.h5")
    assert open_cells(outs).path.name == "filtered_feature_bc_matrix.h5"


def test_matrix_files_of_geo_have_their_samples_in_front(tmp_path):
    for prefix, cells in zip(("GSM1_", "GSM2_"), parts(), strict=True):
        folder = as_matrix_folder(cells, tmp_path, prefix=prefix)
    source = open_cells(folder)
    assert set(source.read_column("sample", "")) == {"GSM1", "GSM2"}
    assert open_cells(folder / "GSM1_matrix.mtx.gz").n_cells == 40


def test_folders_that_hold_no_cells(tmp_path):
    with pytest.raises(InputError, match="is a folder without cells: expected matrix"):
        open_cells(tmp_path)
    (tmp_path / "readme.txt").write_text("nothing")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    with pytest.raises(InputError, match="is a folder without cells"):
        open_cells(tmp_path)
    as_csv(make_cells(5), tmp_path / "deep", "a.csv")
    as_csv(make_cells(5), tmp_path / "deep", "b.csv")
    with pytest.raises(InputError, match=r"deep holds 2 files of cells \(a.csv, b.csv"):
        open_cells(tmp_path)


def test_columns_of_one_gene_are_summed(tmp_path):
    cells = make_cells(5)
    path = as_csv(cells, tmp_path, "a.csv")
    path.write_text(path.read_text().replace("gene_1,", "gene_0,", 1))
    as_csv(cells, tmp_path, "b.csv")
    source = open_cells(tmp_path)
    assert list(source.var.index) == [f"gene_{i}" for i in range(60) if i != 1]
    counts = cells.X.toarray()
    np.testing.assert_array_equal(source.whole()[:5, 0].toarray().ravel(), counts[:, :2].sum(1))
    np.testing.assert_array_equal(source.whole()[5:, 0].toarray().ravel(), counts[:, 0])


def test_layers_of_all_samples_can_be_asked_for(tmp_path):
    for name, cells in zip("ab", parts(), strict=True):
        cells.layers["twice"] = cells.X * 2
        (tmp_path / name).mkdir()
        as_h5ad(cells, tmp_path / name)
    twice = sp.vstack(list(open_cells(tmp_path, "twice").chunks(9)))
    assert twice.sum() == 2 * sum(cells.X.sum() for cells in parts())


def test_a_table_of_labels_beside_the_samples(tmp_path):
    for name, cells in zip("ab", parts(), strict=True):
        (tmp_path / "in" / name).mkdir(parents=True)
        as_10x_v3(cells, tmp_path / "in" / name)
    joined = ad.concat(dict(zip("ab", parts(), strict=True)), index_unique="-")
    table = joined.obs[["cell_type"]].iloc[:70].rename_axis("cell")
    with gzip.open(tmp_path / "labels.csv.gz", "wt") as file:
        table.to_csv(file)
    options = CellsOptions(tmp_path / "in", labels=tmp_path / "labels.csv.gz", group_key="sample")
    cells = read_cells(options)
    assert list(cells.obs_names) == list(table.index)
    assert cells.obs["cell_type"].tolist() == table["cell_type"].tolist()
    assert cells.obs["group"].tolist() == ["a"] * 40 + ["b"] * 30
