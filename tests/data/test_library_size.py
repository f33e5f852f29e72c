"""A cell's total is the sum over the genes that training totals were sums of."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp
from conftest import make_cells

from cellclassifier.annotation.model import find_genes, load_model
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.library_size import LIBRARY_SIZE_FILE, CountedGenes
from cellclassifier.data.match_genes import match_genes
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.baselines.classifier import make_baseline

N_MARKERS = 30  # genes that differ between the three types of make_cells


def cells_of(n_others: int, seed: int) -> ad.AnnData:
    """Cells of 60 genes and others, alike in all types, that hold most of the counts."""
    cells = make_cells(150, 60, seed)
    rng = np.random.default_rng(seed + 100)
    others = sp.csr_matrix(rng.poisson(0.5, (150, n_others)).astype(np.float32))
    more = ad.AnnData(sp.hstack([cells.X, others], format="csr"), obs=cells.obs)
    more.var_names = [f"gene_{i}" for i in range(60 + n_others)]
    return more


def trained(cells: ad.AnnData) -> GeneClassifier:
    return make_baseline("logistic_regression", n_genes=N_MARKERS, seed=0).fit(
        cells, cells.obs["cell_type"]
    )


def test_shares_are_those_of_the_mean_training_cell():
    cells = cells_of(40, 0)
    dense = cells.X.toarray().astype(float)
    expected = (dense / dense.sum(axis=1, keepdims=True)).mean(axis=0)
    counted = CountedGenes.of(cells)
    np.testing.assert_allclose(counted.shares, expected, atol=1e-9)
    assert counted.shares.sum() == pytest.approx(1, abs=1e-6)


def test_genes_that_training_had_not_change_nothing():
    """A model of 60 genes and cells of 2,060: to the last digit what it says of the 60."""
    new = cells_of(2000, 1)
    of_60 = new[:, :60].copy()
    model = trained(cells_of(2000, 0)[:, :60].copy())
    np.testing.assert_array_equal(model.predict_proba(new), model.predict_proba(of_60))
    shuffled = new[:, np.random.default_rng(0).permutation(new.n_vars)].copy()
    np.testing.assert_array_equal(model.predict_proba(shuffled), model.predict_proba(of_60))


def test_missing_genes_are_taken_to_be_in_proportion():
    """A model of 2,060 genes and cells of 60 or of 2,060: nearly the same answers."""
    new, model = cells_of(2000, 1), trained(cells_of(2000, 0))
    few = new[:, np.union1d(np.arange(60), new.var_names.get_indexer(model.genes_))].copy()
    whole, part = model.align(new), model.align(few)
    assert (whole.counts != part.counts).nnz == 0
    np.testing.assert_allclose(part.totals.mean(), whole.totals.mean(), rtol=0.05)  # 3 SE
    same = model.predict(few) == model.predict(new)
    assert same.mean() > 0.97
    np.testing.assert_allclose(model.predict_proba(few), model.predict_proba(new), atol=0.15)


def test_totals_of_the_training_genes_are_exact():
    cells = cells_of(200, 0)
    model = trained(cells)
    expected = np.asarray(cells.X.sum(axis=1, dtype=np.float64)).ravel()
    np.testing.assert_array_equal(model.align(cells).totals, expected)
    renamed = cells[:, ::-1].copy()
    renamed.var_names = [f"{name.upper()}" for name in renamed.var_names]
    np.testing.assert_array_equal(model.align(renamed).totals, expected)


def test_a_saved_model_knows_its_genes(tmp_path, said):
    new, model = cells_of(200, 1), trained(cells_of(200, 0))
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    few = new[:, :100].copy()
    np.testing.assert_array_equal(loaded.align(few).totals, model.align(few).totals)
    match, _ = find_genes(loaded, few.var, 0)
    assert match.counted_share == pytest.approx(model.counted_.shares[:100].sum(), rel=1e-6)
    assert any("Library sizes are estimates" in line for line in said())


def test_a_model_without_them_counts_all_genes(tmp_path):
    """As those that were saved before."""
    new, model = cells_of(200, 1), trained(cells_of(200, 0)[:, :60].copy())
    model.counted_ = None
    model.save(tmp_path / "model")
    assert not (tmp_path / "model" / LIBRARY_SIZE_FILE).exists()
    totals = load_model(tmp_path / "model").align(new).totals
    np.testing.assert_array_equal(totals, np.asarray(new.X.sum(axis=1)).ravel())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"genes": ["a"]}',
        '{"genes": ["a"], "shares": [2.0]}',
        '{"genes": ["a"], "shares": [NaN]}',
        '{"genes": ["a", "a"], "shares": [0.5, 0.5]}',
        '{"genes": [1], "shares": [0.5]}',
        '{"genes": "ab", "shares": [0.5]}',
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / LIBRARY_SIZE_FILE
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=LIBRARY_SIZE_FILE):
        CountedGenes.load(path)


def test_a_damaged_model_ends_in_a_sentence(tmp_path):
    from cellclassifier import model_folder

    folder = tmp_path / "model"
    trained(cells_of(10, 0)).save(folder)
    (folder / LIBRARY_SIZE_FILE).write_text('{"genes": ["a"]}', encoding="utf-8")
    model_folder.seal(folder, json.loads((folder / "model.json").read_text()))
    with pytest.raises(InputError, match="is damaged"):
        load_model(folder)


def test_a_file_without_any_of_them_keeps_its_totals():
    cells = make_cells(30)
    counted = CountedGenes(np.array(["x", "y"]), np.array([0.5, 0.5]))
    genes = cells.var_names.to_numpy(str)
    match = counted.limit(match_genes(genes, genes, cells.var), cells.var)
    assert match.counted is None and match.counted_share == 1


def test_sorted_cells_with_all_genes_and_with_2000(shared):
    """Two ways round: trained on 2,000 genes and shown all of them, and the other way."""
    cells = read_cells(shared / "data/cells.npy")
    train, new = cells[::4].copy(), cells[1::8].copy()
    wide = trained(train)
    others = np.setdiff1d(np.arange(cells.n_vars), cells.var_names.get_indexer(wide.genes_))
    chosen = np.random.default_rng(0).choice(others, 2000 - len(wide.genes_), replace=False)
    few = np.union1d(cells.var_names.get_indexer(wide.genes_), chosen)
    narrow = trained(train[:, few].copy())
    of_few = new[:, few].copy()
    np.testing.assert_array_equal(narrow.predict_proba(new), narrow.predict_proba(of_few))
    assert (wide.predict(of_few) == wide.predict(new)).mean() > 0.95
    without = GeneCounts.of(of_few, wide.genes_)  # totals of 2,000 genes: what it was before
    assert (wide.predict(without) == wide.predict(new)).mean() < 0.95
