"""Devices: which there are, what each can do, and how each says that its memory is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from cellclassifier.errors import InputError
from cellclassifier.models.neural import processes
from cellclassifier.output.processes import n_processes


def choose_device(name: str) -> torch.device:
    """The device to compute on, of several GPUs the one that is for this process.

    name: "auto", "cuda", "mps" or "cpu". Raises InputError for one that this machine does not have.
    """
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if has[device])
    if not has[name]:
        raise InputError(f"--device {name}: this machine (or this build of torch) has none")
    if name == "cuda" and n_processes() > 1:
        return torch.device("cuda", processes.place_on_machine())
    return torch.device(name)


def use_threads(jobs: int | None) -> None:
    """Let torch compute with so many threads; by default it takes the cores it may use."""
    if jobs:
        torch.set_num_threads(jobs)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread in this block: the same digits on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself, rather than emulates it slowly."""
    if device.type != "cuda":
        return False
    return torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(device: torch.device) -> AbstractContextManager:
    """bf16 arithmetic on a GPU that has it, float32 elsewhere."""
    if has_bf16(device):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of any device means that its memory is full."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return "out of memory" in str(error) or "can't allocate memory" in str(error)


def free_memory() -> None:
    """Give unused blocks back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
