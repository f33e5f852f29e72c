"""The loop: resumes to the last bit, stops early, keeps the best epoch, halves a full memory."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from models.neural.toy import OPTIONS, Net, Points, fit, weights
from torch.nn.functional import cross_entropy

from cellclassifier.errors import InputError
from cellclassifier.models.neural import loop

N_BATCHES = 7  # of 60 points


class KilledError(Exception):
    """Stands for a process that is killed."""


def kill_after(monkeypatch, n_steps: int) -> list:
    """Die in the step after ``n_steps``; the list grows with every step."""
    steps, original = [], loop.Loop.step

    def count_and_die(self, *args):
        steps.append(self.state.step)
        if len(steps) > n_steps:
            raise KilledError
        return original(self, *args)

    monkeypatch.setattr(loop.Loop, "step", count_and_die)
    return steps


@pytest.mark.parametrize("n_steps", [0, 1, 6, 7, 8, 13, 14, 27])
@pytest.mark.parametrize("save_seconds", [-1, 600])
def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, monkeypatch, n_steps, save_seconds):
    """With a checkpoint after every step, or only after every epoch."""
    whole, expected = fit(tmp_path / "whole")
    monkeypatch.setattr(loop, "SAVE_SECONDS", save_seconds)
    with monkeypatch.context() as patched:
        kill_after(patched, n_steps)
        with pytest.raises(KilledError):
            fit(tmp_path / "killed")
    steps = kill_after(monkeypatch, 10**9)
    torch.manual_seed(n_steps)  # of whatever ran before
    resumed, found = fit(tmp_path / "killed")
    kept = n_steps if save_seconds < 0 else n_steps // N_BATCHES * N_BATCHES
    assert steps == list(range(kept, 4 * N_BATCHES))  # what was done is not done again
    assert (weights(resumed) == weights(whole)).all()
    assert found.history == expected.history


def test_a_run_that_has_ended_is_taken_up_without_a_step(tmp_path, monkeypatch):
    whole, expected = fit(tmp_path, epochs=12, patience=2, learning_rate=0.05)
    assert 3 <= len(expected.history) < 12  # it stopped early
    steps = kill_after(monkeypatch, 0)
    again, found = fit(tmp_path, epochs=12, patience=2, learning_rate=0.05)
    assert not steps
    assert (weights(again) == weights(whole)).all()
    assert found.history == expected.history


def test_killed_just_before_it_would_have_stopped_early(tmp_path, monkeypatch):
    """How long it has waited for a better epoch is remembered."""
    options = {"epochs": 12, "patience": 2, "learning_rate": 0.05}
    whole, expected = fit(tmp_path / "whole", **options)
    n_epochs = len(expected.history)
    with monkeypatch.context() as patched:
        kill_after(patched, N_BATCHES * (n_epochs - 1) + 2)
        with pytest.raises(KilledError):
            fit(tmp_path / "killed", **options)
    resumed, found = fit(tmp_path / "killed", **options)
    assert len(found.history) == n_epochs
    assert (weights(resumed) == weights(whole)).all()


def scores_in_turn(scores) -> Points:
    task = Points()
    turn = iter(scores)
    task.evaluate = lambda network: {"accuracy": next(turn), "loss": 1.0}
    return task


@pytest.mark.parametrize(
    ("scores", "patience", "n_epochs", "best"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.4], 1, 5, 4),
        ([0.1, 0.3, 0.3, 0.4], 1, 3, 2),  # no better is no better
        ([0.1, 0.3, 0.2, 0.4, 0.3, 0.3], 2, 6, 4),
        ([0.5, 0.4, 0.3, 0.2], 3, 4, 1),
    ],
)
def test_the_best_epoch_is_kept_and_patience_ends(tmp_path, scores, patience, n_epochs, best):
    network, trained = fit(tmp_path, scores_in_turn(scores), epochs=6, patience=patience)
    assert len(trained.history) == n_epochs
    # Of a run as long, stopped at the best epoch by a task that wants the last one.
    last = Points(validates=False)
    patched = replace(OPTIONS, epochs=6)
    stopped = loop.Loop(Net(), last, patched, 3, torch.device("cpu"), tmp_path / "other")
    end_epoch = stopped._end_epoch

    def end():
        end_epoch()
        stopped.state.has_ended = stopped.state.epoch == best

    stopped._end_epoch = end
    stopped.run()
    assert (weights(network) == weights(stopped.network)).all()


def test_the_lowest_loss_can_be_the_best(tmp_path):
    task = Points()
    task.best, task.lowest_is_best = "loss", True
    turn = iter([0.5, 0.4, 0.6, 0.7])
    task.evaluate = lambda network: {"loss": next(turn)}
    _, trained = fit(tmp_path, task, epochs=9, patience=2)
    assert [row["val_loss"] for row in trained.history] == [0.5, 0.4, 0.6, 0.7]


def test_without_validation_every_epoch_is_learned(tmp_path):
    _, trained = fit(tmp_path, Points(validates=False), epochs=3, patience=1)
    assert [set(row) for row in trained.history] == [{"epoch", "train_loss", "learning_rate"}] * 3


def test_without_validation_there_is_no_plateau(tmp_path):
    options = {"epochs": 14, "schedule": "plateau", "warmup_share": 0}
    _, trained = fit(tmp_path, Points(validates=False), **options)
    assert {row["learning_rate"] for row in trained.history} == {OPTIONS.learning_rate}


def test_seeds_and_the_callers_random_numbers(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    network = Net(seed=0)
    torch.manual_seed(5)
    first, _ = fit(tmp_path / "1", network=network)
    assert (torch.rand(3) == expected).all()  # training drew none of theirs
    again, _ = fit(tmp_path / "2")
    other, _ = fit(tmp_path / "3", seed=4)  # of dropout
    assert (weights(first) == weights(again)).all()
    assert (weights(first) != weights(other)).any()


def test_every_step_of_every_process_draws_its_own_random_numbers(tmp_path, monkeypatch):
    task, drawn = Points(), []
    original = task.loss_sum

    def loss_sum(network, inputs):
        drawn.append(torch.initial_seed())
        return original(network, inputs)

    task.loss_sum = loss_sum
    fit(tmp_path, task)
    assert len(set(drawn)) == len(drawn) == 4 * N_BATCHES
    other = loop.Loop(Net(), task, OPTIONS, 3, torch.device("cpu"), tmp_path / "other")
    monkeypatch.setattr(loop.processes, "place", lambda: 1)
    other._seed()
    assert torch.initial_seed() not in drawn


class Linear(Net):
    """Without dropout and batch norm: a batch's gradient is the sum of its pieces'."""

    def forward(self, x):
        if len(x) > getattr(self, "room", 10**9):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.last(self.first(x).relu())


def test_it_is_plain_torch(tmp_path):
    """The same as a loop written out: AdamW on matrices, a linear schedule, clipped gradients."""
    network, trained = fit(tmp_path, network=Linear(), weight_decay=0.1, warmup_share=0.2)
    plain, task, losses = Linear(), Points(), []
    decays = [plain.first.weight, plain.last.weight]
    others = [plain.first.bias, plain.last.bias]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2)
    # ceil(0.2 * 28) = 6 steps up, 22 down to 0.
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: step / 6 if step < 6 else (28 - step) / 22
    )
    best, best_score = None, -1.0
    for epoch in range(4):
        sums = []
        for index in task.batches(epoch):
            inputs = task.batch(epoch, index)
            loss = cross_entropy(plain(inputs["x"]), inputs["y"], reduction="sum") / (60 / 7)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
            optimizer.step()
            rates.step()
            optimizer.zero_grad()
            sums.append(loss.item())
        losses.append(np.mean(sums))
        score = task.evaluate(plain)["accuracy"]
        plain.train()
        if score > best_score:
            best, best_score = weights(plain), score
    assert [row["train_loss"] for row in trained.history] == pytest.approx(losses, rel=1e-5)
    assert weights(network) == pytest.approx(best, abs=1e-5)


def test_a_full_memory_halves_the_batch_and_changes_no_result(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    whole, _ = fit(tmp_path / "1", network=Linear())
    small = Linear()
    small.room = 4
    task = Points()
    task.evaluate = lambda network: {"accuracy": 1.0 if network.training else 0.0}
    halved, _ = fit(tmp_path / "2", network=small, epochs=4)
    assert weights(halved) == pytest.approx(weights(whole), abs=1e-5)
    said = [record.message for record in caplog.records if "going on with 1/" in record.message]
    assert said == [
        "Out of memory: going on with 1/2 of a batch at a time.",
        "Out of memory: going on with 1/4 of a batch at a time.",  # of 9 points
    ]
    caplog.clear()
    small.room = 10**9  # a run that goes on does not try again what did not fit
    state = loop.Loop(small, task, OPTIONS, 3, torch.device("cpu"), tmp_path / "2").state
    assert state.pieces == 4


def test_memory_for_no_sample_or_no_piece_is_an_input_error(tmp_path):
    small = Linear()
    small.room = 0
    with pytest.raises(InputError, match=r"memory of cpu is full .*lower --batch-size"):
        fit(tmp_path, network=small)
    task = Points()
    task.splits = False  # a loss between samples is no sum
    small.room = 4
    with pytest.raises(InputError, match=r"memory of cpu is full .*lower --batch-size"):
        fit(tmp_path, task, network=small)


def test_other_errors_are_not_taken_for_a_full_memory(tmp_path):
    task = Points()
    task.loss_sum = lambda network, inputs: network(inputs["x"][:, :3])
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit(tmp_path, task)


def test_a_loss_that_is_no_number_is_an_input_error(tmp_path):
    task = Points()
    task.loss_sum = lambda network, inputs: network(inputs["x"]).sum() * float("inf")
    with pytest.raises(InputError, match=r"loss of epoch 1 is (nan|-?inf): lower --learning-rate"):
        fit(tmp_path, task)
    assert not list(tmp_path.glob("step-*"))  # it is no point to go on from
