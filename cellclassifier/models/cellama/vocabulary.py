"""Sentences as tokens: one for every gene and, behind them, one for every word of the clauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellclassifier.models.cellama.sentences import SEPARATOR, CellSentences

PADDING = 0  # the token that is none
MOST_CLAUSE_WORDS = 8  # of one sentence; a niche has five


@dataclass(frozen=True)
class GeneWords:
    """A vocabulary of genes (tokens 1 to n_genes) and of clause words after them.

    A clause word is a column's name and one value ("sex=female"); a column with several values, as
    that of a cell's neighbours, is several words. Words that no training cell has are left out.
    """

    n_genes: int
    clause_words: tuple[str, ...] = ()

    @classmethod
    def learn(cls, sentences: CellSentences) -> GeneWords:
        """From the sentences of the training cells."""
        words = {word for words in _clause_words(sentences) for word in words}
        return cls(len(sentences.symbols), tuple(sorted(words)))

    def __len__(self) -> int:
        """Tokens, padding included."""
        return 1 + self.n_genes + len(self.clause_words)

    def n_places(self, n_top: int) -> int:
        """Tokens that a sentence of so many genes has room for."""
        return n_top + (MOST_CLAUSE_WORDS if self.clause_words else 0)

    def tokens(self, sentences: CellSentences) -> np.ndarray:
        """(n_cells, n_places) int32: genes by rank, words of clauses, 0 where there are no more."""
        genes = sentences.ranked + 1
        if not self.clause_words:
            return genes
        known = {word: 1 + self.n_genes + i for i, word in enumerate(self.clause_words)}
        clauses = np.full((len(sentences), MOST_CLAUSE_WORDS), PADDING, dtype=np.int32)
        for row, words in zip(clauses, _clause_words(sentences), strict=True):
            found = [known[word] for word in words if word in known][:MOST_CLAUSE_WORDS]
            row[: len(found)] = found
        return np.hstack([genes, clauses])


def _clause_words(sentences: CellSentences) -> list[list[str]]:
    """Words of every sentence's clauses."""
    words: list[list[str]] = [[] for _ in range(len(sentences))]
    for key in sentences.clauses.columns:
        for own, value in zip(words, sentences.clauses[key].tolist(), strict=True):
            own += [f"{key}={part}" for part in value.split(SEPARATOR) if part]
    return words
