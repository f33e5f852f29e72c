"""Batches on their way to the device: made by the task, loaded ahead where a GPU waits for them."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from cellclassifier.models.neural import processes
from cellclassifier.models.neural.task import Inputs, Task
from cellclassifier.output.processes import n_processes


class EpochBatches(Dataset):
    """The batches of an epoch as a data set, of each what this process learns from."""

    def __init__(self, task: Task, epoch: int, batches: list[np.ndarray]):
        self.task, self.epoch, self.batches = task, epoch, batches
        self.sharing = (processes.place(), n_processes())

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, i: int) -> Inputs:
        return self.task.batch(self.epoch, processes.share(self.batches[i], *self.sharing))


def loader(task: Task, epoch: int, batches: list[np.ndarray], device: torch.device) -> DataLoader:
    """An epoch's batches in their order, by two workers where a GPU waits for them."""
    on_gpu = device.type == "cuda"
    ahead = {"num_workers": 2, "prefetch_factor": 4} if on_gpu else {}
    data = EpochBatches(task, epoch, batches)
    return DataLoader(data, batch_size=None, shuffle=False, pin_memory=on_gpu, **ahead)
