"""Genes are found by name, whatever their order and spelling; what missing ones count as."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp
from contract.registry import GENES, SYSTEMS, new_inputs, trained

from cellclassifier.data.gene_counts import GeneCounts


@pytest.fixture(params=GENES)
def model(request):
    return trained(request.param)


@pytest.fixture
def cells(model):
    return new_inputs(GENES[0])


def same(model, cells, expected) -> None:
    np.testing.assert_array_equal(model.predict_proba(cells), model.predict_proba(expected))


def test_any_order(model, cells):
    order = np.random.default_rng(0).permutation(cells.n_vars)
    same(model, cells[:, order].copy(), cells)


def renamed(cells, names) -> ad.AnnData:
    other = ad.AnnData(cells.X.copy(), obs=cells.obs.copy())
    other.var_names = list(names)
    return other


def test_any_spelling(model, cells):
    """Versions of ids, symbols in place of ids, symbols in lower case, ids in a column."""
    symbols = cells.var["gene_symbol"]
    same(model, renamed(cells, [f"{name}.{i}" for i, name in enumerate(cells.var_names)]), cells)
    same(model, renamed(cells, symbols), cells)
    same(model, renamed(cells, [name.lower() for name in symbols]), cells)
    in_a_column = renamed(cells, [f"row {i}" for i in range(cells.n_vars)])
    in_a_column.var["gene_ids"] = cells.var_names.to_numpy()
    same(model, in_a_column, cells)


@pytest.mark.parametrize("name", GENES)
def test_missing_genes_count_as_zeros_or_are_known_to_be_missing(name):
    """A file without some genes predicts as one in which they were never counted, or otherwise.

    What they would have added to the library size is estimated from the training cells.
    """
    model, cells = trained(name), new_inputs(GENES[0])
    without = cells[:, 15:].copy()
    n = cells.n_obs
    zeros = sp.hstack([sp.csr_matrix((n, 15), dtype=np.float32), without.X]).tocsr()
    never_counted = ad.AnnData(zeros, obs=cells.obs, var=cells.var)
    if SYSTEMS[name].missing_is_zero:
        shares = model.counted_.shares
        aligned = model.align(never_counted)
        estimated = aligned.totals / (shares[15:].sum() / shares.sum())
        same(model, without, replace(aligned, totals=estimated))
    else:
        assert not np.allclose(model.predict_proba(without), model.predict_proba(never_counted))
    assert (model.predict_proba(without) != model.predict_proba(cells)).any() or (
        model.method == "majority"
    )


def test_genes_that_training_did_not_have_count_nowhere(model, cells):
    names = [f"NEW{i}" for i in range(7)]

    def with_more(counts):
        more = ad.AnnData(sp.hstack([cells.X, counts]).tocsr(), obs=cells.obs)
        more.var_names = [*cells.var_names, *names]
        return more

    same(model, with_more(sp.csr_matrix((cells.n_obs, 7), dtype=np.float32)), cells)
    same(model, with_more(sp.csr_matrix(np.full((cells.n_obs, 7), 9, dtype=np.float32))), cells)


def test_aligned_counts_are_taken_as_they_are(model, cells):
    aligned = model.align(cells)
    assert isinstance(aligned, GeneCounts) and model.align(aligned) is aligned
    assert aligned.counts.shape == (50, len(model.genes_)) and aligned.present.all()
    np.testing.assert_array_equal(aligned.totals, np.asarray(cells.X.sum(axis=1)).ravel())
    expected = cells[:, model.genes_].X.toarray()
    np.testing.assert_array_equal(aligned.counts.toarray(), expected)
    same(model, aligned, cells)
    same(model, aligned[10:20], cells[10:20].copy())


@pytest.mark.parametrize("form", ["csc", "dense", "int32", "float64"])
def test_other_layouts_hold_the_same_counts(model, cells, form):
    forms = {"csc": cells.X.tocsc, "dense": cells.X.toarray}
    other = cells.copy()
    other.X = forms[form]() if form in forms else cells.X.astype(form)
    same(model, other, cells)
