"""Sentences word for word, clauses, tokens, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellclassifier.errors import InputError
from cellclassifier.models.cellama.sentences import (
    CellSentences,
    clauses_of,
    require_shared_values,
    require_symbols,
    symbols_for,
)
from cellclassifier.models.cellama.vocabulary import GeneWords

SYMBOLS = np.array(["CD3E", "CD79A", "LYZ", "NKG7"])


def sentences(clauses: dict | None = None) -> CellSentences:
    ranked = np.array([[2, 0, 1], [3, 1, -1], [1, -1, -1], [-1, -1, -1]], dtype=np.int32)
    return CellSentences(ranked, SYMBOLS, pd.DataFrame(clauses or {}, index=range(4)))


def test_the_published_template():
    assert sentences().texts("template") == [
        "Top genes are LYZ, CD3E, and CD79A.",
        "Top genes are NKG7, and CD79A.",
        "Top gene is CD79A.",
        "No genes are expressed.",
    ]


def test_bare_symbols():
    assert sentences().texts("bare") == ["LYZ CD3E CD79A", "NKG7 CD79A", "CD79A", ""]


def test_clauses_follow_in_the_order_of_their_columns_and_a_missing_value_is_none():
    found = sentences({"sex": ["female", "", "male", "male"], "donor": ["a", "b", "", "c"]})
    texts = found.texts("template")
    assert texts[0].endswith("CD79A. sex of this cell is female. donor of this cell is a.")
    assert texts[1] == "Top genes are NKG7, and CD79A. donor of this cell is b."
    assert texts[3] == "No genes are expressed. sex of this cell is male. donor of this cell is c."
    assert found.texts("bare")[0] == "LYZ CD3E CD79A sex female donor a"


def test_some_cells_have_the_same_sentences():
    found = sentences({"sex": list("abcd")})
    assert found[np.array([2, 0])].texts("bare") == [found.texts("bare")[i] for i in (2, 0)]


def test_columns_of_obs_as_clauses():
    obs = pd.DataFrame({"sex": pd.Categorical(["f", None]), "age": [3, 4]})
    assert clauses_of(obs, ("sex", "age")).to_numpy().tolist() == [["f", "3"], ["", "4"]]
    with pytest.raises(InputError, match=r"--metadata tissue: .* no such column of obs \(sex, age"):
        clauses_of(obs, ("tissue",))


def test_a_column_with_a_value_per_cell_is_refused():
    barcodes = pd.DataFrame({"barcode": [f"AC{i}" for i in range(40)], "sex": ["f", "m"] * 20})
    require_shared_values(barcodes[["sex"]])
    with pytest.raises(InputError, match="barcode: 40 different values in 40 cells"):
        require_shared_values(barcodes)


def test_ids_become_symbols_by_the_bundled_table_and_too_few_are_refused():
    ids = np.array(["ENSG00000105369.11", "ENSG00000090382"])
    assert symbols_for(ids).tolist() == ["CD79A", "LYZ"]
    require_symbols(symbols_for(ids))
    mouse = np.array([f"ENSMUSG{i:011d}" for i in range(9)] + ["Lyz2"])
    with pytest.raises(InputError, match=r"10.0% of 10 genes have a symbol .*ENSMUSG00000000000"):
        require_symbols(symbols_for(mouse))


def test_tokens_of_genes_and_clauses():
    known = sentences({"sex": ["f", "m", "f", ""], "nearest_cells": ["B, T", "T", "", "B"]})
    words = GeneWords.learn(known)
    assert words.clause_words == ("nearest_cells=B", "nearest_cells=T", "sex=f", "sex=m")
    tokens = words.tokens(known)
    assert tokens.shape == (4, words.n_places(3))
    assert tokens[0].tolist() == [3, 1, 2, 7, 5, 6, 0, 0, 0, 0, 0]
    assert tokens[3].tolist() == [0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]
    unknown = sentences({"sex": ["x"] * 4, "nearest_cells": ["NK"] * 4})
    assert (words.tokens(unknown)[:, 3:] == 0).all()
    assert len(words) == 1 + 4 + 4
