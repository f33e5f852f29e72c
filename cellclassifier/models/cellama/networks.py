"""Networks that make vectors of tokens; 0 is no token."""

from __future__ import annotations

import torch
from torch import nn

STRETCH = 5.0
FIRST_SPREAD = 0.3  # standard deviation of random word vectors


class BagNetwork(nn.Module):
    """Weighted means of word vectors; exp(log_weights) are the weights of the ranks.

    A mean of 64 vectors is short: it is stretched, for scores to reach beyond a tenth of a nat.
    """

    def __init__(self, n_words: int, n_places: int, width: int):
        super().__init__()
        self.words = nn.Embedding(n_words, width, padding_idx=0)
        nn.init.normal_(self.words.weight, std=FIRST_SPREAD)
        with torch.no_grad():
            self.words.weight[0] = 0
        self.log_weights = nn.Parameter(torch.zeros(n_places))
        self.width = width

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) int64 to (B, width)."""
        weights = (tokens > 0) * self.log_weights[: tokens.shape[1]].exp()  # (B, T)
        total = weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
        return STRETCH * torch.einsum("bt,btd->bd", weights / total, self.words(tokens))


class WithClassifier(nn.Module):
    """An encoder and a softmax layer on its vectors.

    Linear in the vectors, and no norm in between: it cost 2.5 points on validation cells.
    """

    def __init__(self, encoder: nn.Module, n_types: int):
        super().__init__()
        self.encoder = encoder
        self.scores = nn.Linear(encoder.width, n_types)

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Scores of the types, (B, n_types)."""
        return self.scores(self.encoder(**inputs))
