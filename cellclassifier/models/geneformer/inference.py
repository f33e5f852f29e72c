"""Running a trained network over many cells: sorted by length, put back in order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch

from cellclassifier.errors import InputError
from cellclassifier.models.geneformer.batches import TokenCells, sorted_batches

BUDGETS = {"cpu": 2**13, "mps": 2**15, "cuda": 2**18}  # padded tokens per batch


class Inference:
    """A network ready to run, without gradients, on its device.

    Under torchrun every process runs its share of the batches, and all get the whole result.
    """

    def __init__(self, model, report: Callable[[str], None] = print):
        self.model, self.report = model, report
        self.device = next(model.parameters()).device
        self.budget = BUDGETS.get(self.device.type, BUDGETS["cpu"])
        self.world = _world()

    def run(self, inputs: dict[str, torch.Tensor], **options) -> torch.Tensor:
        """The network's output for one batch, float32, on the device."""
        self.model.eval()
        inputs = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        with torch.inference_mode(), autocast(self.device):
            return self.model(**inputs, **options).float()

    def for_batches(
        self, cells: TokenCells, work: Callable[[np.ndarray], None], part: int = 1
    ) -> None:
        """Call ``work`` with the indices of every batch that is for this process.

        part: of the budget, as its denominator. Out of memory on the device halves the batch and
        all that are left, and goes on; ``work`` must not have done anything before it fails.
        """
        rank = torch.distributed.get_rank() if self.world > 1 else 0
        todo = sorted_batches(cells.lengths, self.budget // part)[rank :: self.world]
        todo.reverse()  # taken from the end
        while todo:
            index = todo.pop()
            if not self._has_room(work, index, cells):
                free_memory()  # not before the failed step's tensors are gone
                batches = [*todo, index]
                todo = [h for b in batches for h in reversed(np.array_split(b, 2)) if len(h)]
                self.report(f"Out of memory on {self.device}: going on with half of a batch.")

    def _has_room(self, work, index: np.ndarray, cells: TokenCells) -> bool:
        try:
            work(index)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(index) == 1:
                raise InputError(
                    f"a cell of {cells.lengths[index[0]]:,} tokens does not fit into the "
                    f"memory of {self.device}: lower --max-tokens or use --device cpu"
                ) from error
            return False
        return True

    def scores(self, cells: TokenCells) -> np.ndarray:
        """Scores of the types, (n_cells, n_types) float32; 0 for cells without tokens."""
        return self._all_rows(cells, self.model.config.num_labels)

    def scores_and_features(self, cells: TokenCells) -> tuple[np.ndarray, np.ndarray]:
        """Scores, and what they are computed from, (n_cells, width) float32, in one pass."""
        n_types, width = self.model.config.num_labels, self.model.config.hidden_size
        rows = self._all_rows(cells, n_types + width, with_features=True)
        return rows[:, :n_types], rows[:, n_types:]

    def _all_rows(self, cells: TokenCells, n_columns: int, **options) -> np.ndarray:
        """What the network says of all cells, (n_cells, n_columns), in their order."""
        result = np.zeros((len(cells), n_columns), dtype=np.float32)
        known = np.flatnonzero(cells.lengths > 0)
        with_tokens = cells.select(known)

        def fill(index):
            inputs = as_tensors(*with_tokens.padded(index))
            result[known[index]] = self.run(inputs, **options).cpu().numpy()

        self.for_batches(with_tokens, fill)
        return self.summed(result)

    def summed(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes."""
        if self.world == 1:
            return values
        total = torch.from_numpy(np.asarray(values)).to(self.device)
        torch.distributed.all_reduce(total)
        return total.cpu().numpy()


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself, rather than emulates it slowly."""
    if device.type != "cuda":
        return False
    return torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(device: torch.device):
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


def as_tensors(tokens: np.ndarray, real: np.ndarray) -> dict[str, torch.Tensor]:
    """The model's inputs: input_ids and attention_mask, (B, T) int64."""
    mask = torch.from_numpy(real.astype(np.int64))
    return {"input_ids": torch.from_numpy(tokens), "attention_mask": mask}


def _world() -> int:
    ready = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if ready else 1
