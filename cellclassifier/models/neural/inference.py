"""A trained network over many samples: in batches, shared by processes, halved when too large."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from cellclassifier.errors import InputError
from cellclassifier.models.neural import processes
from cellclassifier.models.neural.device import autocast, free_memory, is_out_of_memory
from cellclassifier.models.neural.task import Inputs
from cellclassifier.output.processes import n_processes

log = logging.getLogger(__name__)


class Inference:
    """A network ready to run, without gradients, on its device.

    Under torchrun every process runs its share of the batches, and all get the whole result.
    lower: the option that makes a single sample smaller, if any, for when not even that fits.
    """

    def __init__(self, network: nn.Module, lower: str | None = None):
        self.network, self.lower = network.eval(), lower
        self.device = next(network.parameters()).device

    def run(self, inputs: Inputs, **options) -> torch.Tensor:
        """The network's output for one batch, float32, on the device."""
        inputs = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        with torch.inference_mode(), autocast(self.device):
            return self.network(**inputs, **options).float()

    def rows(
        self,
        batches: list[np.ndarray],
        inputs_of: Callable[[np.ndarray], Inputs],
        shape: tuple[int, int],
        **options,
    ) -> np.ndarray:
        """Outputs of all samples in their order, of ``shape`` (n_samples, n_columns), float32.

        batches: samples as index arrays; rows of samples in none of them are 0.
        """
        result = np.zeros(shape, dtype=np.float32)

        def fill(index: np.ndarray) -> None:
            result[index] = self.run(inputs_of(index), **options).cpu().numpy()

        self.for_batches(batches, fill)
        return self.summed(result)

    def for_batches(self, batches: list[np.ndarray], work: Callable[[np.ndarray], None]) -> None:
        """Call ``work`` with the samples of every batch that is for this process.

        Out of memory on the device halves the batch and all that are left, and goes on; ``work``
        must not have done anything before it fails.
        """
        alone = not processes.have_joined()
        todo = batches if alone else batches[processes.place() :: n_processes()]
        todo = todo[::-1]  # taken from the end
        while todo:
            index = todo.pop()
            if not self._has_room(work, index):
                free_memory()  # not before the failed step's tensors are gone
                left = [*todo, index]
                todo = [h for b in left for h in reversed(np.array_split(b, 2)) if len(h)]
                log.info(f"Out of memory on {self.device}: going on with half of a batch.")

    def summed(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes."""
        if not processes.have_joined():
            return values
        return processes.summed(torch.from_numpy(values).to(self.device)).cpu().numpy()

    def _has_room(self, work: Callable[[np.ndarray], None], index: np.ndarray) -> bool:
        try:
            work(index)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(index) == 1:
                lower = f"lower {self.lower} or " if self.lower else ""
                raise InputError(
                    f"a single sample does not fit into the memory of {self.device}: {lower}"
                    "use --device cpu"
                ) from error
            return False
        return True
