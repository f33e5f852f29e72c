"""Tokens in a folder: the official layout, read back on the disk, refused where they do not fit."""

from __future__ import annotations

import json
import logging
import pickle

import anndata as ad
import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import make_cells
from geneformer_help import GENES, write_dictionaries, write_network

from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import stored_tokens
from cellclassifier.models.geneformer.mapped_tokens import MappedTokens
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.geneformer.start import require_start
from cellclassifier.models.geneformer.stored_tokens import StoredTokens
from cellclassifier.models.geneformer.tokenizer import tokenize
from cellclassifier.models.geneformer.vocabulary import read_vocabulary
from cellclassifier.protocol.finished import digest_of_cells


@pytest.fixture
def vocabulary(tmp_path):
    write_dictionaries(tmp_path / "files")
    return read_vocabulary(tmp_path / "files")


def known_cells(n_cells: int = 50) -> ad.AnnData:
    cells = make_cells(n_cells)
    cells.var_names = GENES
    counts = cells.X.tolil()
    counts[3] = 0  # no tokens
    cells.X = counts.tocsr()
    cells.obs["group"] = pd.Categorical([f"donor{i % 4}" for i in range(n_cells)])
    cells.uns["source"] = {"file": "cells.h5ad", "sha256": "ab" * 32, "shape": [n_cells, 60]}
    return cells


def stored(cells, vocabulary) -> StoredTokens:
    return StoredTokens.of(cells, digest_of_cells(cells), vocabulary)


@pytest.fixture
def saved(tmp_path, vocabulary, monkeypatch):
    monkeypatch.setattr(stored_tokens, "CELLS_PER_CHUNK", 7)
    tokens = stored(known_cells(), vocabulary)
    tokens.save(tmp_path / "tokens")
    return tmp_path / "tokens"


def test_the_layout_is_that_of_the_official_tokenizer(saved, vocabulary):
    data = datasets.load_from_disk(str(saved))
    assert data.column_names == ["input_ids", "length", "cell", "cell_type", "group"]
    cells = known_cells()
    tokens, bounds = tokenize(
        cells.X, np.asarray(cells.X.sum(axis=1)).ravel().astype(float), vocabulary.medians
    )
    for i, row in enumerate(data):
        assert row["input_ids"] == tokens[bounds[i] : bounds[i + 1]].tolist()
        assert row["length"] == len(row["input_ids"])
    assert data["cell"][:] == cells.obs_names.tolist()
    assert data["cell_type"][:] == cells.obs["cell_type"].tolist()
    assert data["length"][3] == 0


def test_tokens_come_back_from_the_disk(tmp_path, vocabulary):
    expected = stored(known_cells(2100), vocabulary)
    expected.save(tmp_path / "tokens")
    before = pa.total_allocated_bytes()
    read = StoredTokens.read(tmp_path / "tokens")
    assert len(read.tokens.tokens.pieces) > 1  # as they lie on the disk
    assert pa.total_allocated_bytes() - before < 2 * len(expected.tokens.tokens) / 10
    assert read.vocabulary.digest == vocabulary.digest
    rng = np.random.default_rng(0)
    for index in (np.arange(2100), rng.permutation(2100)[:90], np.array([2099, 0, 999, 1000, 4])):
        some, others, rows = read.tokens[index], expected.tokens[index], np.arange(len(index))
        for ours, theirs in zip(some.padded(rows), others.padded(rows), strict=True):
            assert (ours == theirs).all()
        assert (some.counts(62) == others.counts(62)).all()
    pd.testing.assert_frame_equal(read.obs, expected.obs, check_index_type=False)


def test_pieces_are_one_array():
    pieces = [[[1, 2], []], [], [[], []], [[3], [4, 5, 6]]]
    tokens = MappedTokens.of(pa.chunked_array(pieces, type=pa.list_(pa.uint16())))
    assert len(tokens) == 6 and tokens.largest() == 6
    assert tokens[np.array([[5, 0], [2, 1]])].tolist() == [[6, 1], [3, 2]]
    assert [tokens[a:b].tolist() for a, b in ((0, 6), (1, 4), (3, 3))] == [
        [1, 2, 3, 4, 5, 6],
        [2, 3, 4],
        [],
    ]
    assert len(MappedTokens.of(pa.chunked_array([[[], []]], type=pa.list_(pa.uint16())))) == 0


def test_cells_without_counts_stand_for_the_same_cells(saved):
    cells = known_cells()
    read = StoredTokens.read(saved)
    alike = read.cells()
    assert digest_of_cells(alike) == digest_of_cells(cells)
    assert alike.uns["source"] == cells.uns["source"]
    some = alike[[4, 9, 11]].copy()
    others = {digest_of_cells(alike[rows].copy()) for rows in ([4, 9, 11], [4, 9, 12])}
    assert len(others) == 2 and digest_of_cells(alike) not in others
    assert (read.of_cells(some).lengths == read.tokens.lengths[[4, 9, 11]]).all()


def test_the_same_tokens_are_left_and_others_refused(saved, vocabulary, caplog):
    caplog.set_level(logging.INFO)
    before = {path: path.stat().st_mtime_ns for path in saved.rglob("*")}
    stored(known_cells(), vocabulary).save(saved)
    assert "holds the tokens of these cells already" in caplog.text
    with pytest.raises(InputError, match="other cells or of another vocabulary"):
        stored(known_cells(49), vocabulary).save(saved)
    other = type(vocabulary)(vocabulary.genes, vocabulary.medians + 1, vocabulary.symbols)
    with pytest.raises(InputError, match="other cells or of another vocabulary"):
        stored(known_cells(), other).save(saved)
    assert {path: path.stat().st_mtime_ns for path in saved.rglob("*")} == before


def test_a_folder_of_something_else_is_never_replaced(tmp_path, vocabulary):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match=r"holds no made_from.json: expected a folder made with"):
        stored(known_cells(), vocabulary).save(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "vocabulary.json").unlink(),
        lambda folder: (folder / "dataset_info.json").unlink(),
        lambda folder: next(folder.glob("*.arrow")).write_bytes(b"1234"),
        lambda folder: (folder / "made_from.json").write_text("{"),
        lambda folder: change(folder / "made_from.json", digest=3),
        lambda folder: change(folder / "made_from.json", source={}),
        lambda folder: change(
            folder / "vocabulary.json", genes=["a"], medians=[1.0], symbols=["a"]
        ),
    ],
)
def test_damage_is_one_sentence(saved, damage):
    damage(saved)
    with pytest.raises(InputError, match=r"damaged .*again"):
        StoredTokens.read(saved)


def test_tokens_of_another_file_or_vocabulary_are_refused(saved, tmp_path, vocabulary):
    other = tmp_path / "other.npy"
    other.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"another file \(cells.h5ad\) than .*other.npy.*--cells"):
        StoredTokens.read(saved, other)
    with pytest.raises(InputError, match=r"holds no made_from.json"):
        StoredTokens.read(tmp_path / "files")


def test_a_start_needs_tokens_of_the_models_vocabulary(saved, tmp_path, vocabulary):
    write_network(tmp_path / "files")
    options = GeneformerOptions().resolved(tmp_path / "files")
    tokens = StoredTokens.read(saved)
    found = require_start(options, [], tokens, tmp_path / "files")
    assert set(found) == {"weights"}
    medians = {gene: 1.0 for gene in GENES}
    path = tmp_path / "files" / "gene_median_dictionary_gc30M.pkl"
    path.write_bytes(pickle.dumps(medians))
    with pytest.raises(InputError, match=r"another vocabulary .*or other medians.*--save-tokens"):
        require_start(options, [], tokens, tmp_path / "files")
