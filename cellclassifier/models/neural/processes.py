"""Processes of torchrun that train one network together: who they are, and how they meet.

Torch is loaded by what needs it. ``output.processes`` says which of them speaks and writes.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING

from cellclassifier.output.processes import n_processes

if TYPE_CHECKING:
    import numpy as np
    import torch


def place() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def place_on_machine() -> int:
    """Number of this process among those of its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def share(samples: np.ndarray, place: int, n_processes: int) -> np.ndarray:
    """A process's part of a batch; alike in size, and in the lengths of sorted samples."""
    return samples[place::n_processes]


def join(device: torch.device) -> None:
    """Meet the other processes of torchrun, once, before anything is computed together."""
    import torch
    import torch.distributed as group

    if n_processes() == 1 or group.is_initialized():
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)  # what nccl waits on
    group.init_process_group("nccl" if device.type == "cuda" else "gloo")
    atexit.register(_leave)


def have_joined() -> bool:
    """Whether this process computes together with others."""
    if n_processes() == 1:
        return False
    import torch.distributed as group

    return group.is_available() and group.is_initialized()


def summed(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, in every one of them."""
    if have_joined():
        import torch.distributed as group

        group.all_reduce(tensor)
    return tensor


def wait_for_all() -> None:
    """Go on when every process is here."""
    if have_joined():
        import torch.distributed as group

        group.barrier()


def spread_weights(network: torch.nn.Module) -> None:
    """Give every process the first one's weights."""
    if have_joined():
        import torch.distributed as group

        for tensor in network.state_dict().values():
            group.broadcast(tensor, src=0)


def _leave() -> None:
    import torch.distributed as group

    if group.is_initialized():
        group.destroy_process_group()
