"""How the networks are trained: torch is needed here, and nowhere where they predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.augmented.layers import Layers
from cellclassifier.models.augmented.network import AugmentedNetwork
from cellclassifier.models.augmented.options import AugmentedOptions
from cellclassifier.models.augmented.task import ThinnedCells
from cellclassifier.models.neural.device import choose_device, one_thread
from cellclassifier.models.neural.loop import train

BETWEEN_SEEDS = 1_000_003  # of the networks of an ensemble


@torch.random.fork_rng([])  # the caller's random numbers stay as they are
def trained_networks(
    widths: tuple[int, ...],
    scale: np.ndarray,
    cells: GeneCounts,
    codes: np.ndarray,
    validation: tuple[GeneCounts, np.ndarray] | None,
    options: AugmentedOptions,
    seed: int,
    folder: Path,
) -> tuple[list[Layers], pd.DataFrame]:
    """As many networks as the options say, of other random numbers, and a row per epoch of each.

    A linear softmax has one best solution: there one is trained.

    widths: of the layers; scale: standard deviations of log-normalised expression, (n_genes,);
    codes: the cells' types, (n_cells,) int; validation: cells and codes to choose the epoch by;
    folder: for checkpoints.
    """
    mean = np.asarray(log_normalize(cells.counts, cells.totals).mean(axis=0)).ravel()
    device, networks, histories = choose_device(options.device), [], []
    for number in range(options.n_networks if len(widths) > 2 else 1):
        own_seed = seed + number * BETWEEN_SEEDS
        task = ThinnedCells(cells, codes, validation, options, own_seed)
        with one_thread():
            torch.manual_seed(own_seed)
            network = AugmentedNetwork(mean, scale, widths, options.dropout)
            trained = train(network, task, options, own_seed, device, folder / str(number))
        networks.append(as_layers(network))
        histories.append(pd.DataFrame(trained.history).assign(network=number + 1))
    return networks, pd.concat(histories, ignore_index=True)


def as_layers(network: AugmentedNetwork) -> Layers:
    """What it predicts with."""
    tensors = network.state_dict().items()
    return Layers.of({name: tensor.cpu().numpy() for name, tensor in tensors})
