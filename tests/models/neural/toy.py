"""A small network and something to learn, for the tests of the loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cellclassifier.models.neural.inference import Inference
from cellclassifier.models.neural.loop import train
from cellclassifier.models.neural.options import TrainingOptions
from cellclassifier.models.neural.task import Task

OPTIONS = TrainingOptions(epochs=4, learning_rate=1e-2, batch_size=8, device="cpu", patience=9)


class Net(nn.Module):
    """With dropout, a norm with buffers, and a number of its own (as a learned temperature)."""

    def __init__(self, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.norm = nn.Linear(5, 16), nn.BatchNorm1d(16)
        self.drop, self.last = nn.Dropout(0.3), nn.Linear(16, 3)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(self.norm(self.first(x)).relu())) * self.scale


class Points(Task):
    """Three clouds of points, batches of 8 in a random order that follows from the epoch."""

    best = "accuracy"

    def __init__(self, n: int = 60, validates: bool = True):
        rng = np.random.default_rng(0)
        self.y = rng.integers(0, 3, n + 30)
        self.x = (rng.normal(size=(n + 30, 5)) + self.y[:, None]).astype(np.float32)
        self.n_samples, self.items, self.validates = n, n, validates

    def batches(self, epoch):
        order = np.random.default_rng((1, epoch)).permutation(self.n_samples)
        return np.array_split(order, self.n_samples // 8)

    def batch(self, epoch, samples):
        noise = np.random.default_rng((2, epoch)).normal(size=self.x.shape).astype(np.float32)
        x = self.x[samples] + 0.1 * noise[samples]
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(self.y[samples])}

    def loss_sum(self, network, inputs):
        return cross_entropy(network(inputs["x"]), inputs["y"], reduction="sum")

    def evaluate(self, network):
        if not self.validates:
            return {}
        index = np.arange(self.n_samples, len(self.y))
        find = Inference(network).rows
        found = find([index], lambda i: {"x": torch.from_numpy(self.x[i])}, (len(self.y), 3))[index]
        loss = cross_entropy(torch.from_numpy(found), torch.from_numpy(self.y[index]))
        accuracy = (found.argmax(1) == self.y[index]).mean()
        return {"loss": loss.item(), "accuracy": float(accuracy)}


def fit(folder, task=None, network=None, seed=3, **changed):
    """A trained network, and how its training went."""
    network, task = network or Net(), task or Points()
    options = replace(OPTIONS, **changed)
    return network, train(network, task, options, seed, torch.device("cpu"), folder)


def weights(network: nn.Module) -> np.ndarray:
    """All weights and buffers, one after the other."""
    return torch.cat([x.detach().ravel().double() for x in network.state_dict().values()]).numpy()
