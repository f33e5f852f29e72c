"""Cells as sentences: for people to read, and for a model of language.

Choi et al. 2024 (doi 10.1101/2024.05.08.593094): the leading genes of a cell, then a clause for
each column of obs that was chosen. The published template, word for word:

    Top genes are CD74, HLA-DRA, and CD79A. sex of this cell is female.

and, what its words add nothing to, the bare symbols: "CD74 HLA-DRA CD79A sex female". A cell
without counts of any of the genes has a sentence, too: "No genes are expressed." (bare: "").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cellclassifier.data.gene_names import ENSEMBL_ID
from cellclassifier.data.gene_table import with_symbols
from cellclassifier.errors import InputError

STYLES = ("bare", "template")
NO_GENES = {"template": "No genes are expressed.", "bare": ""}
LEAST_SYMBOLS = 0.5  # share of the genes; of fewer, sentences are mostly ids
SEPARATOR = ", "  # of several values in one cell of a column, as niches have


@dataclass(frozen=True)
class CellSentences:
    """Sentences of some cells, as numbers until somebody reads them.

    ranked: (n_cells, n_top) int32, columns of the leading genes, -1 after the last one; symbols:
    (n_genes,) str; clauses: n_cells rows and a
    column for each of obs that was chosen (none, often): texts, "" where missing.
    """

    ranked: np.ndarray
    symbols: np.ndarray
    clauses: pd.DataFrame

    def __len__(self) -> int:
        return len(self.ranked)

    def __getitem__(self, rows: np.ndarray) -> CellSentences:
        """Some of the cells, by index or mask."""
        return CellSentences(self.ranked[rows], self.symbols, self.clauses.iloc[rows])

    @property
    def n_genes(self) -> np.ndarray:
        """Genes in each sentence, (n_cells,)."""
        return (self.ranked >= 0).sum(axis=1)

    def digest(self) -> str:
        """The same for the same sentences."""
        clauses = "\0".join(self.clause_texts("bare"))
        return hashlib.sha256(self.ranked.tobytes() + clauses.encode()).hexdigest()

    def texts(self, style: str) -> list[str]:
        """The sentence of every cell; style: of ``STYLES``."""
        genes = [" ".join(names) if style == "bare" else _listed(names) for names in self._names()]
        genes = [text or NO_GENES[style] for text in genes]
        return [a + b for a, b in zip(genes, self.clause_texts(style), strict=True)]

    def clause_texts(self, style: str) -> list[str]:
        """What follows a cell's genes, with a space before it; "" for cells without any value."""
        texts = [""] * len(self)
        for key in self.clauses.columns:
            for i, value in enumerate(self.clauses[key].tolist()):
                if value:
                    texts[i] += f" {key} {value}" if style == "bare" else _clause(key, value)
        return texts

    def cut(self, n_top: int) -> CellSentences:
        """The same sentences of no more than so many genes."""
        return replace(self, ranked=self.ranked[:, :n_top])

    def renamed(self, symbols: np.ndarray) -> CellSentences:
        """The same sentences with other words for the genes, (n_genes,)."""
        return replace(self, symbols=symbols)

    def _names(self) -> list[list[str]]:
        names = self.symbols[self.ranked].tolist()  # what stands at -1 is cut off below
        return [row[:n] for row, n in zip(names, self.n_genes.tolist(), strict=True)]


def _listed(names: list[str]) -> str:
    """The published sentence of the genes."""
    if not names:
        return ""
    if len(names) == 1:
        return f"Top gene is {names[0]}."
    return f"Top genes are {', '.join(names[:-1])}, and {names[-1]}."


def _clause(key: str, value: str) -> str:
    return f" {key} of this cell is {value}."


def clauses_of(obs: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    """Columns of obs as texts for sentences, "" where missing.

    Raises InputError for a column that is not there, and for one with a value of its own for
    nearly every cell (a barcode, a number), which says nothing that another cell's could be like.
    """
    for key in keys:
        if key not in obs:
            listed = ", ".join(map(str, obs.columns)) or "none"
            raise InputError(f"--metadata {key}: the cells have no such column of obs ({listed})")
    return obs[list(keys)].astype(object).where(obs[list(keys)].notna(), "").astype(str)


def require_shared_values(clauses: pd.DataFrame, shared_key: str = "nearest_cells") -> None:
    """Raise InputError for a column of training cells that has a value of its own per cell."""
    for key in clauses.columns.drop(shared_key, errors="ignore"):
        values = clauses.loc[clauses[key] != "", key]
        if len(values) > 20 and values.nunique() > len(values) / 2:
            raise InputError(
                f"--metadata {key}: {values.nunique():,} different values in {len(values):,} cells "
                f"(first: {values.iloc[0][:40]}), expected some that many cells share: leave it out"
            )


def symbols_for(names: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
    """Words for genes, (n_genes,): of ``table``, if any, else their names; ids by the own table."""
    return with_symbols(np.asarray(names if table is None else table, dtype=str))


def require_symbols(symbols: np.ndarray) -> None:
    """Raise InputError where most genes go by an Ensembl id, which no model of language knows."""
    has_symbol = np.array([not ENSEMBL_ID.fullmatch(name) for name in symbols.tolist()])
    if has_symbol.mean() < LEAST_SYMBOLS:
        raise InputError(
            f"{has_symbol.mean():.1%} of {len(symbols):,} genes have a symbol (first without: "
            f"{symbols[~has_symbol][0]}), at least {LEAST_SYMBOLS:.0%} expected of sentences: give "
            "symbols in var (gene_symbols), look them up with --ask-mygene, or take --encoder bag"
        )
