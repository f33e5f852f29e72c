"""From log-normalised expression to scores of types: nothing or one hidden layer in between."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cellclassifier.models.neural.seen_genes import SeenGenes


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
