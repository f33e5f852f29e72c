"""One process or several (torchrun): the first one speaks and writes, the others help it train.

Torch is loaded by what needs it, so that scripts can ask who they are without it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def is_first() -> bool:
    """Whether this is the only process, or the one that speaks and writes."""
    return place() == 0


def place() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def place_on_machine() -> int:
    """Number of this process among those of its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def n_processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def share(samples: np.ndarray, place: int, n_processes: int) -> np.ndarray:
    """A process's part of a batch; alike in size, and in the lengths of sorted samples."""
    return samples[place::n_processes]


def join(device: torch.device) -> None:
    """Meet the other processes of torchrun, once, before anything is computed together."""
    import torch.distributed as group

    if n_processes() == 1 or group.is_initialized():
        return
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


class Log:
    """Says lines, and keeps them for fine_tuning_log.txt."""

    def __init__(self):
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        """Say a line (in the first process) and keep it."""
        self.lines.append(line)
        if is_first():
            print(line, flush=True)

    def write(self, output) -> None:
        """Write results/fine_tuning/fine_tuning_log.txt into an Output."""
        output.text("fine_tuning/fine_tuning_log", "\n".join(self.lines) + "\n")


@contextmanager
def first_one_writes(folder: Path) -> Iterator[tuple[Path, Log]]:
    """The folder to write into: ``folder`` for the first process, a temporary one for others."""
    if is_first():
        yield folder, Log()
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary), Log()


def checkpoint_folder(
    output: Path, key: str, resume: bool, report: Callable[[str], None] = print
) -> Path:
    """Where all processes keep the checkpoints of a run; those of other runs are removed.

    Without ``resume`` so are its own, of an interrupted run with the same key; both are reported.
    """
    base = Path(output).resolve() / ".checkpoints"
    if is_first() and base.exists():
        for other in base.iterdir():
            if not resume or other.name != key:
                why = "--resume would have gone on" if other.name == key else "other options"
                report(f"Discarding the checkpoints of an interrupted run ({why}).")
                shutil.rmtree(other)
    return base / key


def remove(checkpoints: Path) -> None:
    """Checkpoints are for interrupted runs: a finished one needs none."""
    if is_first():
        shutil.rmtree(checkpoints, ignore_errors=True)
