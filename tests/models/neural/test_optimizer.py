"""AdamW and its schedule: equal to those of transformers, which pretrained models come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    Trainer,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from cellclassifier.errors import InputError
from cellclassifier.models.neural.optimizer import adamw, halvings, learning_rate
from cellclassifier.models.neural.options import TrainingOptions


def small_bert() -> BertForMaskedLM:
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    return BertForMaskedLM(BertConfig(vocab_size=20, num_hidden_layers=2, **sizes))


def test_the_same_weights_decay_as_in_transformers():
    network = small_bert()
    expected = set(Trainer.get_decay_parameter_names(None, network))
    decaying, others = adamw(network, TrainingOptions(weight_decay=0.3)).param_groups
    names = {id(weight): name for name, weight in network.named_parameters()}
    assert {names[id(weight)] for weight in decaying["params"]} <= expected
    assert not {names[id(weight)] for weight in others["params"]} & expected
    assert len(decaying["params"]) + len(others["params"]) == len(names)
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert (decaying["betas"], decaying["eps"]) == ((0.9, 0.999), 1e-8)


def test_frozen_weights_are_not_in_it():
    network = small_bert()
    network.bert.requires_grad_(False)
    groups = adamw(network, TrainingOptions()).param_groups
    assert all(weight.requires_grad for group in groups for weight in group["params"])


@pytest.mark.parametrize("n_steps", [1, 7, 56])
@pytest.mark.parametrize("warmup_share", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_schedule_is_that_of_transformers(n_steps, warmup_share, schedule):
    options = TrainingOptions(learning_rate=0.3, warmup_share=warmup_share, schedule=schedule)
    make = {"linear": get_linear_schedule_with_warmup, "cosine": get_cosine_schedule_with_warmup}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    warmup = -int(-n_steps * warmup_share // 1)  # rounded up
    scheduler = make[schedule](optimizer, warmup, n_steps)
    for step in range(n_steps):
        expected = scheduler.get_last_lr()[0]
        assert learning_rate(step, n_steps, options) == pytest.approx(expected, abs=1e-15)
        optimizer.step()
        scheduler.step()


def test_a_constant_rate_stays():
    options = TrainingOptions(learning_rate=0.3, warmup_share=0.5, schedule="constant")
    assert [learning_rate(i, 4, options) for i in range(4)] == [0, 0.15, 0.3, 0.3]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"epochs": 0}, "--epochs 0: expected at least 1"),
        ({"batch_size": 0}, "--batch-size 0: expected at least 1"),
        ({"weight_decay": -1}, "--weight-decay -1: expected at least 0"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0: expected more than 0"),
        ({"warmup_share": 1.0}, "--warmup-share 1.0: expected less than 1"),
    ],
)
def test_options_are_checked(changed, sentence):
    with pytest.raises(InputError, match=sentence):
        TrainingOptions(**changed).check()


def test_halvings_are_those_of_reduce_on_plateau():
    rng = np.random.default_rng(0)
    scores = np.concatenate([np.linspace(0, 1, 5), rng.uniform(0, 1.01, 40)])
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=5, threshold=0.0, eps=0.0
    )
    for n, score in enumerate(scores, 1):
        plateau.step(score)
        assert optimizer.param_groups[0]["lr"] == 0.5 ** halvings(scores[:n].tolist())
