"""A trained network over many cells of tokens: sorted by length, put back in order."""

from __future__ import annotations

import numpy as np
import torch

from cellclassifier.models.geneformer.batches import TokenCells, sorted_batches
from cellclassifier.models.geneformer.model import CellBert
from cellclassifier.models.neural.inference import Inference
from cellclassifier.models.neural.task import Inputs

BUDGETS = {"cpu": 2**13, "mps": 2**15, "cuda": 2**18}  # padded tokens per batch


def scores(network: CellBert, cells: TokenCells) -> np.ndarray:
    """Scores of the types, (n_cells, n_types) float32; 0 for cells without tokens."""
    return _rows(network, cells, network.config.num_labels)


def scores_and_features(network: CellBert, cells: TokenCells) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and what they are computed from, (n_cells, width) float32, in one pass."""
    n_types, width = network.config.num_labels, network.config.hidden_size
    rows = _rows(network, cells, n_types + width, with_features=True)
    return rows[:, :n_types], rows[:, n_types:]


def device_batches(inference: Inference, cells: TokenCells, part: int = 1) -> list[np.ndarray]:
    """Cells with tokens in batches that the device has room for; part: of it, as a denominator."""
    budget = BUDGETS.get(inference.device.type, BUDGETS["cpu"]) // part
    known = np.flatnonzero(cells.lengths > 0)
    return [known[batch] for batch in sorted_batches(cells.lengths[known], budget)]


def as_tensors(tokens: np.ndarray, real: np.ndarray) -> Inputs:
    """The model's inputs: input_ids and attention_mask, (B, T) int64."""
    mask = torch.from_numpy(real.astype(np.int64))
    return {"input_ids": torch.from_numpy(tokens), "attention_mask": mask}


def _rows(network: CellBert, cells: TokenCells, n_columns: int, **options) -> np.ndarray:
    """What the network says of all cells, (n_cells, n_columns), in their order."""
    inference = Inference(network, lower="--max-tokens")
    batches, shape = device_batches(inference, cells), (len(cells), n_columns)
    return inference.rows(batches, lambda index: as_tensors(*cells.padded(index)), shape, **options)
