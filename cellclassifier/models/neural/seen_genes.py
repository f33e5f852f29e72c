"""Log-normalised expression on its way into a network, in which a gene may be missing."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cellclassifier.data.features import LARGEST_VALUE, log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.neural.inference import Inference
from cellclassifier.models.neural.task import Inputs

CHUNK_CELLS = 2048


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


def inputs_of(cells: GeneCounts, seen: np.ndarray) -> Inputs:
    """What the network takes, dense; seen: (n_cells, n_genes) bool."""
    values = log_normalize(cells.counts, cells.totals).toarray()
    return {"values": torch.from_numpy(values), "seen": torch.from_numpy(seen)}


def rows_of(network: nn.Module, cells: GeneCounts, n_columns: int, **options) -> np.ndarray:
    """A network's output, (n_cells, n_columns) float32, of cells as they are, a chunk at a time."""
    chunks = np.array_split(np.arange(len(cells)), -(-len(cells) // CHUNK_CELLS) or 1)

    def chunk(index: np.ndarray) -> Inputs:
        some = cells[index]
        return inputs_of(some, np.broadcast_to(some.present, some.counts.shape).copy())

    shape = len(cells), n_columns
    if not len(cells):
        return np.zeros(shape, dtype=np.float32)
    return Inference(network).rows(chunks, chunk, shape, **options)
