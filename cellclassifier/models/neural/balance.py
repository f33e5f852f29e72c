"""Minibatches with enough cells of every type for cells to be compared within it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def balanced_batches(
    codes: np.ndarray, batch_size: int, balance: float, least: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Batches of an epoch, as index arrays of about ``batch_size``; as many as the cells fill.

    codes: the type of each cell, (n_cells,); balance: 0 takes types by their share of the cells, 1
    all equally often; least: cells that a type has in every batch, unless that were over half of
    it: then small types take turns, and have ``least`` or none. The cells of a type are gone
    through in random order, all of them before one comes again.
    """
    types = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    turns = [_turns(cells, rng) for cells in types]
    wanted = cells_per_type([len(cells) for cells in types], batch_size, balance, least)
    batches = []
    for _ in range(-(-len(codes) // batch_size)):
        counts = _whole(wanted, least, rng)
        while not counts.any():  # where few of many types have their turn, now and then none has
            counts = _whole(wanted, least, rng)
        drawn = [next(turn) for turn, n in zip(turns, counts, strict=True) for _ in range(n)]
        batches.append(rng.permutation(np.array(drawn, dtype=np.int64)))
    return batches


def cells_per_type(n_cells: list[int], batch_size: int, balance: float, least: int) -> np.ndarray:
    """Expected cells of every type in a batch, (n_types,), in all ``batch_size``."""
    share = np.array(n_cells, dtype=float) ** (1 - balance)
    base = min(least, batch_size / (2 * len(n_cells)))
    return base + (batch_size - base * len(n_cells)) * share / share.sum()


def _whole(wanted: np.ndarray, least: int, rng: np.random.Generator) -> np.ndarray:
    """Whole numbers whose mean is ``wanted``, each 0 or at least ``least``."""
    luck = rng.random(len(wanted))
    turns = np.where(luck < wanted / max(least, 1), least, 0)
    return np.where(wanted < least, turns, np.floor(wanted + luck)).astype(int)


def _turns(cells: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    """Cells in random order without end."""
    while True:
        yield from rng.permutation(cells)
