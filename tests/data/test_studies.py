"""Several files as one: genes by any name, the study of each cell, labels at a common level."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tyro
from conftest import make_cells

from cellclassifier.data.digests import sha256
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview.inspect import inspect_cells
from cellclassifier.models.baselines.classifier import make_baseline

IDS = ["ENSG00000010610", "ENSG00000153563", "ENSG00000105374", "ENSG00000156738"]
SYMBOLS = ["CD4", "CD8A", "NKG7", "MS4A1"]  # of these ids


def written(path, genes, labels, seed=0):
    """An .h5ad of as many cells as labels and as many genes as names; the cells' names recur."""
    cells = make_cells(len(labels), len(genes), seed)
    cells.var = pd.DataFrame(index=genes)
    cells.X = sp.csr_matrix(cells.X.toarray() + 1)  # no cell of these few genes is empty
    cells.obs["cell_type"] = labels
    cells.write_h5ad(path)
    return path


@pytest.fixture
def studies(tmp_path):
    """Two studies of four genes each, three of them the same: by ids, then by symbols."""
    first = written(tmp_path / "first.h5ad", [*IDS[:3], "ENSG00000081237"], ["B"] * 9 + ["NK"] * 9)
    second = written(
        tmp_path / "second.h5ad", [*SYMBOLS[2::-1], "MS4A1"], ["B cells"] * 5 + ["NK"] * 5, seed=1
    )
    return first, second


def test_counts_are_those_of_the_genes_that_all_have(studies):
    cells = read_cells(studies)
    first, second = map(ad.read_h5ad, studies)
    assert list(cells.var_names) == IDS[:3]
    assert list(cells.var["gene_symbol"]) == SYMBOLS[:3]
    np.testing.assert_array_equal(cells.X[:18].toarray(), first[:, IDS[:3]].X.toarray())
    np.testing.assert_array_equal(cells.X[18:].toarray(), second[:, SYMBOLS[:3]].X.toarray())
    assert len(cells) == 28


def test_every_cell_knows_its_study(studies):
    cells = read_cells(studies, group_key="study")
    assert cells.obs["study"].tolist() == ["first"] * 18 + ["second"] * 10
    assert cells.obs["group"].tolist() == cells.obs["study"].tolist()
    assert cells.obs_names[0] == "cell_0-first" and cells.obs_names[18] == "cell_0-second"
    assert cells.obs_names.is_unique


def test_one_file_stays_as_it_is(studies):
    alone, listed = read_cells(studies[0]), read_cells([studies[0]])
    assert alone.obs.equals(listed.obs) and alone.var.equals(listed.var)
    assert (alone.X != listed.X).nnz == 0
    assert alone.uns["source"] == listed.uns["source"] and "studies" not in alone.uns["source"]
    assert list(alone.obs) == ["cell_type"] and alone.obs_names[0] == "cell_0"


def test_the_record_names_every_file(studies):
    source = read_cells(studies).uns["source"]
    assert source["file"] == "first.h5ad + second.h5ad" and source["shape"] == [28, 3]
    found = {name: study["sha256"] for name, study in source["studies"].items()}
    assert found == {"first": sha256(studies[0]), "second": sha256(studies[1])}
    assert source["studies"]["second"]["shape"] == [10, 4]


def test_labels_meet_at_the_common_level(studies, tmp_path):
    assert set(read_cells(studies).obs["cell_type"]) == {"B", "B cells", "NK"}
    common = read_cells(studies, level="common").obs["cell_type"]
    assert set(common) == {"B cell", "natural killer cell"}
    mine = tmp_path / "mine.csv"
    mine.write_text("label,term\nB,monocyte\n", encoding="utf-8")
    own = read_cells(studies, level="common", cell_types=mine).obs["cell_type"]
    assert set(own) == {"B cell", "natural killer cell", "monocyte"}


def test_labels_that_are_none_have_no_common_level(tmp_path, studies, said):
    path = written(tmp_path / "third.h5ad", SYMBOLS, ["unlabelled"] * 3 + ["my type"] * 4)
    cells = read_cells([*studies, path], level="common")
    assert set(cells.obs["cell_type"]) == {"B cell", "natural killer cell", "my type"}
    assert cells.obs["study"].value_counts()["third"] == 4
    assert any("without a term, as they are: my type" in line for line in said())


@pytest.mark.parametrize("n_files", [1, 2])
def test_genes_of_a_file_that_is_to_be_annotated(studies, tmp_path, n_files):
    target = written(tmp_path / "target.h5ad", ["NKG7", "ENSG00000010610.8", "x"], ["?"] * 4)
    cells = read_cells(studies[:n_files], genes_of=target)
    assert list(cells.var_names) == [IDS[0], IDS[2]]
    whole = read_cells(studies[:n_files])
    np.testing.assert_array_equal(cells.X.toarray(), whole[:, cells.var_names].X.toarray())
    assert list(cells.obs_names) == list(whole.obs_names)


def test_files_that_cannot_be_joined(studies, tmp_path):
    other = written(tmp_path / "other.h5ad", ["a", "b"], ["B", "NK"])
    with pytest.raises(InputError, match="have no gene in common"):
        read_cells([studies[0], other])
    with pytest.raises(InputError, match="has none of the 4 genes"):
        read_cells(studies[0], genes_of=other)
    with pytest.raises(InputError, match="is given twice"):
        read_cells([studies[0], studies[0]])
    with pytest.raises(InputError, match="does not exist"):
        read_cells([studies[0], tmp_path / "missing.h5ad"])


def test_the_interview_sees_all_of_them(studies):
    seen = inspect_cells(CellsOptions(studies, level="common", group_key="study"))
    assert seen.cells.obs["cell_type"].value_counts().to_dict() == {
        "B cell": 14,
        "natural killer cell": 14,
    }
    assert set(seen.cells.obs["group"]) == {"first", "second"}
    assert list(seen.source["studies"]) == ["first", "second"]


def test_the_model_card_names_every_file(studies, tmp_path):
    cells = read_cells(studies, level="common")
    model = make_baseline("logistic_regression", seed=0).fit(cells, cells.obs["cell_type"])
    model.save(tmp_path / "model", data=cells.uns["source"])
    card = (tmp_path / "model/README.md").read_text(encoding="utf-8")
    assert all(sha256(path) in card and path.name in card for path in studies)


@pytest.mark.parametrize(
    ("given", "expected"), [(["a.npy"], ["a.npy"]), (["a.npy", "b.h5ad"], ["a.npy", "b.h5ad"])]
)
def test_one_file_or_several_on_the_command_line(given, expected):
    cells = tyro.cli(CellsOptions, args=["--cells", *given]).cells
    listed = cells if isinstance(cells, tuple) else (cells,)
    assert [path.name for path in listed] == expected
