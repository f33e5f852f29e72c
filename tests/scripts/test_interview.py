from __future__ import annotations

import subprocess
import sys

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import ROOT, make_cells

import interview
from cellclassifier.data.options import CellsOptions
from cellclassifier.errors import InputError
from cellclassifier.interview import embedding
from cellclassifier.interview import inspect as inspecting
from cellclassifier.interview.numbers import numbers_of_file
from cellclassifier.interview.summary import data_summary
from cellclassifier.plots import interview as interview_plots
from cellclassifier.protocol.neighbours import neighbour_agreement


def write_npy(path, counts, labels, genes):
    content = {"UMI": counts, "classes": np.asarray(labels), "gene_ids": np.asarray(genes)}
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


def write_cells(path, cells, counts=None):
    counts = cells.X if counts is None else counts
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    return write_npy(path, sp.csc_matrix(counts), labels, cells.var_names.to_numpy(str))


def inspect(path, **options):
    return inspecting.inspect_cells(CellsOptions(cells=path, **options))


def run(path, folder, **options):
    return interview.main(interview.Config(cells=path, output=folder, jobs=1, **options))


def values_of(table: pd.DataFrame) -> dict:
    return dict(table.itertuples(index=False, name=None))


def test_table_and_outputs(tmp_path, small_cells, said):
    path = write_cells(tmp_path / "cells.npy", small_cells)
    table = run(path, tmp_path / "out")
    values = values_of(table)
    assert values["cells"] == "120" and values["types"] == "3"
    zeros = 1 - np.count_nonzero(small_cells.X.toarray()) / small_cells.X.toarray().size
    assert values["zeros"] == f"{zeros:.1%} of all entries"
    median = np.median(small_cells.X.toarray().sum(axis=1))
    assert values["counts per cell"].startswith(f"{median:,.0f} (median)")
    assert not any(quantity.startswith("suspicious") for quantity in values)
    assert values["labels"].count(".") == 1  # one sentence
    written = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert written == {
        "data_summary.csv",
        "cells_in_plane.csv",
        "data_remarks.csv",
        "cells_per_type.csv",
        "cell_type_terms.csv",
        "run_interview.json",
        "cells_per_type.png",
        "counts_and_genes.png",
        "pca.png",
        "type_similarity.png",
    }
    types = pd.read_csv(tmp_path / "out/results/cells_per_type.csv")
    assert types["n_cells"].tolist() == [40, 40, 40]
    assert types["cell_share"].sum() == pytest.approx(1, abs=1e-5)
    assert "labels" in "\n".join(said())


def test_the_numbers_can_be_computed_with(tmp_path, small_cells):
    """Every value of data_summary.csv is a number, and the one that the matrix gives."""
    run(write_cells(tmp_path / "cells.npy", small_cells), tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/results/data_summary.csv")
    values, dense = table.set_index(["quantity", "statistic"])["value"], small_cells.X.toarray()
    assert values.dtype == float and values.index.is_unique
    assert values["cells", "number"] == 120 and values["types", "number"] == 3
    assert values["entries", "zero_share"] == pytest.approx((dense == 0).mean(), abs=1e-6)
    assert values["entries", "largest"] == dense.max()
    low = np.quantile(dense.sum(axis=1), 0.05)
    assert values["counts_per_cell", "quantile_05"] == pytest.approx(low)
    assert values["labels_recovered_by_largest_type", "share"] == pytest.approx(1 / 3, abs=1e-6)
    assert np.isnan(values["mitochondrial_share", "median"])  # no gene is named MT-...
    remarks = pd.read_csv(tmp_path / "out/results/data_remarks.csv")
    assert remarks["topic"].tolist() == [
        "file",
        "gene_ids",
        "doublets",
        "empty_droplets",
        "labels",
    ]


@pytest.mark.slow
def test_same_bytes_twice(tmp_path, small_cells):
    path = write_cells(tmp_path / "cells.npy", small_cells)
    for name in ("one", "two"):
        run(path, tmp_path / name)
    for name in ("data_summary", "data_remarks", "cells_per_type"):
        one, two = (tmp_path / f / f"results/{name}.csv" for f in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_umap_is_drawn_on_request(tmp_path, small_cells, monkeypatch):
    def layout(cells, random_state):
        cells.obsm["X_umap"] = cells.obsm["X_pca"][:, :2]

    monkeypatch.setattr("scanpy.tl.umap", layout)  # the real one compiles for half a minute
    monkeypatch.setattr("scanpy.pp.neighbors", lambda *arguments, **options: None)
    run(write_cells(tmp_path / "cells.npy", small_cells), tmp_path / "out", umap=True)
    assert (tmp_path / "out/plots/umap.png").exists()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda x: np.log1p((x + 0.3 * (x > 1)) * 1e2), "look log-normalised"),
        (lambda x: x / x.sum(axis=1, keepdims=True) * 1e4, "look normalised to 10,000 counts"),
        (lambda x: x - x.mean(axis=0), "scaled data cannot be used"),
        (lambda x: np.where(x > 2, np.nan, x), "hold NaN"),
    ],
)
def test_what_is_no_counts_is_shown_and_named(tmp_path, small_cells, spoil, sentence):
    path = write_cells(tmp_path / "cells.npy", small_cells, spoil(small_cells.X.toarray()))
    values = values_of(run(path, tmp_path / "out"))
    assert sentence in values["suspicious 1"]
    assert values["labels"] == "not examined: the values are no raw counts"
    assert {p.name for p in (tmp_path / "out/plots").iterdir()} == {
        "cells_per_type.png",
        "counts_and_genes.png",
    }


def test_empty_and_duplicate_cells_and_names(tmp_path, small_cells):
    counts = small_cells.X.toarray()
    counts[[0, 1]] = 0
    counts[5] = counts[4]
    labels = small_cells.obs["cell_type"].to_numpy().astype(str)
    genes = small_cells.var_names.to_numpy(str).copy()
    genes[1] = genes[0]
    path = write_npy(tmp_path / "cells.npy", sp.csr_matrix(counts), labels, genes)
    found = inspect(path)
    assert len(found.suspicious) == 3
    assert found.suspicious[0].startswith("duplicate gene ids: 1 occur")
    assert found.suspicious[1].startswith("2 cells have no counts")
    assert found.suspicious[2].startswith("1 cells have exactly the counts")
    assert found.cells.n_obs == 120 and found.cells.var_names.is_unique
    assert inspect(path, drop_empty_cells=True).cells.n_obs == 118
    assert "labels" in values_of(run(path, tmp_path / "out"))


def test_names_become_unique_whatever_they_end_in(tmp_path, small_cells):
    genes = ["a", "a", "a-1", "a", *small_cells.var_names[4:]]
    labels = small_cells.obs["cell_type"].to_numpy().astype(str)
    found = inspect(write_npy(tmp_path / "cells.npy", small_cells.X, labels, genes))
    assert found.cells.var_names.is_unique and list(found.cells.var_names[[0, 2]]) == ["a", "a-1"]


def test_half_precision_is_shown(tmp_path, small_cells):
    values = np.log1p(small_cells.X.toarray()).astype(np.float16)
    labels = small_cells.obs["cell_type"].to_numpy().astype(str)
    found = inspect(write_npy(tmp_path / "cells.npy", values, labels, list(small_cells.var_names)))
    assert not found.has_counts and "log-normalised" in found.suspicious[0]
    np.testing.assert_array_equal(found.cells.X.toarray(), values.astype(np.float32))


def test_odd_counts_are_named(small_cells):
    flat = small_cells.copy()
    flat.X = sp.csr_matrix((flat.X.toarray() > 0).astype(np.float32))
    assert any("presence and absence" in text for text in inspecting._odd(flat, True))
    same = small_cells.copy()
    same.X = sp.csr_matrix(np.eye(120, 60, dtype=np.float32) + np.eye(120, 60, -60))
    assert any("every cell has 1 counts" in text for text in inspecting._odd(same, True))


def test_labels_that_are_missing_small_or_alike(tmp_path):
    cells = make_cells(60)
    labels = cells.obs["cell_type"].astype(object).to_numpy()
    labels[:4] = None
    labels[4:7] = "nk "
    cells.obs["cell_type"] = pd.Series(labels, index=cells.obs_names, dtype=object)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    found = inspect(tmp_path / "cells.h5ad")
    assert found.suspicious[0].startswith("4 of 60 cells have labels that are no types: (no")
    assert "(no label) (4)" in found.suspicious[1] and "nk  (3)" in found.suspicious[1]
    assert "differ in case or blanks only: 'nk'" in found.suspicious[2]
    assert (found.cells.obs["cell_type"] == "(no label)").sum() == 4


EDGES = {
    "2 + 30 cells": (np.eye(32, 9) + 1, ["A"] * 2 + ["B"] * 30, "fewer than 2 types have 10 cells"),
    "one gene": (np.arange(1, 41)[:, None], ["A", "B"] * 20, "fewer than 3 genes differ"),
    "two genes": (np.arange(1, 81).reshape(40, 2), ["A", "B"] * 20, "fewer than 3 genes differ"),
    "constant counts": (np.full((40, 30), 3), ["A", "B"] * 20, "fewer than 3 genes differ"),
    "one gene of ten": (np.eye(40, 10) * 0 + np.eye(1, 10), ["A", "B"] * 20, "fewer than 3 genes"),
    "two cells": (np.eye(2, 9) + 1, ["A", "B"], "2 cells have counts, at least 30 are needed"),
    "one cell": (np.eye(1, 9), ["A"], "fewer than 2 types have counts"),
    "one cell with counts": (np.eye(40, 9, -39), ["A", "B"] * 20, "fewer than 2 types have counts"),
}


@pytest.mark.parametrize(("counts", "labels", "words"), EDGES.values(), ids=EDGES)
def test_too_little_to_compare_is_said_and_the_rest_is_shown(tmp_path, counts, labels, words):
    genes = [f"g{i}" for i in range(counts.shape[1])]
    path = write_npy(tmp_path / "cells.npy", sp.csr_matrix(counts.astype(int)), labels, genes)
    values = values_of(run(path, tmp_path / "out"))
    assert values["labels"].startswith("not examined: ") and words in values["labels"]
    assert (tmp_path / "out/plots/counts_and_genes.png").exists()


def test_one_type_alone_is_shown(tmp_path, small_cells):
    small_cells.obs["cell_type"] = pd.Categorical(["B"] * 120)
    table = values_of(run(write_cells(tmp_path / "cells.npy", small_cells), tmp_path / "out"))
    assert "expected at least 2 types" in table["suspicious 1"]
    assert (tmp_path / "out/plots/counts_and_genes.png").exists()


def test_mitochondrial_share(small_cells):
    assert inspecting.mitochondrial_share(small_cells) is None
    small_cells.var["gene_symbol"] = ["MT-CO1", "mt-Nd1", *small_cells.var_names[2:]]
    dense = small_cells.X.toarray()
    expected = dense[:, :2].sum(axis=1) / dense.sum(axis=1)
    assert inspecting.mitochondrial_share(small_cells) == pytest.approx(expected)


def test_neighbour_agreement_is_that_of_all_distances():
    rng = np.random.default_rng(0)
    space, labels = rng.normal(size=(80, 3)), rng.choice(list("AB"), 80)
    distance = np.linalg.norm(space[:, None] - space[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, : embedding.N_NEIGHBORS]
    expected = np.mean(labels[nearest] == labels[:, None])
    assert neighbour_agreement(space, labels, 0) == pytest.approx(expected)


def test_a_file_that_does_not_fit_together_is_bad_input(tmp_path, small_cells):
    labels, genes = ["B"] * 120, ["g1", "g2"]
    path = write_npy(tmp_path / "cells.npy", small_cells.X, labels, genes)
    with pytest.raises(InputError, match="shapes disagree"):
        inspect(path)


def test_titles_name_the_finding(small_cells):
    profiles = pd.DataFrame(
        [[1.0, 2, 3, 4], [1, 2, 3, 5], [9, 1, 0, 2]], index=["A", "B", "C"], dtype=float
    )
    figure = interview_plots.similarity(profiles, np.array(["A", "B", "C"]))
    assert figure.get_suptitle().startswith("A and B are most alike")
    table = pd.DataFrame({"cell_type": ["x", "y"], "n_cells": [30, 10]})
    title = interview_plots.cell_numbers(table).get_suptitle()
    assert "x is the largest type (75% of cells)" in title and "3 times as many as y" in title
    plt.close("all")


@pytest.mark.slow
def test_command_line(tmp_path):
    def command(*options):
        return subprocess.run(
            [sys.executable, ROOT / "interview.py", "--output", tmp_path / "out", *options],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )

    missing = command("--cells", "nowhere.npy")
    assert missing.returncode == 2
    assert "nowhere.npy does not exist" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_symbols_of_real_cells(shared):
    found = inspect(shared / "data/cells.npy")
    table = values_of(data_summary(found, numbers_of_file(found)))
    assert table["genes without a symbol"] == "1,818"
    assert table["mitochondrial share"].startswith("2.0%")
    assert found.suspicious == []


def test_anndata_in_is_not_changed(small_cells):
    before = small_cells.copy()
    embedding.embedded(small_cells, seed=0, umap=False)
    assert isinstance(small_cells, ad.AnnData)
    assert (small_cells.X != before.X).nnz == 0
    pd.testing.assert_frame_equal(small_cells.obs, before.obs)


def test_groups_are_compared(tmp_path, said):
    cells = make_cells(120)
    counts = cells.X.toarray()
    donor = np.array(["a", "b"])[np.arange(120) // 3 % 2]
    counts[:, 40:] *= 6  # genes of no type
    counts[donor == "a", 40:50] = counts[donor == "b", 50:] = 0
    cells.X = sp.csr_matrix(counts)
    cells.obs["donor"] = pd.Categorical(donor)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    values = values_of(run(tmp_path / "cells.h5ad", tmp_path / "out", group_key="donor"))
    assert values["groups"] == "2 in donor: a (60), b (60)"
    assert "T/x (9" in values["types that split by group"]
    assert values["batch effect"].startswith("large")
    table = pd.read_csv(tmp_path / "out/results/cells_per_type_and_group.csv")
    assert table["n_cells"].tolist() == [20] * 6
    mixing = pd.read_csv(tmp_path / "out/results/group_mixing.csv")
    assert (mixing["separation"] > 0.8).all()
    steps = [line for line in said() if line.endswith("...")]
    assert [line.split()[0] for line in steps] == [
        "Reading",
        "Counting",
        "Comparing",
        "PCA",
        "Comparing",
        "Asking",
    ]


def test_labels_that_are_none_are_suspicious_and_not_compared(tmp_path, small_cells):
    labels = small_cells.obs["cell_type"].to_numpy(str).astype(object)
    labels[:12] = "unlabelled"
    path = write_npy(tmp_path / "cells.npy", small_cells.X, labels, list(small_cells.var_names))
    found = inspect(path)
    assert found.suspicious == [
        "12 of 120 cells have labels that are no types: unlabelled (12); training leaves them out "
        "(--keep-labels)"
    ]
    assert found.cells.n_obs == 120 and found.comparable().n_obs == 108
    assert numbers_of_file(found)["types", "number"] == 3
    assert inspect(path, keep_labels=("unlabelled",)).comparable().n_obs == 120


def test_a_matrix_of_all_barcodes_is_suspicious(small_cells):
    wide = ad.AnnData(sp.csr_matrix(np.eye(120, 5000, dtype=np.float32)), obs=small_cells.obs)
    wide.var["gene_symbol"] = wide.var_names
    assert any(
        "100% of cells have under 100 counts" in text for text in inspecting._odd(wide, True)
    )


def test_cells_without_a_group_are_suspicious(tmp_path, small_cells):
    small_cells.obs["donor"] = pd.Categorical(["a", None] * 60)
    small_cells.write_h5ad(tmp_path / "cells.h5ad")
    found = inspect(tmp_path / "cells.h5ad", group_key="donor")
    assert found.suspicious[0].startswith("groups are missing for 60 of 120 cells")
    assert found.cells.obs["group"].value_counts()["(no group)"] == 60


def test_labels_are_shown_with_their_terms_and_what_has_none(tmp_path, small_cells):
    names = {"B": "CD19+ B", "NK": "CD56+ NK", "T/x": "cluster 7"}
    small_cells.obs["cell_type"] = small_cells.obs["cell_type"].astype(str).replace(names)
    path = write_cells(tmp_path / "cells.npy", small_cells)
    labels = sorted(small_cells.obs["cell_type"].unique())
    values = values_of(run(path, tmp_path / "out"))
    terms = pd.read_csv(tmp_path / "out/results/cell_type_terms.csv", keep_default_na=False)
    assert sorted(terms["cell_type"]) == labels
    alone = terms.loc[terms["term"] == "", "cell_type"].tolist()
    with_term = terms.set_index("cell_type").loc["CD19+ B"]
    assert with_term["term"] == "CL:0000236" and with_term["common_name"] == "B cell"
    assert "cluster 7" in alone
    assert f"{len(labels) - len(alone)} of {len(labels)} labels" in values["broader names"]
    own = tmp_path / "own.csv"
    own.write_text("label,term\n" + "".join(f"{label},T cell\n" for label in alone))
    values = values_of(run(path, tmp_path / "again", cell_types=own))
    assert values["broader names"] == "3 of 3 labels have a term of the Cell Ontology"
