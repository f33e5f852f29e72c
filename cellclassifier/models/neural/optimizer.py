"""AdamW as networks of this kind are trained, and how its learning rate goes."""

from __future__ import annotations

import math

import torch
from torch import nn

from cellclassifier.models.neural.options import TrainingOptions

PATIENCE = 5  # epochs on a plateau, of the schedule of that name


def adamw(network: nn.Module, options: TrainingOptions) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) over what is not frozen.

    Matrices and kernels decay; biases, weights of norms and single numbers, which have one
    dimension or none, do not.
    """
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in learned if w.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [w for w in learned if w.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)


def learning_rate(step: int, n_steps: int, options: TrainingOptions) -> float:
    """Of a step (from 0) of all ``n_steps``: up from 0 during the warm-up, then as scheduled."""
    return options.learning_rate * _share(step, n_steps, options)


def halvings(scores: list[float], patience: int = PATIENCE) -> int:
    """How often a learning rate has been halved after these epochs, as torch's ReduceLROnPlateau.

    scores: of every epoch, higher is better. It is halved when more than ``patience`` epochs in a
    row were no better than the best, which are then counted anew.
    """
    best, waited, found = -math.inf, 0, 0
    for score in scores:
        best, waited = (score, 0) if score > best else (best, waited + 1)
        if waited > patience:
            found, waited = found + 1, 0
    return found


def _share(step: int, n_steps: int, options: TrainingOptions) -> float:
    warmup = math.ceil(n_steps * options.warmup_share)
    if step < warmup:
        return step / warmup
    left = (n_steps - step) / max(1, n_steps - warmup)
    if options.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (1 - left)))
    return left if options.schedule == "linear" else 1.0
