"""From log-normalised expression to scores of types: nothing or one hidden layer in between."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

LARGEST_VALUE = 5.0  # standard deviations from the mean


class SeenGenes(nn.Module):
    """Standardised expression, in which a gene that is not seen has its training mean.

    mean, scale: of log-normalised expression in the training cells, (n_genes,).
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, values: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """values: log(1 + counts per 10,000), (B, G); seen: (B, G) bool."""
        z = (values - self.mean) / self.scale  # (B, G)
        return z.clamp(-LARGEST_VALUE, LARGEST_VALUE) * seen


class AugmentedNetwork(nn.Module):
    """A linear softmax (``hidden`` 0), or a network of one hidden layer."""

    def __init__(self, mean: np.ndarray, scale: np.ndarray, n_types: int, hidden: int, dropout=0.0):
        super().__init__()
        self.seen_genes = SeenGenes(mean, scale)
        n_genes = len(mean)
        self.body = (
            nn.Sequential(nn.Linear(n_genes, hidden), nn.ReLU(), nn.Dropout(dropout))
            if hidden
            else nn.Identity()
        )
        self.head = nn.Linear(hidden or n_genes, n_types)

    def forward(self, values: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Scores of the types, (B, n_types)."""
        return self.head(self.body(self.seen_genes(values, seen)))


def importance(network: AugmentedNetwork) -> np.ndarray:
    """How strongly the scores lean on each gene, (n_genes,): the weights along all paths."""
    with torch.no_grad():
        weights = network.head.weight.abs()  # (n_types, hidden or n_genes)
        if not isinstance(network.body, nn.Identity):
            weights = weights @ network.body[0].weight.abs()
        return weights.sum(dim=0).cpu().numpy()
