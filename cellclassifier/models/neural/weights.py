"""A network's weights in a file: read back only where they are exactly its own."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from cellclassifier.errors import InputError
from cellclassifier.models.neural.full_disk import writing
from cellclassifier.models.neural.stored import check_tensors

WEIGHTS = "network.safetensors"


def save_weights(network: nn.Module, folder: Path) -> None:
    """Write ``WEIGHTS`` into a folder; the network is on the CPU afterwards."""
    with writing(folder / WEIGHTS):
        safetensors.torch.save_model(network.cpu(), str(folder / WEIGHTS))


def fill(network: nn.Module, path: Path) -> None:
    """Read weights into a network; InputError where they are not exactly its own, or no numbers."""
    try:
        weights = safetensors.torch.load_file(path, device="cpu")
        own = network.state_dict().items()
        expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in own}
        check_tensors(weights, expected, torch.isfinite)
        network.load_state_dict(weights, assign=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{path} does not fit the model ({error}): train again") from error
