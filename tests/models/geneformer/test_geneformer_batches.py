"""Batches: every cell once, tokens within the budget, little padding, shared among processes."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from cellclassifier.models.geneformer.batches import (
    BudgetBatches,
    TokenCells,
    padding_share,
    sorted_batches,
)
from cellclassifier.models.neural.processes import share

# Like real cells: a mean of 700 tokens, a long tail up to 2,048.
LENGTHS = np.minimum(np.random.default_rng(0).lognormal(6.4, 0.5, 2000).astype(int) + 1, 2048)


@settings(max_examples=examples(50), deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=3, max_size=200),
    st.integers(1, 2000),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_every_cell_is_in_one_batch_of_one_process(lengths, budget, epoch, world):
    sampler = BudgetBatches(lengths, budget, seed=1, n_processes=world)
    whole = sampler.batches(epoch)
    assert len(whole) == sampler.n_batches
    batches = [[share(batch, place, world) for batch in whole] for place in range(world)]
    cells = [cell for own in batches for batch in own for cell in batch]
    assert sorted(cells) == list(range(len(lengths)))
    if len(lengths) >= world:
        assert all(len(batch) for own in batches for batch in own)  # no process without a cell


def test_batches_are_full_and_alike_and_change_with_the_epoch():
    sampler = BudgetBatches(LENGTHS, budget=round(8 * LENGTHS.mean()))
    tokens = [LENGTHS[batch].sum() for batch in sampler.batches(0)]
    assert max(tokens) < 1.5 * np.mean(tokens)
    assert sampler.n_batches == pytest.approx(len(LENGTHS) / 8, rel=0.05)
    assert sampler.padding_share() < 0.15
    random = np.split(np.random.default_rng(0).permutation(2000), 250)
    assert padding_share(LENGTHS, random) > 0.4  # the reference recipe
    first, again, second = sampler.batches(0), sampler.batches(0), sampler.batches(1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert {frozenset(b) for b in first} != {frozenset(b) for b in second}


@pytest.mark.parametrize("budget", [1, 700, 10_000, 10**9])
def test_inference_batches_fit_the_budget(budget):
    batches = sorted_batches(LENGTHS, budget)
    assert sorted(np.concatenate(batches)) == list(range(len(LENGTHS)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * LENGTHS[batch].max() <= budget
    assert sorted_batches(np.array([]), budget) == []


def test_padded_cells_hold_their_tokens_and_zeros():
    cells = TokenCells.from_bounds(np.arange(2, 12), np.array([0, 3, 3, 8, 10])).cut(4)
    tokens, real = cells.padded(np.array([0, 2, 3]))
    assert tokens.tolist() == [[2, 3, 4, 0], [5, 6, 7, 8], [10, 11, 0, 0]]
    assert (real == (tokens > 0)).all()
    assert cells.lengths.tolist() == [3, 0, 4, 2]
    assert cells[np.array([2, 0])].lengths.tolist() == [4, 3]
