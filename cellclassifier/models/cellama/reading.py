"""Sentences as a network reads them, batch by batch."""

from __future__ import annotations

import numpy as np
import torch

from cellclassifier.models.neural.task import Inputs


class TokenRows:
    """Tokens of many sentences, (n_cells, n_places), 0 for none; cut where a batch has no more.

    first_special: tokens from this one on are never left out (None: all may be); whole: as wide as
    they are in every batch.
    """

    def __init__(self, tokens: np.ndarray, first_special: int | None = None, whole: bool = False):
        self.tokens, self.first_special, self.whole = tokens, first_special, whole
        self.lengths = (tokens > 0).sum(axis=1)

    def __len__(self) -> int:
        return len(self.tokens)

    def inputs(
        self, rows: np.ndarray, rng: np.random.Generator | None = None, dropout: float = 0.0
    ) -> Inputs:
        """What a network takes of some sentences; with ``rng`` some tokens are left out."""
        tokens = self.tokens[rows]
        tokens = np.where(self.left_out(tokens, rng, dropout), 0, tokens)
        used = np.flatnonzero((tokens > 0).any(axis=0))
        n_places = used[-1] + 1 if len(used) and not self.whole else tokens.shape[1]
        return {"tokens": torch.from_numpy(tokens[:, :n_places].astype(np.int64))}

    def left_out(self, tokens: np.ndarray, rng, dropout: float) -> np.ndarray:
        """Which tokens are, (B, T) bool."""
        if rng is None or not dropout:
            return np.zeros(tokens.shape, dtype=bool)
        chosen = rng.random(tokens.shape) < dropout
        return chosen if self.first_special is None else chosen & (tokens < self.first_special)


class HiddenRows:
    """What frozen layers made of many sentences; hidden: (n_cells, n_places, width) float16."""

    def __init__(self, rows: TokenRows, hidden: np.ndarray):
        self.rows, self.hidden = rows, hidden

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(
        self, rows: np.ndarray, rng: np.random.Generator | None = None, dropout: float = 0.0
    ) -> Inputs:
        """Hidden states, and which of them upper layers may look at."""
        tokens = self.rows.tokens[rows]
        real = (tokens > 0) & ~self.rows.left_out(tokens, rng, dropout)
        return {"hidden": torch.from_numpy(self.hidden[rows]), "real": torch.from_numpy(real)}
