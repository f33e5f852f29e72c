"""What a network learns, as the training loop sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import nn
from torch.nn.functional import cross_entropy

Inputs = dict[str, torch.Tensor]  # of one batch, every tensor (B, ...)


class Task(ABC):
    """Batches, loss and validation of one thing to learn.

    The loop divides a batch's loss by the mean number of items per batch, so that every item weighs
    the same although batches differ in size, and so that processes that share a batch add up to
    one process. What is random in a batch must follow from its epoch and samples alone (a seeded
    generator), or come from torch, which the loop seeds before every step.
    """

    best: str | None = None
    """the value of ``evaluate`` that chooses the epoch; None: the last one is taken"""

    lowest_is_best = False
    """whether that value is a loss rather than a score"""

    splits = True
    """whether the loss of a batch is the sum of its parts'; no for losses between samples"""

    lower = "--batch-size"
    """the options that make a batch smaller, for when memory is full"""

    unit = "cell"
    """what a sample is, for the progress bar"""

    n_samples: int
    """samples that an epoch goes through"""

    items: float
    """what the loss of an epoch is a mean over: samples, or masked positions, or pairs"""

    @abstractmethod
    def batches(self, epoch: int) -> list[np.ndarray]:
        """Samples of every batch of an epoch (from 0), as index arrays; as many in every epoch."""

    @abstractmethod
    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """What ``loss_sum`` needs of some samples, on the CPU, the samples along the first axis."""

    @abstractmethod
    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Loss in nats, summed over the items of a batch, a scalar; inputs on the device."""

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Values on the validation samples, by name ("loss", "macro_f1"); {} where there are none.

        Several processes call it together and must find the same.
        """
        return {}


def judged(scores: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Loss in nats, accuracy and macro-F1 of types, as ``Task.evaluate`` returns them.

    scores: (n, n_types) float32 before softmax; codes: (n,) int, the right types.
    """
    predicted = scores.argmax(axis=1)
    return {
        "loss": cross_entropy(torch.from_numpy(scores), torch.from_numpy(codes)).item(),
        "accuracy": accuracy_score(codes, predicted),
        "macro_f1": f1_score(codes, predicted, average="macro"),
    }
