"""A network's weights in a file: read back only where they are exactly its own."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from cellclassifier.errors import InputError
from cellclassifier.models.neural.full_disk import writing

WEIGHTS = "network.safetensors"
SCALE = "seen_genes.scale"  # of the networks that standardise genes themselves


def save_weights(network: nn.Module, folder: Path) -> None:
    """Write ``WEIGHTS`` into a folder; the network is on the CPU afterwards."""
    with writing(folder / WEIGHTS):
        safetensors.torch.save_model(network.cpu(), str(folder / WEIGHTS))


def fill(network: nn.Module, path: Path) -> None:
    """Read weights into a network; InputError where they are not exactly its own, or no numbers."""
    try:
        weights = safetensors.torch.load_file(path, device="cpu")
        own = network.state_dict()
        shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in weights.items()}
        if shapes != {name: (tensor.shape, tensor.dtype) for name, tensor in own.items()}:
            raise ValueError("other tensors than the network's")
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise ValueError("values that are no numbers")
        if not all((weights[name] > 0).all() for name in weights if name.endswith(SCALE)):
            raise ValueError("a scale that is not above 0")
        network.load_state_dict(weights, assign=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{path} does not fit the model ({error}): train again") from error
