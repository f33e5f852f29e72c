"""From log-normalised expression to scores of types: nothing or one hidden layer in between."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cellclassifier.models.augmented.layers import LARGEST_VALUE


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
    """A linear softmax, or a network of one hidden layer.

    widths: genes, hidden units if there are any, types; dropout: share of the hidden units.
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray, widths: tuple[int, ...], dropout=0.0):
        super().__init__()
        self.seen_genes = SeenGenes(mean, scale)
        *hidden, n_types = widths[1:]
        self.body = (
            nn.Sequential(nn.Linear(widths[0], *hidden), nn.ReLU(), nn.Dropout(dropout))
            if hidden
            else nn.Identity()
        )
        self.head = nn.Linear(widths[-2], n_types)

    def forward(self, values: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Scores of the types, (B, n_types)."""
        return self.head(self.body(self.seen_genes(values, seen)))
