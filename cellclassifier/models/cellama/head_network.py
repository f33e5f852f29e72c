"""A network on vectors: one hidden layer of 256, as published, but for its two softmaxes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import f1_score
from torch import nn
from torch.nn.functional import cross_entropy

from cellclassifier.models.cellama.heads import Head, Scaling, check_arrays
from cellclassifier.models.neural.device import one_thread
from cellclassifier.models.neural.loop import train
from cellclassifier.models.neural.task import Inputs, Task

HIDDEN, DROPOUT = 256, 0.3
EPOCHS, PATIENCE, RATE, BATCH = 40, 8, 1e-3, 64


class NetworkHead(Head):
    """Scores by one hidden layer; the epoch is the best by the validation cells' macro-F1."""

    names = ("mean", "scale", "hidden", "hidden_bias", "scores", "scores_bias")

    @torch.random.fork_rng([])  # the caller's random numbers stay as they are
    def fit(self, vectors, codes, n_types, validation) -> None:
        """Cross-entropy of the scores, which no softmax has touched."""
        self.scaling = Scaling.learn(vectors)
        x = self.scaling(vectors).astype(np.float32)
        held_out = validation and (self.scaling(validation[0]).astype(np.float32), validation[1])
        torch.manual_seed(self.seed)
        network = nn.Sequential(
            nn.Linear(x.shape[1], HIDDEN),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, n_types),
        )
        options = replace(
            self.options, epochs=EPOCHS, patience=PATIENCE, learning_rate=RATE, batch_size=BATCH
        )
        with tempfile.TemporaryDirectory() as folder, one_thread():
            task = VectorTypes(x, codes, held_out, self.seed)
            train(network, task, options, self.seed, torch.device("cpu"), Path(folder))
        self._keep(*(p.detach().numpy().astype(np.float64) for p in network.parameters()))

    def _keep(self, hidden, hidden_bias, scores, scores_bias) -> None:
        self.hidden, self.hidden_bias = hidden, hidden_bias
        self.scores, self.scores_bias = scores, scores_bias

    def outputs(self, vectors):
        """Softmax of the scores; features are the scaled vectors."""
        scaled = self.scaling(vectors)
        hidden = np.maximum(scaled @ self.hidden.T + self.hidden_bias, 0)
        return softmax(hidden @ self.scores.T + self.scores_bias, axis=1), scaled

    def arrays(self):
        """Scaling and weights."""
        known = {name: getattr(self, name) for name in self.names[2:]}
        return {"mean": self.scaling.mean, "scale": self.scaling.scale} | known

    @classmethod
    def of_arrays(cls, options, arrays, width, n_types):
        """From ``arrays``."""
        shapes = (width,), (width,), (HIDDEN, width), (HIDDEN,), (n_types, HIDDEN), (n_types,)
        check_arrays(arrays, dict(zip(cls.names, shapes, strict=True)))
        head = cls(options)
        head.scaling = Scaling(arrays["mean"], arrays["scale"])
        head._keep(*(arrays[name] for name in cls.names[2:]))
        return head


class VectorTypes(Task):
    """Types of vectors; x: (n_cells, width) float32; validation: (x, codes) or None."""

    best = "macro_f1"

    def __init__(self, x: np.ndarray, codes: np.ndarray, validation, seed: int):
        self.x, self.codes, self.validation, self.seed = x, codes, validation, seed
        self.n_samples = self.items = len(x)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """All cells in random order."""
        order = np.random.default_rng((self.seed, epoch)).permutation(self.n_samples)
        return np.array_split(order, -(-self.n_samples // BATCH))

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Vectors and types."""
        x, types = self.x[samples], self.codes[samples]
        return {"x": torch.from_numpy(x), "types": torch.from_numpy(types)}

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Cross-entropy in nats."""
        return cross_entropy(network(inputs["x"]), inputs["types"], reduction="sum")

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Macro-F1 on the validation cells."""
        if self.validation is None:
            return {}
        x, codes = self.validation
        network.eval()
        with torch.inference_mode():
            predicted = network(torch.from_numpy(x)).argmax(dim=1).numpy()
        return {"macro_f1": f1_score(codes, predicted, average="macro")}
