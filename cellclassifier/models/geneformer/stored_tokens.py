"""Tokenized cells as a folder that other tools of Geneformer read, too.

A Hugging Face ``Dataset`` as the official tokenizer writes it (input_ids, length, and what is known
of each cell), memory-mapped when read, so that a file of millions of cells is tokenized once and
then never held in memory. Beside the official columns: cell (its name), cell_type, and group where
asked for; beside the data set: vocabulary.json, and made_from.json, which says which cells these
are.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import datasets
import numpy as np
import pandas as pd
import pyarrow as pa

from cellclassifier.data.digests import sha256_of_all
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer.batches import TokenCells
from cellclassifier.models.geneformer.mapped_tokens import MappedTokens
from cellclassifier.models.geneformer.tokenizer import MAX_TOKENS, tokenize
from cellclassifier.models.geneformer.vocabulary import (
    Vocabulary,
    published_vocabulary,
    require_known,
)
from cellclassifier.output.files import atomic_folder, write_json

MADE_FROM, VOCABULARY = "made_from.json", "vocabulary.json"
COLUMNS = ("cell_type", "group")  # of obs
CELLS_PER_CHUNK = 2**17  # whose tokens have 32-bit offsets

AGAIN = "tokenize again with --save-tokens"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredTokens:
    """Tokens of many cells, and all that an experiment needs to know of them.

    tokens: of all cells; obs: (n_cells rows) cell_type, and group where known; made_from: the
    source (file, sha256, shape) and the digest of the cells' counts.
    """

    tokens: TokenCells
    obs: pd.DataFrame
    vocabulary: Vocabulary
    made_from: dict

    @classmethod
    def of(
        cls, cells: ad.AnnData, digest: str, vocabulary: Vocabulary | None = None
    ) -> StoredTokens:
        """Tokenize raw counts by the published vocabulary, if no other is given.

        digest: of these cells. Raises InputError where too few of their counts have tokens.
        """
        vocabulary = vocabulary or published_vocabulary(cells.var_names)
        match = vocabulary.match(cells.var)
        aligned = match.align(cells.X)
        require_known(vocabulary, match, aligned, cells.var_names)
        tokens = tokenize(aligned.counts, aligned.totals, vocabulary.medians, MAX_TOKENS)
        obs = cells.obs[[column for column in COLUMNS if column in cells.obs]]
        made_from = {"source": dict(cells.uns["source"]), "digest": digest}
        return cls(TokenCells.from_bounds(*tokens), obs, vocabulary, made_from)

    def of_cells(self, cells: ad.AnnData) -> TokenCells:
        """Tokens of these cells, or of those of them that are left (``cells``)."""
        return self.tokens[cells.obs["row"].to_numpy()] if "row" in cells.obs else self.tokens

    def cells(self) -> ad.AnnData:
        """The cells without their counts; obs["row"] says which of the tokens are whose."""
        cells = ad.AnnData(obs=self.obs.assign(row=np.arange(len(self.obs))))
        cells.uns["source"] = self.made_from["source"]
        cells.uns["counts"] = {"digest": self.made_from["digest"], "n_cells": len(self.obs)}
        return cells

    def save(self, folder: Path) -> None:
        """Write the folder, whole or not at all.

        Raises InputError where there is something else already; the same tokens are left as they
        are.
        """
        if Path(folder).exists():
            self._require_same(folder)
            log.info(f"{folder} holds the tokens of these cells already.")
            return
        starts = range(0, len(self.obs), CELLS_PER_CHUNK)
        table = pa.concat_tables([self._table(first) for first in starts])
        features = {
            "input_ids": datasets.List(datasets.Value(self.tokens.tokens.dtype.name)),
            "length": datasets.Value("int32"),
            "cell": datasets.Value("string"),
        }
        features |= {name: datasets.Value("string") for name in self.obs.columns}
        info = datasets.DatasetInfo(features=datasets.Features(features))
        data = datasets.Dataset(table.cast(info.features.arrow_schema), info=info)
        with atomic_folder(folder) as temporary:
            data.save_to_disk(temporary)
            self.vocabulary.save(temporary / VOCABULARY)
            write_json(temporary / MADE_FROM, self.made_from)
        log.info(f"Tokens of {len(self.obs):,} cells: {folder}")

    @classmethod
    def read(cls, folder: Path, *files: Path) -> StoredTokens:
        """Open what ``save`` wrote.

        Raises InputError for any other folder, a damaged one, or where ``files`` are given and
        are not what the tokens were made from.
        """
        folder = Path(folder)
        if not (folder / MADE_FROM).is_file():
            raise InputError(
                f"{folder} holds no {MADE_FROM}: expected a folder made with --save-tokens"
            )
        try:
            read = cls._opened(folder)
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise InputError(f"{folder} is damaged ({reason}): {AGAIN}") from error
        source = read.made_from["source"]
        if files and sha256_of_all(files) != source["sha256"]:
            raise InputError(
                f"the tokens in {folder} are those of another file ({source['file']}) than "
                f"{files[0]}: leave --cells out, or {AGAIN}"
            )
        return read

    @classmethod
    def _opened(cls, folder: Path) -> StoredTokens:
        made_from = json.loads((folder / MADE_FROM).read_text(encoding="utf-8"))
        table = datasets.load_from_disk(str(folder)).data
        obs = {name: texts(table, name) for name in COLUMNS if name in table.column_names}
        obs = pd.DataFrame({name: pd.Categorical(column) for name, column in obs.items()})
        tokens = MappedTokens.of(table.column("input_ids"))
        bounds = np.concatenate([[0], np.cumsum(table.column("length").to_numpy(), dtype="i8")])
        vocabulary = Vocabulary.load(folder / VOCABULARY)
        if not isinstance(made_from["digest"], str) or "sha256" not in made_from["source"]:
            raise ValueError(f"{MADE_FROM} does not say which cells these are")
        if bounds[-1] != len(tokens):
            raise ValueError(f"{bounds[-1]:,} tokens expected, {len(tokens):,} found")
        if len(tokens) and tokens.largest() >= len(vocabulary):
            raise ValueError("tokens that its vocabulary lacks")
        obs.index = texts(table, "cell")
        return cls(TokenCells.from_bounds(tokens, bounds), obs, vocabulary, made_from)

    def _require_same(self, folder: Path) -> None:
        there = StoredTokens.read(folder)
        same = there.made_from["digest"] == self.made_from["digest"]
        if not same or there.vocabulary.digest != self.vocabulary.digest:
            raise InputError(
                f"{folder} holds the tokens of other cells or of another vocabulary: choose "
                "another folder for --save-tokens, or remove it"
            )

    def _table(self, first: int) -> pa.Table:
        rows = slice(first, first + CELLS_PER_CHUNK)
        starts, stops, obs = self.tokens.starts[rows], self.tokens.stops[rows], self.obs.iloc[rows]
        offsets = np.append(starts - starts[0], stops[-1] - starts[0]).astype(np.int32)
        flat = self.tokens.tokens[starts[0] : stops[-1]]
        columns = {
            "input_ids": pa.ListArray.from_arrays(offsets, flat),
            "length": (stops - starts).astype(np.int32),
            "cell": obs.index.to_numpy(dtype=object),
        }
        return pa.table(columns | {name: obs[name].astype(str).to_numpy() for name in obs})


def texts(table, name: str) -> np.ndarray:
    """A column of texts, (n_cells,)."""
    return np.array(table.column(name).to_pylist(), dtype=object)
