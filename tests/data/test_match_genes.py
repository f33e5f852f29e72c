"""Finding a model's genes in other files: by which names, and what becomes of the counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.data.match_genes import GeneMatch, match_genes, require_genes
from cellclassifier.errors import InputError

IDS = np.array([f"ENSG{i:011d}" for i in range(1, 31)])
SYMBOLS = np.array([f"Gene{i}" for i in range(1, 31)])


def table(names, **columns) -> pd.DataFrame:
    return pd.DataFrame(columns, index=list(names))


def versioned(ids) -> np.ndarray:
    return np.array([f"{gene}.{i % 7 + 1}" for i, gene in enumerate(ids)], dtype=str)


SPELLINGS = {
    "exact": lambda rows: table(IDS[rows]),
    "versioned": lambda rows: table(versioned(IDS[rows])),
    "symbol": lambda rows: table(SYMBOLS[rows]),
    "lower id": lambda rows: table(np.char.lower(IDS[rows])),
    "lower versioned": lambda rows: table(np.char.lower(versioned(IDS[rows]))),
    "upper symbol": lambda rows: table(np.char.upper(SYMBOLS[rows])),
    "gene_ids": lambda rows: table(np.arange(len(rows)).astype(str), gene_ids=IDS[rows]),
    "Ensembl_ID": lambda rows: table(
        np.arange(len(rows)).astype(str), Ensembl_ID=pd.Categorical(versioned(IDS[rows]))
    ),
    "feature_name": lambda rows: table(
        np.arange(len(rows)).astype(str), feature_name=pd.array(SYMBOLS[rows], dtype="string")
    ),
}


@pytest.mark.parametrize("versions_in_model", [False, True])
@pytest.mark.parametrize("spelling", SPELLINGS)
@settings(max_examples=examples(25), deadline=None)
@given(rows=st.permutations(range(30)), n=st.integers(0, 30))
def test_genes_are_found_by_every_spelling(spelling, versions_in_model, rows, n):
    """The file's columns are made from known genes of the model, in any order: the answer."""
    rows = np.array(rows[:n], dtype=int)
    genes = np.array([f"{gene}.12" for gene in IDS]) if versions_in_model else IDS
    match = match_genes(genes, SYMBOLS, SPELLINGS[spelling](rows))
    assert match.target.dtype == np.int64
    np.testing.assert_array_equal(match.target, rows)
    np.testing.assert_array_equal(np.flatnonzero(match.found), np.sort(rows))


@pytest.mark.parametrize("column", ["gene_symbols", "Gene_Symbol", "gene_name", "feature_id"])
def test_a_model_of_symbols_finds_them_beside_ids(column):
    match = match_genes(SYMBOLS, SYMBOLS, table(IDS, **{column: SYMBOLS}))
    np.testing.assert_array_equal(match.target, np.arange(30))


def test_names_that_are_no_genes_are_none():
    var = table(["x", "", "nan", "ENSG", "1"], gene_ids=[None, np.nan, "", "y", "nan"])
    assert (match_genes(IDS, SYMBOLS, var).target == -1).all()
    assert match_genes(IDS, SYMBOLS, table([])).target.shape == (0,)


def test_other_columns_hold_no_names():
    var = table("abc", n_cells=[1, 2, 3], chromosome=IDS[:3], gene_id=[1, 2, 3])
    assert (match_genes(IDS, SYMBOLS, var).target == -1).all()


def test_columns_of_one_name_are_one_gene():
    match = match_genes(IDS, SYMBOLS, table(["Gene2", "Gene1", "Gene2"]))
    np.testing.assert_array_equal(match.target, [1, 0, 1])


def test_a_better_match_gets_no_company():
    """Exact before version, version before symbol, symbol before case: later ones stay out."""
    model = np.array([IDS[0], IDS[1], "TP53"])
    symbols = np.array(["Gene1", "Gene2", "TP53"])
    var = table(["Gene1", IDS[0] + ".3", IDS[0], "Gene2", IDS[1] + ".1", "tp53", "TP53"])
    np.testing.assert_array_equal(
        match_genes(model, symbols, var).target, [-1, -1, 0, -1, 1, -1, 2]
    )
    np.testing.assert_array_equal(
        match_genes(model, symbols, var.iloc[[5, 3, 0]]).target, [2, 1, 0]
    )


def test_an_id_beside_the_name_beats_a_symbol_and_not_the_name_itself():
    """10x: two genes share a symbol, and gene_ids tells which of them the model's is."""
    var = table(["Gene1", "Gene1", IDS[1]], gene_ids=["ENSG00000999999", IDS[0], IDS[2]])
    np.testing.assert_array_equal(match_genes(IDS, SYMBOLS, var).target, [-1, 0, 1])


def test_ids_beside_the_name_are_tried_before_symbols():
    var = table(["x", "y"], gene_name=[IDS[3], IDS[4]], gene_ids=[IDS[5], IDS[3]])
    np.testing.assert_array_equal(match_genes(IDS, SYMBOLS, var).target, [5, 3])


def test_what_could_be_two_genes_is_none():
    model, symbols = IDS[:4], np.array(["A", "A", "b", "B"])
    np.testing.assert_array_equal(
        match_genes(model, symbols, table(["A", "a", "B", "b"])).target, [-1, -1, 3, 2]
    )
    both = np.array([IDS[0] + ".1", IDS[0] + ".2"])
    np.testing.assert_array_equal(match_genes(both, both, table([IDS[0]])).target, [-1])
    np.testing.assert_array_equal(match_genes(both, both, table(both[::-1])).target, [1, 0])


def test_symbols_must_fit_the_genes():
    with pytest.raises(ValueError, match="symbols for"):
        match_genes(IDS, SYMBOLS[:3], table(IDS))


@st.composite
def matches(draw):
    n_genes = draw(st.integers(1, 6))
    target = draw(st.lists(st.integers(-1, n_genes - 1), max_size=9))
    n_cells = draw(st.integers(1, 4))
    size = n_cells * len(target)
    values = draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))
    counts = np.array(values, dtype=np.float32).reshape(n_cells, len(target))
    return GeneMatch(SYMBOLS[:n_genes], np.array(target, dtype=np.int64)), counts


@settings(max_examples=examples(200), deadline=None)
@given(matches())
def test_aligned_counts_are_sums_by_name(case):
    """Against a loop over columns; the library sizes are those of the whole cells."""
    match, counts = case
    cells = match.align(sp.csr_matrix(counts))
    expected = np.zeros((len(counts), len(match.genes)))
    for column, target in enumerate(match.target):
        if target >= 0:
            expected[:, target] += counts[:, column]
    assert isinstance(cells.counts, sp.csr_matrix) and cells.counts.dtype == np.float32
    np.testing.assert_array_equal(cells.counts.toarray(), expected)
    np.testing.assert_array_equal(cells.totals, counts.sum(axis=1))
    np.testing.assert_array_equal(cells.present, match.found)
    for row in range(len(cells)):
        start, stop = cells.counts.indptr[row : row + 2]
        assert (np.diff(cells.counts.indices[start:stop]) > 0).all()


def test_what_is_no_gene_does_not_count():
    """Antibodies in the same matrix are no part of a cell's library size."""
    kinds = ["Gene Expression", "Antibody Capture", "Gene Expression"]
    match = match_genes(IDS[:1], SYMBOLS[:1], table(IDS[:3], feature_types=kinds))
    cells = match.align(sp.csr_matrix(np.array([[1, 50, 2]], dtype=np.float32)))
    assert cells.totals.tolist() == [3] and cells.counts.toarray().tolist() == [[1]]


def test_an_order_of_columns_changes_nothing():
    rng = np.random.default_rng(0)
    counts, order = rng.poisson(1.0, (5, 30)).astype(np.float32), rng.permutation(30)
    there = match_genes(IDS[:20], SYMBOLS[:20], table(IDS)).align(sp.csr_matrix(counts))
    match = match_genes(IDS[:20], SYMBOLS[:20], table(IDS[order]))
    shuffled = match.align(sp.csr_matrix(counts[:, order]))
    assert (there.counts != shuffled.counts).nnz == 0
    np.testing.assert_array_equal(there.totals, shuffled.totals)


def test_counts_of_another_width_are_refused():
    with pytest.raises(ValueError, match="3 columns, expected 30"):
        match_genes(IDS, SYMBOLS, table(IDS)).align(sp.csr_matrix((2, 3)))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.floats(0, 1e300), min_size=5, max_size=5), st.lists(st.booleans(), min_size=5))
def test_share_found_is_a_weighted_mean(importance, present):
    importance, present = np.array(importance), np.array(present[:5])
    match = GeneMatch(SYMBOLS[:5], np.flatnonzero(present))
    weights = importance / importance.max() if importance.any() else np.ones(5)
    share = match.share_found(importance)
    assert share == pytest.approx(np.average(present, weights=weights))
    assert share == pytest.approx(match.share_found(importance / 7), abs=1e-6)


@pytest.mark.parametrize("importance", [[1, 2], [1, -1, 1], [1, np.nan, 1]])
def test_an_importance_that_is_none_is_refused(importance):
    with pytest.raises(ValueError, match="importance is"):
        GeneMatch(SYMBOLS[:3], np.array([0])).share_found(np.array(importance))


def test_required_genes_are_reported(said):
    match = match_genes(IDS, SYMBOLS, table(IDS[:24]))
    importance = np.r_[np.full(24, 4.0), np.full(6, 1.0)]
    share = require_genes(match, importance, 0.9, table(IDS[:24]))
    assert share == pytest.approx(96 / 102)
    assert said() == ["Genes: 24 of the model's 30 found (94.1 % of their importance)."]


def test_too_few_genes_are_refused_and_both_kinds_named():
    var = table(["Actb", *SYMBOLS[:3]])
    match = match_genes(IDS, SYMBOLS, var)
    with pytest.raises(InputError) as error:
        require_genes(match, np.ones(30), 0.5, var)
    text = str(error.value)
    assert "3 of the model's 30 found (10.0 % of their importance), at least 50 % expected" in text
    assert f"the model has Ensembl ids (first: {IDS[0]})" in text
    assert "the file has gene symbols (first: Actb)" in text and "--min-genes-found" in text
    require_genes(match, np.ones(30), 0.1, var)


def test_without_any_gene_nothing_is_accepted():
    var = table(["x"])
    with pytest.raises(InputError, match=r"0 of the model's 30 found .*0 % expected"):
        require_genes(match_genes(IDS, SYMBOLS, var), np.ones(30), 0.0, var)
