"""Tokens: equal to the official ones, to a plain loop, and strict where the official is loose."""

from __future__ import annotations

import logging
from itertools import pairwise

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import examples
from geneformer_help import GENES
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer.tokenizer import tokenize
from cellclassifier.models.geneformer.vocabulary import (
    Vocabulary,
    learn_vocabulary,
    read_vocabulary,
    require_known,
)

VOCABULARY = Vocabulary(
    np.array(GENES),
    np.random.default_rng(1).choice([0.5, 1.0, 1.7, 2.0], len(GENES)),
    np.array([f"SYM{i}" for i in range(len(GENES))]),
)


def cells_of(counts, names) -> ad.AnnData:
    counts = sp.csr_matrix(np.asarray(counts, dtype=np.float32))
    obs = pd.DataFrame(index=[f"cell_{i}" for i in range(counts.shape[0])])
    return ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=list(names)))


def flat_tokens(cells, vocabulary=VOCABULARY, max_tokens: int = 2048):
    """All tokens in one array, and the bounds of cells."""
    aligned = vocabulary.match(cells.var).align(cells.X)
    return tokenize(aligned.counts, aligned.totals, vocabulary.medians, max_tokens)


def tokens_of(cells, vocabulary=VOCABULARY, max_tokens: int = 2048) -> list[list[int]]:
    tokens, bounds = flat_tokens(cells, vocabulary, max_tokens)
    return [tokens[start:stop].tolist() for start, stop in pairwise(bounds)]


def plain_tokens(cells: ad.AnnData, vocabulary: Vocabulary, max_tokens: int = 2048):
    """The definition in the tokenizer's docstring, gene by gene."""
    result = []
    for row in cells.X.toarray().astype(float):
        summed = {}
        for name, count in zip(cells.var_names, row, strict=True):
            token = vocabulary.genes.tolist().index(name.split(".")[0]) + 2 if known(name) else 0
            if token and count > 0:
                summed[token] = summed.get(token, 0.0) + count
        n = row.sum()
        values = {t: x / n * 10000 / vocabulary.medians[t - 2] for t, x in summed.items()}
        result.append(sorted(values, key=lambda t: (-values[t], t))[:max_tokens])
    return result


def known(name: str) -> bool:
    return name.split(".")[0] in GENES


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 70))
def test_tokens_equal_a_plain_loop(seed, max_tokens):
    rng = np.random.default_rng(seed)
    # Some ids unknown, some with versions, some genes twice.
    twice = [f"{GENES[0]}.3", f"{GENES[0]}.4", f"{GENES[7]}.1", f"{GENES[7]}.12"]
    names = rng.permutation([*GENES[1:7], *GENES[8:40], "other1", "other2", *twice])
    cells = cells_of(rng.poisson(0.8, (7, len(names))), names)
    assert tokens_of(cells, max_tokens=max_tokens) == plain_tokens(cells, VOCABULARY, max_tokens)


def test_chunks_of_cells_join_without_a_seam(monkeypatch):
    cells = cells_of(np.random.default_rng(2).poisson(1, (30, 60)), GENES)
    whole = tokens_of(cells)
    monkeypatch.setattr("cellclassifier.models.geneformer.tokenizer.CELLS_AT_A_TIME", 7)
    assert tokens_of(cells) == whole == plain_tokens(cells, VOCABULARY)


def test_official_tokens_of_400_real_cells(shared):
    """Equal to what the official tokenizer returned, up to the order inside ties."""
    cells = read_cells(shared / "data" / "cells.npy")
    official = np.load(shared / "data" / "geneformer_tokens.npz")
    cells = cells[official["cell_index"]].copy()
    vocabulary = read_vocabulary(shared / "geneformer_files")
    ours, starts = flat_tokens(cells, vocabulary)
    assert (np.diff(starts) == np.diff(official["indptr"])).all()
    token = {gene: i + 2 for i, gene in enumerate(vocabulary.genes.tolist())}
    names = cells.var_names.tolist()
    column = {token[name]: i for i, name in enumerate(names) if name in token}
    counts = cells.X.toarray().astype(np.float64)
    for i, n in enumerate(counts.sum(axis=1)):
        pair = [x[starts[i] : starts[i + 1]].astype(int) for x in (ours, official["tokens"])]
        values = [
            counts[i, [column[token] for token in one]] / n * 10_000 / vocabulary.medians[one - 2]
            for one in pair
        ]
        # The same values in the same places: tokens differ only where values tie, also at the cut.
        assert (values[0] == values[1]).all()
        above_cut = values[0] > values[0][-1]
        assert set(pair[0][above_cut]) == set(pair[1][above_cut])


def test_stored_zeros_are_no_expressed_genes():
    cells = cells_of(np.random.default_rng(3).poisson(1, (5, 60)), GENES)
    padded = cells.copy()
    padded.X = padded.X.tolil().tocsr()
    padded.X.data[::3] = 0
    clean = padded.copy()
    clean.X.eliminate_zeros()
    assert tokens_of(padded) == tokens_of(clean)


def test_counts_outside_the_vocabulary_change_no_order_but_count_in_the_total():
    rng = np.random.default_rng(4)
    counts = rng.poisson(1, (5, 60))
    more = np.hstack([counts, rng.poisson(5, (5, 3))])
    inside = tokens_of(cells_of(counts, GENES))
    assert inside == tokens_of(cells_of(more, [*GENES, "a", "b", "c"]))


def check_known(cells, vocabulary=VOCABULARY) -> None:
    match = vocabulary.match(cells.var)
    require_known(vocabulary, match, match.align(cells.X), cells.var_names)


def test_symbols_are_mapped_and_named_when_they_cannot_be():
    counts = np.random.default_rng(5).poisson(1, (5, 60))
    symbols = [f"SYM{i}" for i in range(60)]
    assert tokens_of(cells_of(counts, symbols)) == tokens_of(cells_of(counts, GENES))
    bare = Vocabulary(VOCABULARY.genes, VOCABULARY.medians, VOCABULARY.genes)
    with pytest.raises(InputError, match=r"0 of 60 genes.*gene symbols \(first: SYM0\).*Ensembl"):
        check_known(cells_of(counts, symbols), bare)


def test_a_low_share_of_known_counts_stops(caplog):
    caplog.set_level(logging.INFO)
    names = [*GENES[:6], *[f"ENSG{i:011d}" for i in range(900, 954)]]
    with pytest.raises(InputError, match=r"6 of 60 genes with 10.0% .*at least 20%.*Ensembl ids"):
        check_known(cells_of(np.ones((3, 60)), names))
    assert not caplog.records
    check_known(cells_of(np.ones((3, 60)), [*GENES[:12], *names[12:]]))
    assert caplog.messages == ["Tokens for 12 of 60 genes with 20.0% of the counts."]


def test_a_cell_without_known_genes_has_no_tokens():
    counts = np.zeros((3, 61))
    counts[0, :5] = counts[2, :9] = 1
    counts[1, 60] = 4
    cells = cells_of(counts, [*GENES, "other"])
    assert list(map(len, tokens_of(cells))) == [5, 0, 9]


def test_tokens_are_small_numbers_unless_the_vocabulary_is_large():
    counts = sp.csr_matrix(np.ones((2, 2**16)))
    totals = np.full(2, 2.0**16)
    for n_genes, dtype in ((2**16 - 2, np.uint16), (2**16 - 1, np.int32)):
        tokens, bounds = tokenize(counts[:, :n_genes], totals, np.ones(n_genes), 2**17)
        assert (tokens.dtype, tokens.max()) == (dtype, n_genes + 1)
        assert bounds.tolist() == [0, n_genes, 2 * n_genes]


def test_medians_are_learned_from_non_zero_normalised_counts():
    rng = np.random.default_rng(7)
    counts = rng.poisson(0.6, (50, 8)).astype(float)
    counts[:, 6] = 0
    counts[:2, 6] = 1  # in two cells only: no token
    names = np.array(["g3", "g1", "g0", "g2", "g9", "g4", "rare", "ENSG00000000001.2"])
    vocabulary = learn_vocabulary(sp.csr_matrix(counts), names)
    assert vocabulary.genes.tolist() == ["ENSG00000000001", "g0", "g1", "g2", "g3", "g4", "g9"]
    normalised = counts / counts.sum(axis=1, keepdims=True) * 1e4
    for gene, median in zip(vocabulary.genes, vocabulary.medians, strict=True):
        values = normalised[:, [name.split(".")[0] == gene for name in names]]
        assert median == pytest.approx(np.median(values[values > 0]))
