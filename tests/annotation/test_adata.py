"""``cellclassifier.annotate``: any AnnData as the files of the same cells; X is never touched."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import anndata as ad
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scanpy
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from trained_models import IDS, SYMBOLS, TYPES, known_cells, new_cells, new_model, saved_in, trained

import cellclassifier as cc
from cellclassifier.annotation import command
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError
from cellclassifier.plots.type_colors import colors_of_types
from cellclassifier.protocol.multi_label import MultiLabel

METHOD, SPACE = "logistic_regression", ("X_cellclassifier",)
COLUMNS = [
    "predicted_cell_type",
    "predicted_probability",
    "predicted_known",
    "predicted_broad_type",
    "predicted_broad_probability",
    "predicted_far",
    "predicted_between",
    "predicted_second_type",
    "predicted_confidence",
]
LAYOUTS = {
    "CSR float32": lambda X: X.copy(),
    "CSR int64": lambda X: X.astype(np.int64),
    "CSR uint16": lambda X: X.astype(np.uint16),
    "CSR float64": lambda X: X.astype(np.float64),
    "CSC float32": lambda X: X.tocsc(),
    "CSC int32": lambda X: X.tocsc().astype(np.int32),
    "CSR array": sp.csr_array,
    "CSC array": sp.csc_array,
    "dense float32": lambda X: X.toarray(),
    "dense int64": lambda X: X.toarray().astype(np.int64),
    "dense by columns": lambda X: np.asfortranarray(X.toarray()),
    "stored zeros": lambda X: with_stored_zeros(X),
    "unsorted": lambda X: unsorted(X),
}


@pytest.fixture
def folder(tmp_path_factory):
    return saved_in(tmp_path_factory, METHOD)


def with_stored_zeros(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Every value is stored, whatever it is."""
    n_cells, n_genes = counts.shape
    columns, bounds = np.tile(np.arange(n_genes), n_cells), np.arange(n_cells + 1) * n_genes
    return sp.csr_matrix((counts.toarray().ravel(), columns, bounds), counts.shape)


def unsorted(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Every row backwards."""
    bounds = pairwise(counts.indptr)
    order = np.concatenate([np.arange(start, stop)[::-1] for start, stop in bounds])
    return sp.csr_matrix((counts.data[order], counts.indices[order], counts.indptr), counts.shape)


def arrays_of(matrix) -> list[np.ndarray]:
    if sp.issparse(matrix):
        return [matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy()]
    return [matrix.copy()]


def assert_annotated(adata: ad.AnnData, cells: ad.AnnData, method: str = METHOD) -> None:
    """The annotations are those that the model gives the cells, asked directly."""
    expected, model = annotate_chunk(trained(method), cells), trained(method)
    assert adata.obs["predicted_cell_type"].tolist() == expected.table["predicted"].tolist()
    assert list(adata.obs["predicted_cell_type"].cat.categories) == list(model.classes_)
    np.testing.assert_array_equal(adata.obs["predicted_probability"], expected.table["probability"])
    np.testing.assert_array_equal(adata.obs["predicted_known"], expected.table["known"])
    np.testing.assert_array_equal(
        adata.obsm["cellclassifier_probabilities"], expected.probabilities
    )
    np.testing.assert_allclose(adata.obsm["X_cellclassifier"], expected.space, rtol=1e-6)


@pytest.mark.parametrize("chunk_cells", [7, 10_000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_is_annotated_and_left_as_it_is(layout, chunk_cells):
    cells = new_cells()
    adata = ad.AnnData(LAYOUTS[layout](cells.X), var=cells.var.copy())
    before, names = arrays_of(adata.X), list(adata.obs_names)
    cc.annotate(adata, trained(METHOD), chunk_cells=chunk_cells)
    assert_annotated(adata, cells)
    for found, expected in zip(arrays_of(adata.X), before, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert list(adata.obs_names) == names and list(adata.var_names) == list(cells.var_names)
    assert not adata.layers and list(adata.obs) == COLUMNS


@pytest.mark.parametrize("layout", ["CSR float32", "CSC int32"])
def test_the_matrix_is_never_dense(layout, monkeypatch):
    cells, largest = new_cells(), []
    models = [trained("random_forest"), trained(METHOD)]
    adata = ad.AnnData(LAYOUTS[layout](cells.X), var=cells.var)
    for kind in (sp.csr_matrix, sp.csc_matrix):
        for name in ("toarray", "todense"):
            dense = getattr(kind, name)

            def counting(matrix, *args, dense=dense, **kwargs):
                largest.append(matrix.shape[0])
                return dense(matrix, *args, **kwargs)

            monkeypatch.setattr(kind, name, counting)
    for model in models:
        cc.annotate(adata, model, chunk_cells=9)
    assert largest and max(largest) <= 9


def test_annotated_h5ad_holds_what_a_notebook_has(folder, tmp_path):
    """obs, obsm and uns, whatever the chunks, but for when it was and what the file was called."""
    cells = new_cells()
    cells.write_h5ad(tmp_path / "new.h5ad")
    options = {"cells": (tmp_path / "new.h5ad",), "write_h5ad": True, "jobs": 1, "chunk_cells": 20}
    summary = command.main(command.Config(model=folder, output=tmp_path, **options))["new"]
    found = cc.annotate(cells, folder)
    pd.testing.assert_frame_equal(found, summary)
    written = ad.read_h5ad(tmp_path / "annotations/new/annotated.h5ad")
    pd.testing.assert_frame_equal(cells.obs, written.obs)
    assert set(written.obsm) == set(cells.obsm) == {"cellclassifier_probabilities", *SPACE}
    for name, expected in cells.obsm.items():
        np.testing.assert_array_equal(written.obsm[name], expected)
    assert list(written.obsm["cellclassifier_probabilities"]) == ["B", "NK", "T%2Fx"]
    about, expected = written.uns["cellclassifier"], cells.uns["cellclassifier"]
    of_a_file = {"file", "model_learned_from_it"}  # a notebook has cells, no file
    assert about.keys() - of_a_file == expected.keys()
    for name in expected.keys() - {"date", "types"}:
        assert about[name] == expected[name]


@pytest.mark.filterwarnings("ignore:The set_bad function will be deprecated")  # scanpy's own
@pytest.mark.slow
def test_scanpy_draws_the_annotated_file(folder, tmp_path, monkeypatch):
    """With the UMAP and the colours of umap.png; cells that are not in its sample have no place."""
    monkeypatch.setattr("cellclassifier.annotation.write.MAX_CELLS_SHOWN", 40)
    new_cells().write_h5ad(tmp_path / "new.h5ad")
    options = {"cells": (tmp_path / "new.h5ad",), "write_h5ad": True, "umap": True, "jobs": 1}
    command.main(command.Config(model=folder, output=tmp_path, **options))
    adata = ad.read_h5ad(tmp_path / "annotations/new/annotated.h5ad")
    assert np.isfinite(adata.obsm["X_umap"]).all(axis=1).sum() == 40
    axes = scanpy.pl.umap(adata, color="predicted_cell_type", show=False)
    drawn = {matplotlib.colors.to_hex(color) for color in axes.collections[0].get_facecolors()}
    named = colors_of_types(adata.obs["predicted_cell_type"].unique())
    assert drawn == {color.lower() for color in named.values()}
    for color in ("predicted_broad_type", "predicted_far", "predicted_probability"):
        scanpy.pl.umap(adata, color=color, show=False)
    plt.close("all")


def test_annotations_survive_a_file(folder, tmp_path):
    """Also those of a type with a slash in its name."""
    cells = new_cells()
    cc.annotate(cells, folder)
    cells.write_h5ad(tmp_path / "annotated.h5ad")
    read = ad.read_h5ad(tmp_path / "annotated.h5ad")
    pd.testing.assert_frame_equal(read.obs, cells.obs)
    probabilities = read.obsm["cellclassifier_probabilities"]
    pd.testing.assert_frame_equal(probabilities, cells.obsm["cellclassifier_probabilities"])
    assert list(probabilities) == ["B", "NK", "T%2Fx"]
    np.testing.assert_array_equal(read.obsm["X_cellclassifier"], cells.obsm["X_cellclassifier"])
    about, expected = read.uns["cellclassifier"], cells.uns["cellclassifier"]
    assert about.keys() == expected.keys()
    assert about["types"].tolist() == list(TYPES)
    assert all(about[key] == expected[key] for key in about.keys() - {"types"})
    types = read.obs["predicted_cell_type"].cat.categories  # whose colours scanpy finds
    colors = read.uns["predicted_cell_type_colors"].tolist()
    assert dict(zip(types, colors, strict=True)) == colors_of_types(types)


def test_uns_says_which_model_this_was_and_when(folder):
    cells = new_cells()
    before = datetime.now(UTC) - timedelta(seconds=1)
    cc.annotate(cells, folder)
    about = cells.uns["cellclassifier"]
    assert before <= datetime.fromisoformat(about["date"]) <= datetime.now(UTC)
    assert about["digest"] == json.loads((folder / "model.json").read_text())["digest"]
    assert about["method"] == METHOD and about["types"].tolist() == list(TYPES)
    assert about["version"] == cc.__version__ and about["layer"] == "X"
    assert about["genes_found_share"] == 1.0


def test_a_model_its_folder_and_the_folder_s_name_say_the_same(folder):
    for model in (trained(METHOD), cc.load_model(folder), folder, str(folder)):
        cells = new_cells()
        cc.annotate(cells, model)
        assert_annotated(cells, new_cells())
        of_a_file = model is not trained(METHOD)
        assert bool(cells.uns["cellclassifier"]["digest"]) == of_a_file


def test_a_layer_or_raw_is_annotated_instead_of_x():
    cells = new_cells()
    log = cells.copy()
    log.X = log.X.log1p()
    log.layers["counts"] = cells.X
    cc.annotate(log, trained(METHOD), layer="counts")
    assert_annotated(log, cells)
    assert log.uns["cellclassifier"]["layer"] == "counts"
    cc.annotate(log, trained(METHOD))  # found without a word
    assert_annotated(log, cells)
    assert log.uns["cellclassifier"]["layer"] == "counts"
    del log.layers["counts"]
    cc.annotate(log, trained(METHOD))
    assert_annotated(log, cells)
    assert log.uns["cellclassifier"]["layer"] == "X, log1p inverted"
    log = cells.copy()
    log.raw = cells
    log = log[:, 5:].copy()  # raw keeps all the genes
    cc.annotate(log, trained(METHOD), layer="raw")
    assert_annotated(log, cells)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X: X.log1p() * 1.1, r"look log-normalised .* \(layer= for \.h5ad\)$"),
        (lambda X: X.multiply(1e4 / X.sum(axis=1)).tocsr(), "look normalised to 10,000 counts"),
        (lambda X: X - sp.csr_matrix(np.full(X.shape, 0.5)), "negative values .* scaled data"),
        (lambda X: X * np.nan, "hold NaN"),
        (lambda X: X * 0.37, "fractions"),
    ],
    ids=["log1p", "normalised", "scaled", "missing", "fractions"],
)
def test_what_is_no_count_is_refused_in_a_sentence(change, match):
    """Wherever it is: the last cell is in the last chunk."""
    for cells_first in (0, 40):
        cells = new_cells()
        changed = sp.csr_matrix(change(cells.X[cells_first:].astype(np.float64)))
        adata = ad.AnnData(sp.vstack([cells.X[:cells_first], changed]).tocsr(), var=cells.var)
        with pytest.raises(InputError, match=match) as caught:
            cc.annotate(adata, trained(METHOD), chunk_cells=10)
        assert "--" not in str(caught.value)
        assert list(adata.obs) == [] and not adata.obsm and not adata.uns


def test_a_layer_that_is_missing_is_told():
    cells = new_cells()
    cells.layers["counts"] = cells.X
    with pytest.raises(InputError, match=r"no layer 'raw': it has counts; choose with layer=$"):
        cc.annotate(cells, trained(METHOD), layer="raw")
    empty = ad.AnnData(obs=cells.obs, var=cells.var)
    with pytest.raises(InputError, match="the AnnData has no X: it has no layers"):
        cc.annotate(empty, trained(METHOD))
    with pytest.raises(InputError, match="holds no cells"):
        cc.annotate(cells[:0].copy(), trained(METHOD))


def test_genes_of_another_species_are_refused():
    cells = new_cells()
    cells.var_names = [f"Mouse{i}" for i in range(60)]
    del cells.var["gene_symbol"]
    with pytest.raises(InputError, match=r"0 of the model's 40 found.* with min_genes_found=$"):
        cc.annotate(cells, trained(METHOD))


def test_genes_are_found_by_symbol_in_any_order(caplog):
    cells = new_cells()
    order = np.random.default_rng(0).permutation(60)
    adata = ad.AnnData(cells.X[:, order], var=pd.DataFrame(index=np.array(SYMBOLS)[order]))
    with caplog.at_level(logging.INFO, "cellclassifier"):
        cc.annotate(adata, trained(METHOD))
    assert_annotated(adata, cells)
    few = cells[:, np.isin(IDS, trained(METHOD).genes_[:25])].copy()
    with pytest.raises(InputError):
        cc.annotate(few, trained(METHOD), min_genes_found=0.99)
    cc.annotate(few, trained(METHOD), min_genes_found=0.1)
    assert few.uns["cellclassifier"]["genes_found_share"] < 0.99


def test_a_view_becomes_a_copy_of_its_own():
    cells = known_cells()
    view = cells[cells.obs["cell_type"] == "B"]
    cc.annotate(view, trained(METHOD))
    assert not view.is_view and view.n_obs == 80
    assert_annotated(view, cells[cells.obs["cell_type"] == "B"].copy())
    assert list(cells.obs) == ["cell_type"] and not cells.obsm and not cells.uns


@pytest.mark.parametrize("layout", ["CSR float32", "CSC float32", "dense float32"])
def test_a_backed_file_is_read_and_not_changed(layout, tmp_path):
    cells = new_cells()
    path = tmp_path / "backed.h5ad"
    ad.AnnData(LAYOUTS[layout](cells.X), cells.obs, cells.var).write_h5ad(path)
    before = sha256(path)
    adata = ad.read_h5ad(path, backed="r")
    cc.annotate(adata, trained(METHOD), chunk_cells=8)
    assert adata.isbacked
    assert_annotated(adata, cells)
    with pytest.raises(InputError, match=r"view of a backed AnnData .* view\.to_memory\(\)"):
        cc.annotate(adata[:10], trained(METHOD))
    adata.file.close()
    assert sha256(path) == before


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_odd_names_of_cells_are_no_matter(tmp_path):
    """Twice the same, empty, a number, another script: rows go by their place."""
    cells = new_cells()
    adata = ad.AnnData(cells.X, var=cells.var)
    adata.obs_names = ["same"] * 20 + [""] + ["7"] * 9 + ["Zelle/ä 細胞"] * 20
    cc.annotate(adata, trained(METHOD))
    assert_annotated(adata, cells)
    adata.write_h5ad(tmp_path / "odd.h5ad")
    assert_annotated(ad.read_h5ad(tmp_path / "odd.h5ad"), cells)


def test_annotating_again_replaces_what_was_there(folder):
    cells = new_cells()
    cells.obs["donor"] = "d1"
    cells.obsm["X_pca"] = np.zeros((50, 2))
    cc.annotate(cells, trained("gbdt"))
    cc.annotate(cells, folder)
    assert_annotated(cells, new_cells())
    assert list(cells.obs) == ["donor", *COLUMNS]
    assert cells.uns["cellclassifier"]["method"] == METHOD
    unsure = new_model(METHOD).fit(known_cells(), known_cells().obs["cell_type"])
    cc.annotate(cells, unsure)  # without validation cells: no space, and nothing is between
    assert set(cells.obsm) == {"X_pca", "cellclassifier_probabilities"}
    assert not cells.obs["predicted_between"].any()


def test_cells_without_counts_are_not_known():
    cells = new_cells()
    dense = cells.X.toarray()
    dense[[3, 11]] = 0
    adata = ad.AnnData(dense, var=cells.var)
    cc.annotate(adata, trained(METHOD))
    assert not adata.obs["predicted_known"].iloc[[3, 11]].any()
    assert np.isfinite(adata.obsm["cellclassifier_probabilities"]).all(axis=None)


def test_another_kind_of_model_is_refused(tmp_path):
    cells = new_cells()
    with pytest.raises(InputError, match="the model is a dict: expected a model of gene counts"):
        cc.annotate(cells, {})
    with pytest.raises(NotFittedError):
        cc.annotate(cells, new_model(METHOD))
    several = new_model(METHOD).fit(known_cells(), known_cells().obs["cell_type"])
    several.targets_ = MultiLabel.without_answers(np.array(TYPES))
    with pytest.raises(InputError, match=f"gives {MultiLabel.kind}: expected one label per cell"):
        cc.annotate(cells, several)
    with pytest.raises(InputError, match=r"holds no model\.json"):
        cc.annotate(cells, tmp_path)
    with pytest.raises(TypeError, match="expected an AnnData, found ndarray"):
        cc.annotate(cells.X.toarray(), trained(METHOD))


@pytest.mark.parametrize("option", ["chunk_cells", "jobs"])
def test_numbers_are_checked(option):
    with pytest.raises(InputError, match=f"^{option}=0: expected at least 1$"):
        cc.annotate(new_cells(), trained(METHOD), **{option: 0})
