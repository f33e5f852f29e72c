"""Batches of cells of similar length with about the same number of tokens in each.

A fixed number of random cells per batch pads half of every batch; here cells are sorted by a
slightly noisy length and cut where the running sum of tokens passes equal steps. The number of
batches is the same in every epoch, their composition is not. Neither depends on how many processes
share them, unless so many that a batch could not hold the longest cell of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cellclassifier.models.geneformer.mapped_tokens import MappedTokens

LENGTH_NOISE = 0.04  # relative; so that a cell meets other cells in every epoch


@dataclass(frozen=True)
class TokenCells:
    """Tokens of many cells in one array.

    tokens: (n_tokens,), in memory or on disk; starts, stops: (n_cells,) where each cell's begin and
    end; labels: (n_cells,) codes of types, or None.
    """

    tokens: np.ndarray | MappedTokens
    starts: np.ndarray
    stops: np.ndarray
    labels: np.ndarray | None = None

    @classmethod
    def from_bounds(cls, tokens, bounds: np.ndarray, labels=None) -> TokenCells:
        """From bounds (n_cells + 1,): where each cell begins, and the last one ends."""
        return cls(tokens, bounds[:-1], bounds[1:], labels)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per cell, (n_cells,)."""
        return self.stops - self.starts

    def labelled(self, labels: np.ndarray) -> TokenCells:
        """The same cells with codes of their types."""
        return replace(self, labels=labels)

    def cut(self, max_tokens: int) -> TokenCells:
        """The same cells with no more than so many tokens each, the highest-ranked."""
        return replace(self, stops=np.minimum(self.stops, self.starts + max_tokens))

    def __getitem__(self, index: np.ndarray) -> TokenCells:
        """Some of the cells; their tokens are shared, not copied."""
        labels = None if self.labels is None else self.labels[index]
        return TokenCells(self.tokens, self.starts[index], self.stops[index], labels)

    def counts(self, n_tokens: int) -> np.ndarray:
        """How often every token occurs, (n_tokens,)."""
        counts = np.zeros(n_tokens, dtype=np.int64)
        for start, stop in zip(self.starts.tolist(), self.stops.tolist(), strict=True):
            counts[self.tokens[start:stop]] += 1  # a cell has a token once
        return counts

    def padded(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (n, T) int64 of some cells, filled up with 0, and which are real, (n, T) bool."""
        lengths = self.lengths[index]
        column = np.arange(lengths.max())
        real = column < lengths[:, None]  # (n, T)
        position = np.minimum(self.starts[index, None] + column, len(self.tokens) - 1)
        return np.where(real, self.tokens[position], 0).astype(np.int64), real


class BudgetBatches:
    """The batches of every epoch.

    lengths: (n_cells,) of at least 1; budget: tokens per batch, raised to the longest cell (for
    each process).
    """

    def __init__(self, lengths, budget: int, seed: int = 0, n_processes: int = 1):
        self.lengths, self.seed = np.asarray(lengths, dtype=np.int64), seed
        budget = max(budget, n_processes * int(self.lengths.max()))
        # Rounded down, so that a batch is at least as wide as a cell of each process.
        self.n_batches = max(1, int(self.lengths.sum()) // budget)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """The batches of one epoch, in random order, as index arrays; every cell is in one."""
        rng = np.random.default_rng((self.seed, epoch))
        noise = np.exp(rng.normal(0, LENGTH_NOISE, len(self.lengths)))
        order = np.argsort(self.lengths * noise, kind="stable")
        cut = cut_evenly(self.lengths[order], self.n_batches)
        batches = np.split(order, cut)
        return [batches[i] for i in rng.permutation(len(batches))]

    def padding_share(self, epoch: int = 0) -> float:
        """Share of an epoch's token positions that are padding."""
        return padding_share(self.lengths, self.batches(epoch))


def cut_evenly(lengths: np.ndarray, n_batches: int) -> np.ndarray:
    """Where to cut cells, in their order, into batches of about equal numbers of tokens.

    A cell belongs to the batch in whose step of the running sum it starts. No batch is empty where
    no cell is longer than a step.
    """
    total = int(lengths.sum())
    begins = np.cumsum(lengths) - lengths
    return np.searchsorted(begins * n_batches // total, np.arange(1, n_batches))


def sorted_batches(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """For inference: all cells, longest first, padded size of every batch within the budget."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    batches, start = [], 0
    while start < len(order):
        fits = max(1, budget // max(int(lengths[order[start]]), 1))
        batches.append(order[start : start + fits])
        start += fits
    return batches


def padding_share(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """Share of token positions that are padding, when each batch is padded to its longest cell."""
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    return 1 - sum(int(lengths[batch].sum()) for batch in batches) / padded
