"""Features against scanpy, scipy and scikit-learn, and what they may learn from."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from conftest import examples, make_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from cellclassifier.data.features import (
    CountFeatures,
    gene_scores,
    log_normalize,
    mean_profiles,
    normalize,
    normalized_dispersion,
    ranks_among,
    similarity_order,
    standard_deviations,
    within_cell_ranks,
)
from cellclassifier.data.gene_counts import GeneCounts, total_counts
from cellclassifier.errors import InputError

SETTINGS = [
    {"selection": selection, "values": values, "scale": scale}
    for selection in ("anova", "dispersion")
    for values, scale in (("log", True), ("log", False), ("rank", False))
]


def names(settings_of):
    return "-".join(map(str, settings_of.values()))


def labels_of(cells) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy().astype(str)


def by_scanpy(cells) -> np.ndarray:
    cells = cells.copy()
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    return cells.X.toarray()


def test_log_normalize_is_scanpys(small_cells):
    before = small_cells.X.copy()
    found = log_normalize(small_cells.X, total_counts(small_cells.X))
    np.testing.assert_allclose(found.toarray(), by_scanpy(small_cells), rtol=1e-5)
    assert found.dtype == np.float32
    assert (before != small_cells.X).nnz == 0  # the counts are still counts


def test_an_empty_cell_stays_zero():
    counts = sp.csr_matrix(np.array([[0, 0], [1, 3]], dtype=np.float32))
    found = normalize(counts, total_counts(counts)).toarray()
    np.testing.assert_allclose(found, [[0, 0], [2500, 7500]])


def correlation_by_ranks(counts, profiles) -> np.ndarray:
    """Dot products of the centred values of cells and profiles, (n_cells, n_profiles)."""
    values, other = (
        within_cell_ranks(sp.csr_matrix(x, dtype=np.float32)).toarray().astype(float)
        for x in (counts, profiles)
    )
    values, other = (x - x.mean(axis=1, keepdims=True) for x in (values, other))
    return values @ other.T / counts.shape[1]


@pytest.mark.parametrize("rate", [0.1, 1.0, 20.0])
def test_ranks_give_spearman_correlations(rate):
    """With many ties and zeros (rate 0.1), and with hardly any zero (rate 20)."""
    rng = np.random.default_rng(0)
    counts, profiles = rng.poisson(rate, (12, 80)), rng.gamma(0.5, rate, (4, 80))
    counts[:, 0] += 1
    expected = [[stats.spearmanr(cell, other)[0] for other in profiles] for cell in counts]
    np.testing.assert_allclose(correlation_by_ranks(counts, profiles), expected, atol=1e-5)


@settings(max_examples=examples(60), deadline=None)
@given(arrays(np.float32, (3, 7), elements=st.sampled_from([0, 0, 0, 1, 2, 3, 50])))
def test_ranks_of_any_counts(counts):
    """Differences of values within a cell are those of scipy's average ranks, scaled."""
    found = within_cell_ranks(sp.csr_matrix(counts)).toarray()
    for values, cell in zip(found, counts, strict=True):
        ranks = stats.rankdata(cell)
        # Where all genes tie there is nothing to tell.
        expected = (ranks - ranks.mean()) / (ranks.std() or 1)
        np.testing.assert_allclose(values - values.mean(), expected, atol=1e-4)
        assert (values[cell == 0] == 0).all()


@pytest.mark.parametrize("n_genes", [1, 2, 1000])
def test_a_cell_whose_genes_all_tie_has_no_ranks(n_genes):
    assert (within_cell_ranks(sp.csr_matrix(np.full((2, n_genes), 3.0))).data == 0).all()


@settings(max_examples=examples(30), deadline=None)
@given(arrays(np.float32, (3, 7), elements=st.sampled_from([0, 0, 1, 2, 9])), st.integers(2, 50))
def test_ranks_do_not_depend_on_depth(counts, factor):
    first, second = (within_cell_ranks(sp.csr_matrix(counts * f)) for f in (1, factor))
    np.testing.assert_array_equal(first.toarray(), second.toarray())


def test_dispersion_is_scanpys_cell_ranger():
    cells = make_cells(200, 300, seed=4)
    normalized = normalize(cells.X, total_counts(cells.X))
    by_itself = cells.copy()
    sc.pp.normalize_total(by_itself, target_sum=1e4)
    np.testing.assert_allclose(normalized.toarray(), by_itself.X.toarray(), rtol=1e-5)
    sc.pp.highly_variable_genes(by_itself, flavor="cell_ranger", n_top_genes=300)
    expected = by_itself.var["dispersions_norm"].to_numpy()
    np.testing.assert_allclose(normalized_dispersion(normalized), expected, rtol=1e-4, atol=1e-5)


def test_genes_of_one_mean_have_no_dispersion_to_rank_by():
    counts = sp.csr_matrix(np.full((40, 30), 3, dtype=np.float32))
    with pytest.raises(InputError, match="of 30 genes, over 5 % have one and the same mean"):
        gene_scores(counts, np.array(["A", "B"] * 20), "dispersion")


def test_a_flat_profile_is_unlike_all_others():
    rows = [[3.0, 3, 3, 3], [1, 2, 3, 4], [1, 2, 3, 5]]
    order = similarity_order(pd.DataFrame(rows, index=["flat", "one", "two"]))
    assert sorted(order) == ["flat", "one", "two"] and order[1] != "flat"


def test_dispersion_scores_prefer_the_variable_of_equal_mean():
    rng = np.random.default_rng(0)
    cells = make_cells(300, 200)
    counts = rng.poisson(2.0, (300, 200))
    counts[:, 7] = rng.negative_binomial(0.3, 0.3 / 2.3, 300)  # mean 2, variance 15
    scores = gene_scores(sp.csr_matrix(counts.astype("f4")), labels_of(cells), "dispersion")
    assert scores.argmax() == 7


def test_anova_is_scipys(small_cells):
    labels = labels_of(small_cells)
    groups = [by_scanpy(small_cells)[labels == name] for name in np.unique(labels)]
    expected = stats.f_oneway(*groups).statistic
    found = gene_scores(small_cells.X, labels, "anova")
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert set(np.argsort(-found)[:25]) <= set(range(30))  # the marker genes of make_cells


@pytest.mark.parametrize("selection", ["anova", "dispersion"])
def test_genes_of_fewer_than_3_cells_are_never_chosen(small_cells, selection):
    counts = small_cells.X.tolil()
    counts[:, :5] = 0
    counts[:2, :5] = 50  # two cells, of two types
    scores = gene_scores(sp.csr_matrix(counts), labels_of(small_cells), selection)
    assert np.isneginf(scores[:5]).all() and np.isfinite(scores[5:]).any()


@pytest.mark.parametrize("selection", ["anova", "dispersion"])
def test_too_few_cells_to_choose_a_gene(small_cells, selection):
    cells = small_cells[:2].copy()
    with pytest.raises(InputError, match="2 training cells"):
        CountFeatures(selection=selection).fit(cells, labels_of(cells))


def test_unknown_selection(small_cells):
    with pytest.raises(ValueError, match="'variance'"):
        gene_scores(small_cells.X, labels_of(small_cells), "variance")


def transformed(features: CountFeatures, cells) -> sp.csr_matrix:
    return features.transform(GeneCounts.of(cells, features.genes_))


@pytest.mark.parametrize("chosen", SETTINGS, ids=names)
def test_fit_transform_is_fit_then_transform(small_cells, chosen):
    labels = labels_of(small_cells)
    once = CountFeatures(n_genes=20, **chosen).fit_transform(small_cells, labels)
    twice = transformed(CountFeatures(n_genes=20, **chosen).fit(small_cells, labels), small_cells)
    np.testing.assert_array_equal(once.toarray(), twice.toarray())
    assert once.shape == (120, 20) and once.dtype == np.float32


@pytest.mark.parametrize("chosen", SETTINGS, ids=names)
def test_a_cell_is_transformed_alike_in_any_company(small_cells, chosen):
    features = CountFeatures(n_genes=20, **chosen).fit(small_cells, labels_of(small_cells))
    subset = np.random.default_rng(1).permutation(120)[:17]
    some = transformed(features, small_cells[subset].copy())
    whole = transformed(features, small_cells)
    np.testing.assert_array_equal(some.toarray(), whole.toarray()[subset])


@pytest.mark.parametrize("chosen", SETTINGS, ids=names)
def test_extra_genes_change_ranks_and_log_values_as_documented(small_cells, chosen):
    """Ranks look at the chosen genes alone; the library size is that of the whole cell."""
    features = CountFeatures(n_genes=20, **chosen).fit(small_cells, labels_of(small_cells))
    expected = transformed(features, small_cells).toarray()
    found = transformed(features, with_extra_gene(small_cells)).toarray()
    if chosen["values"] == "rank":
        np.testing.assert_array_equal(found, expected)
    else:
        assert (found[expected > 0] < expected[expected > 0]).all()


def with_extra_gene(cells):
    counts = sp.hstack([np.full((cells.n_obs, 1), 9.0), cells.X]).tocsr().astype(np.float32)
    extended = ad.AnnData(counts, obs=cells.obs)
    extended.var_names = ["new", *cells.var_names]
    return extended


def test_the_best_genes_are_kept_in_matrix_order(small_cells):
    labels = labels_of(small_cells)
    scores = gene_scores(small_cells.X, labels, "anova")
    features = CountFeatures(n_genes=10).fit(small_cells, labels)
    expected = [f"gene_{i}" for i in range(60) if scores[i] >= np.sort(scores)[-10]]
    assert features.genes_.tolist() == expected


def test_scaled_genes_have_unit_spread(small_cells):
    found = CountFeatures(n_genes=30).fit_transform(small_cells, labels_of(small_cells))
    np.testing.assert_allclose(found.toarray().std(axis=0), 1, rtol=1e-4)
    unscaled = CountFeatures(n_genes=30, scale=False)
    found = unscaled.fit_transform(small_cells, labels_of(small_cells)).toarray()
    kept = small_cells.var_names.get_indexer(unscaled.genes_)
    np.testing.assert_allclose(found, by_scanpy(small_cells)[:, kept], rtol=1e-5)


def test_more_genes_than_there_are(small_cells):
    features = CountFeatures(n_genes=10**6).fit(small_cells, labels_of(small_cells))
    assert features.genes_.tolist() == small_cells.var_names.tolist()


def test_standard_deviations(small_cells):
    found = standard_deviations(small_cells.X)
    np.testing.assert_allclose(found, small_cells.X.toarray().std(axis=0), rtol=1e-5)
    constant = sp.csr_matrix(np.full((5, 2), 3.0))
    assert standard_deviations(constant).tolist() == [1, 1]


def test_mean_profiles(small_cells):
    labels = labels_of(small_cells)
    found = mean_profiles(small_cells, labels)
    assert found.index.tolist() == ["B", "NK", "T/x"]
    for name in found.index:
        expected = by_scanpy(small_cells)[labels == name].mean(axis=0)
        np.testing.assert_allclose(found.loc[name], expected, rtol=1e-4)


def test_similar_types_are_side_by_side():
    rng = np.random.default_rng(0)
    families = np.repeat(rng.normal(size=(3, 50)), 2, axis=0)
    profiles = pd.DataFrame(families + 0.2 * rng.normal(size=(6, 50)), index=list("aAbBcC"))
    shuffled = profiles.loc[["a", "c", "B", "A", "b", "C"]]
    order = "".join(similarity_order(shuffled))
    assert sorted(order) == sorted("aAbBcC")
    assert {frozenset(order[i : i + 2].lower()) for i in (0, 2, 4)} == {*map(frozenset, "abc")}
    assert similarity_order(profiles[:2]).tolist() == ["a", "A"]


def test_ranks_are_those_among_the_genes_that_a_file_has():
    counts = sp.random(20, 30, density=0.4, random_state=0, format="csr", dtype=np.float32)
    counts.data = np.ceil(counts.data * 5)
    present = np.arange(30) % 4 > 0
    counts = sp.csr_matrix(counts.toarray() * present)
    found = ranks_among(counts, present).toarray()
    expected = within_cell_ranks(sp.csr_matrix(counts.toarray()[:, present])).toarray()
    np.testing.assert_array_equal(found[:, present], expected)
    assert not found[:, ~present].any()
