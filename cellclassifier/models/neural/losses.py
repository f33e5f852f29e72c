"""Losses between the samples of a minibatch, from their embeddings and types; also batches.

All are means, scalars, and 0 without gradient where a minibatch has nothing to compare: a type with
one cell, a single type, a single batch.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import normalize

FIRST_SCALE = 16.0  # of cosines, before it is learned
FIRST_TEMPERATURE, TEMPERATURES = 0.25, (0.1, 2.0)  # of CELLULAR: first, least and most
BATCH_TEMPERATURE = 0.5  # of CELLULAR, not learned
TYPE_SHARE, BATCH_SHARE, CENTROID_SHARE = 0.9, 0.1, 1.0


def cosines(embedding: torch.Tensor) -> torch.Tensor:
    """Cosine of every two samples, (B, B), from (B, D)."""
    directions = normalize(embedding, dim=1)
    return directions @ directions.T


def supervised_contrastive(
    embedding: torch.Tensor,
    types: torch.Tensor,
    temperature: float = 0.1,
) -> torch.Tensor:
    """Cells of a type are drawn together, others pushed apart; mean over cells.

    L_out of Khosla et al. 2020 (arXiv:2004.11362): per cell, the mean over the other cells of its
    type of -log(exp(s) / sum of exp(s) over all other cells), s = cosine / temperature.
    embedding: (B, D); types: (B,) int. A cell without another one of its type is compared as an
    other cell, and has no loss of its own.
    """
    same = _same(types)
    similarity = (cosines(embedding) / temperature).masked_fill(_itself(types), -torch.inf)
    log_share = similarity - similarity.logsumexp(dim=1, keepdim=True)  # (B, B)
    n_same = same.sum(dim=1)
    has_any = n_same > 0
    if not has_any.any():
        return embedding.sum() * 0
    per_cell = -log_share.masked_fill(~same, 0)[has_any].sum(dim=1) / n_same[has_any]
    return per_cell.mean()


class CosineSoftmax(nn.Module):
    """Scores of the types: cosines to one learned direction each, times a learned scale.

    A type's score does not depend on how long its vector is, which would favour frequent types.
    """

    def __init__(self, n_features: int, n_types: int):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(n_types, n_features) / math.sqrt(n_features))
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """(B, D) to (B, n_types), before softmax."""
        cosine = normalize(embedding, dim=1) @ normalize(self.directions, dim=1).T
        return self.log_scale.exp() * cosine


class LearnedTemperature(nn.Module):
    """A temperature that stays within ``TEMPERATURES`` and always has a gradient."""

    def __init__(self, first: float = FIRST_TEMPERATURE):
        super().__init__()
        least, most = TEMPERATURES
        self.raw = nn.Parameter(torch.logit(torch.tensor((first - least) / (most - least))))

    def forward(self) -> torch.Tensor:
        """The temperature, a scalar."""
        least, most = TEMPERATURES
        return least + (most - least) * self.raw.sigmoid()


def cellular_loss(
    embedding: torch.Tensor,
    types: torch.Tensor,
    batches: torch.Tensor,
    temperature: torch.Tensor | float,
    distances: torch.Tensor,
) -> torch.Tensor:
    """0.9 L_type + 0.1 L_batch + L_centroid of CELLULAR (package CELLULAR-CL 0.0.4), a scalar.

    embedding: (B, D); types, batches: (B,) int; distances: of the types' centroids in the input
    space, (n_types, n_types).
    """
    return (
        TYPE_SHARE * type_loss(embedding, types, temperature)
        + BATCH_SHARE * batch_loss(embedding, types, batches)
        + CENTROID_SHARE * centroid_loss(embedding, types, distances)
    )


def type_loss(
    embedding: torch.Tensor,
    types: torch.Tensor,
    temperature: torch.Tensor | float,
) -> torch.Tensor:
    """L_type: -log(P / (P + N)) per cell, P over its type without itself, N over other types.

    Mean within each type, then over types by inverse frequency; types of one cell have no loss.
    """
    own = _same(types)
    rows = own.any(dim=1)
    if not rows.any():
        return embedding.sum() * 0
    similarity = cosines(embedding) / temperature
    per_cell = -_log_share(similarity[rows], own[rows], ~own[rows] & ~_itself(types)[rows])
    return _mean_of_groups(per_cell, types[rows])


def batch_loss(
    embedding: torch.Tensor,
    types: torch.Tensor,
    batches: torch.Tensor,
    temperature: float = BATCH_TEMPERATURE,
) -> torch.Tensor:
    """L_batch: cells of a type are to be as near those of other batches as those of their own.

    Per cell 1 / -log(P / (P + N)), P over its type and batch without itself, N over its type in
    other batches; mean within each batch, then over batches by inverse frequency. Cells for which
    either is empty have no loss.
    """
    same_type, same_batch = _same(types), batches[:, None] == batches
    own, other = same_type & same_batch, same_type & ~same_batch
    rows = own.any(dim=1) & other.any(dim=1)
    if not rows.any():
        return embedding.sum() * 0
    similarity = cosines(embedding) / temperature
    per_cell = -1 / _log_share(similarity[rows], own[rows], other[rows])
    return _mean_of_groups(per_cell, batches[rows])


def centroid_loss(
    embedding: torch.Tensor, types: torch.Tensor, distances: torch.Tensor
) -> torch.Tensor:
    """L_centroid: mean squared error of the distances between types, each set by its maximum.

    distances: of the types' centroids in the input space, (n_types, n_types), NaN where unknown.
    Distances in the embedding are of the minibatch's centroids, of the types that it has.
    """
    present, codes = torch.unique(types, return_inverse=True)
    known = distances[present][:, present]
    pairs = torch.triu(torch.ones_like(known, dtype=torch.bool), diagonal=1) & known.isfinite()
    if not pairs.any():
        return embedding.sum() * 0
    centroids = _membership(codes, len(present), embedding.dtype) @ embedding  # (T, D)
    first, second = pairs.nonzero(as_tuple=True)
    learned = (centroids[first] - centroids[second]).square().sum(dim=1).clamp(min=1e-12).sqrt()
    wanted = known[first, second].to(learned.dtype)
    wanted = wanted / wanted.max().clamp(min=1e-6)
    return (learned / learned.max().clamp(min=1e-6) - wanted).square().mean()


def _same(groups: torch.Tensor) -> torch.Tensor:
    """Whether two different samples are of one group, (B, B) bool."""
    return (groups[:, None] == groups) & ~_itself(groups)


def _itself(groups: torch.Tensor) -> torch.Tensor:
    return torch.eye(len(groups), dtype=torch.bool, device=groups.device)


def _log_share(similarity: torch.Tensor, own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """log(P / (P + N)) of every row, sums of exp(similarity) over own and other; own not empty."""
    own_sum = similarity.masked_fill(~own, -torch.inf).logsumexp(dim=1)
    return own_sum - similarity.masked_fill(~(own | other), -torch.inf).logsumexp(dim=1)


def _mean_of_groups(values: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Means within groups, and their mean by inverse frequency."""
    present, codes, n_cells = torch.unique(groups, return_inverse=True, return_counts=True)
    means = _membership(codes, len(present), values.dtype) @ values
    of_each = 1 / n_cells.to(values.dtype)
    return (means * of_each).sum() / of_each.sum()


def _membership(codes: torch.Tensor, n_groups: int, dtype: torch.dtype) -> torch.Tensor:
    """(n_groups, B), rows sum to 1: times values of samples it gives means of groups.

    A product of matrices, since sums by index are not the same every time on a GPU.
    """
    member = (torch.arange(n_groups, device=codes.device)[:, None] == codes).to(dtype)
    return member / member.sum(dim=1, keepdim=True)
