"""Checkpoints: whole or not taken, no pickle, no more of them than needed."""

from __future__ import annotations

import errno
import json
import logging
import shutil

import pytest
import safetensors.torch
import torch
from models.neural.toy import Net, fit, weights
from safetensors import SafetensorError

from cellclassifier.errors import InputError
from cellclassifier.models.neural import checkpoints as checkpoints_module
from cellclassifier.models.neural.checkpoints import (
    NETWORK,
    OPTIMIZER,
    STATE,
    Checkpoints,
    TrainingState,
    fill,
    flat,
)


def steps_in(folder) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", [NETWORK, OPTIMIZER, STATE])
@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, lambda path: path.unlink()])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, caplog, name, damage):
    caplog.set_level(logging.INFO)
    whole, expected = fit(tmp_path)
    assert steps_in(tmp_path)[-2:] == [21, 28]
    if name == STATE and damage is flip_a_bit:
        damage = cut_short  # a JSON value that changed is no damage that can be told
    damage(tmp_path / "step-000000028" / name)
    again, found = fit(tmp_path)
    assert "step-000000028 is damaged" in caplog.text
    assert (weights(again) == weights(whole)).all()
    assert found.history == expected.history
    assert steps_in(tmp_path)[-2:] == [21, 28]


@pytest.mark.parametrize("file", [NETWORK, OPTIMIZER, STATE])
def test_a_full_disk_is_said_and_the_checkpoints_before_stay(tmp_path, monkeypatch, file):
    """In the errors of safetensors and of Python; nothing half-written is left behind."""
    whole, _ = fit(tmp_path / "whole")
    writer = {NETWORK: "save_model", OPTIMIZER: "save_file"}.get(file)

    def full(*arguments, **options):
        if any(str(a).endswith(f"step-000000021/{file}") for a in arguments):
            if not writer:
                raise OSError(errno.ENOSPC, "No space left on device")
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        return original(*arguments, **options)

    place, name = (safetensors.torch, writer) if writer else (checkpoints_module, "write_json")
    original = getattr(place, name)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, full)
        sentence = r"step-000000021 could not be written \(.*No space left.*MB .* are free: make"
        with pytest.raises(InputError, match=sentence):
            fit(tmp_path / "full")
    assert [path.name for path in sorted((tmp_path / "full").iterdir())] == [
        "step-000000007",
        "step-000000014",
    ]
    again, _ = fit(tmp_path / "full")
    assert (weights(again) == weights(whole)).all()


def test_all_of_them_damaged_is_a_new_start(tmp_path):
    whole, _ = fit(tmp_path)
    for path in tmp_path.rglob(OPTIMIZER):
        cut_short(path)
    again, _ = fit(tmp_path)
    assert (weights(again) == weights(whole)).all()


def test_without_the_best_epoch_a_checkpoint_is_not_whole(tmp_path):
    whole, _ = fit(tmp_path, learning_rate=0.05, epochs=6)
    newest = json.loads((tmp_path / "step-000000042" / STATE).read_text())["state"]
    assert newest["best_step"] in steps_in(tmp_path)
    shutil.rmtree(tmp_path / f"step-{newest['best_step']:09d}")
    again, _ = fit(tmp_path, learning_rate=0.05, epochs=6)
    assert (weights(again) == weights(whole)).all()


def test_only_what_is_needed_is_kept(tmp_path):
    network, optimizer = Net(), torch.optim.AdamW(Net().parameters())
    checkpoints = Checkpoints(tmp_path, {})
    for step, best in ((1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (6, 4), (7, 4)):
        checkpoints.save(TrainingState(step=step, best_step=best), network, optimizer)
        expected = {1: [1], 2: [1, 2], 3: [1, 2, 3], 4: [1, 3, 4], 5: [4, 5], 6: [4, 5, 6]}
        assert steps_in(tmp_path) == expected.get(step, [4, 6, 7])
    assert not list(tmp_path.glob(".*"))


def test_checkpoints_of_another_training_are_refused_and_left_alone(tmp_path):
    fit(tmp_path, epochs=1)
    for changed, name in (
        ({"epochs": 2}, "epochs 1, here 2"),
        ({"learning_rate": 0.5}, "learning_rate 0.01, here 0.5"),
        ({"epochs": 1, "seed": 9}, "seed 3, here 9"),
    ):
        with pytest.raises(InputError, match=f"another training.*{name}.*--fresh"):
            fit(tmp_path, **{"epochs": 1} | changed)
    assert steps_in(tmp_path) == [7]


def test_no_file_is_a_pickle(tmp_path):
    fit(tmp_path, epochs=1)
    for path in tmp_path.rglob("*"):
        if path.suffix == ".safetensors":
            safetensors.torch.load_file(path)
        elif path.is_file():
            json.loads(path.read_text())


def test_tied_weights_are_stored_once_and_stay_tied(tmp_path):
    network, other = Net(), Net(seed=1)
    for one in (network, other):
        one.again = torch.nn.Linear(5, 16)
        one.again.weight = one.first.weight
    checkpoints = Checkpoints(tmp_path, {})
    checkpoints.save(TrainingState(step=1), network, torch.optim.AdamW(network.parameters()))
    checkpoints.load_network(1, other)
    assert (weights(other) == weights(network)).all()
    assert other.again.weight is other.first.weight


def test_an_optimizer_survives():
    def trained(steps):
        network = Net()
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=True)
        learn(network, optimizer, steps)
        return network, optimizer

    def learn(network, optimizer, steps):
        for i in range(steps):
            network(torch.arange(20.0).reshape(4, 5) + i).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    torch.manual_seed(0)
    network, optimizer = trained(3)
    other = Net()
    other.load_state_dict(network.state_dict())
    new = torch.optim.AdamW(other.parameters(), lr=0.1, fused=True)
    fill(new, {name: value.clone() for name, value in flat(optimizer).items()})
    for one, own in ((network, optimizer), (other, new)):
        one.eval()
        learn(one, own, 2)
    assert (weights(network) == weights(other)).all()
