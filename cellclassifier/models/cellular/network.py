"""From log-normalised expression to an embedding, and from there to scores of types."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from cellclassifier.models.neural.losses import CosineSoftmax, LearnedTemperature
from cellclassifier.models.neural.seen_genes import SeenGenes

HIDDEN = (256, 128)


class CellularNetwork(nn.Module):
    """An encoder of standardised genes, a head of types, and the temperature of its loss.

    mean, scale: of log-normalised expression in the training cells, (n_genes,); size: of the
    embedding; kind: "mlp" or "linear"; loss: of ``options.LOSSES``.
    """

    def __init__(
        self,
        mean: np.ndarray,
        scale: np.ndarray,
        n_types: int,
        size: int,
        kind: str = "mlp",
        loss: str = "cosine-contrastive",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.seen_genes = SeenGenes(mean, scale)
        self.encoder = encoder(kind, len(mean), size, dropout)
        self.head = nn.Linear(size, n_types) if loss == "softmax" else CosineSoftmax(size, n_types)
        self.temperature = LearnedTemperature()
        # As in the original, the encoder of a loss without softmax learns nothing from the head.
        self.is_head_apart = loss in ("contrastive", "cellular")

    def forward(self, values: torch.Tensor, seen: torch.Tensor, give: str = "scores"):
        """values: log(1 + counts per 10,000), (B, G); seen: (B, G) bool.

        give: "scores" of the types, (B, n_types); "embedding", (B, D) of length 1; or "all" that
        losses need: embedding before it is set to length 1, scores, temperature.
        """
        embedding = self.encoder(self.seen_genes(values, seen))  # (B, D)
        if give == "embedding":
            return normalize(embedding, dim=1)
        scores = self.head(embedding.detach() if self.is_head_apart else embedding)
        return (embedding, scores, self.temperature()) if give == "all" else scores


def encoder(kind: str, n_genes: int, size: int, dropout: float) -> nn.Module:
    """One matrix ("linear"), or two hidden layers ("mlp")."""
    if kind == "linear":
        return nn.Linear(n_genes, size)
    layers, width = [], n_genes
    for hidden in HIDDEN:
        layers += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(dropout)]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, size))


def importance(network: CellularNetwork) -> np.ndarray:
    """How strongly the embedding leans on each gene, (n_genes,): the weights along all paths."""
    with torch.no_grad():
        strength = torch.ones(1, 1)
        for layer in reversed([m for m in network.encoder.modules() if isinstance(m, nn.Linear)]):
            strength = strength.expand(1, layer.out_features) @ layer.weight.abs().cpu()
    return strength.ravel().numpy()
