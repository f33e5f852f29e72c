"""Minibatches with enough cells of rare types."""

from __future__ import annotations

import numpy as np
import pytest

from cellclassifier.models.neural.balance import balanced_batches, cells_per_type

CODES = np.repeat(np.arange(4), [900, 80, 15, 5])


def batches(codes=CODES, size=100, balance=0.5, least=4, seed=0):
    return balanced_batches(codes, size, balance, least, np.random.default_rng(seed))


def test_there_are_as_many_batches_as_the_cells_fill_and_each_is_about_as_large():
    found = batches()
    assert len(found) == 10
    assert all(abs(len(batch) - 100) <= 4 for batch in found)
    assert np.mean([len(batch) for batch in found]) == pytest.approx(100, abs=2)


@pytest.mark.parametrize("balance", [0, 0.5, 1])
def test_every_type_has_enough_cells_in_every_batch(balance):
    counts = np.array(
        [np.bincount(CODES[batch], minlength=4) for batch in batches(balance=balance)]
    )
    assert counts.min() >= 4


def test_with_many_types_they_take_turns_and_have_enough_or_none():
    codes = np.repeat(np.arange(60), np.arange(1, 61))
    found = [np.bincount(codes[batch], minlength=60) for batch in batches(codes, 64)]
    counts = np.array(found)
    assert set(np.unique(counts[counts < 4])) == {0}
    assert (counts.sum(axis=0) > 0).mean() > 0.9


def test_no_batch_is_empty_where_many_types_take_turns_in_few_places():
    codes = np.repeat(np.arange(20), 10)
    for seed in range(20):
        assert all(len(batch) for batch in batches(codes, size=8, seed=seed))


def test_a_type_s_cells_come_in_turns():
    """No cell of a type comes a second time before all have come once."""
    drawn = np.concatenate(batches())
    for code in range(4):
        cells = np.flatnonzero(code == CODES)
        times = np.bincount(drawn, minlength=len(CODES))[cells]
        assert times.max() - times.min() <= 1


def test_shares_follow_the_balance():
    assert cells_per_type([90, 10], 100, 0, 0) == pytest.approx([90, 10])
    assert cells_per_type([90, 10], 100, 1, 0) == pytest.approx([50, 50])
    assert cells_per_type([81, 9, 9], 100, 0.5, 0) == pytest.approx([60, 20, 20])


def test_the_same_seed_draws_the_same_batches():
    first, again, other = batches(), batches(), batches(seed=1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(first, other, strict=True))


def test_drawing_by_n_to_the_half_is_weighting_by_n_to_the_minus_half():
    """The mean loss over such batches is that over all cells with the weights n^-1/2.

    That holds up to what the least number of cells adds for the rarest types, which is none here.
    """
    codes = np.repeat(np.arange(3), [900, 225, 36])
    loss = np.random.default_rng(5).random(len(codes)) + codes
    weights = np.bincount(codes)[codes] ** -0.5
    rng = np.random.default_rng(0)
    drawn = np.concatenate(
        [np.concatenate(balanced_batches(codes, 102, 0.5, 0, rng)) for _ in range(40)]
    )
    assert loss[drawn].mean() == pytest.approx(np.average(loss, weights=weights), rel=0.01)
    times = np.bincount(drawn, minlength=len(codes)) / weights
    per_type = [times[codes == code].mean() for code in range(3)]
    assert per_type == pytest.approx([np.mean(per_type)] * 3, rel=0.03)
