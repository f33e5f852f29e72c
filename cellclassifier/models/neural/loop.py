"""The training loop of every network: AdamW, warm-up, clipped gradients, the best epoch kept.

A run that was interrupted goes on from its newest checkpoint to the same weights, to the last bit
on a CPU: batches follow from the epoch, and torch's random numbers (dropout) are seeded from seed,
step and process before every step, so that nothing depends on where a run has stopped.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cellclassifier.errors import InputError
from cellclassifier.models.neural import processes
from cellclassifier.models.neural.batches import loader
from cellclassifier.models.neural.checkpoints import Checkpoints, TrainingState
from cellclassifier.models.neural.device import autocast, free_memory, is_out_of_memory
from cellclassifier.models.neural.optimizer import adamw, halvings, learning_rate
from cellclassifier.models.neural.options import TrainingOptions
from cellclassifier.models.neural.progress import Progress
from cellclassifier.models.neural.task import Inputs, Task
from cellclassifier.output.processes import is_first, n_processes

SAVE_SECONDS = 600  # a checkpoint this long after the last one, within an epoch too
LARGEST_GRADIENT = 1.0  # the norm that gradients are clipped to

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """How a training went; the network itself has the weights of its best (or last) epoch.

    history: a row per epoch with epoch (from 1), train_loss, learning_rate (of its last step),
    and val_<name> of all that the task evaluates; samples_per_second: since it began or went on.
    """

    history: list[dict]
    n_batches: int
    samples_per_second: float


def train(
    network: nn.Module,
    task: Task,
    options: TrainingOptions,
    seed: int,
    device: torch.device,
    folder: Path,
) -> Trained:
    """Train a network in place, or go on where the checkpoints in ``folder`` end.

    Under torchrun every process calls it, with the same folder. Raises InputError when memory is
    full and smaller pieces do not help, when the loss is no number any more, and for checkpoints
    of another training.
    """
    gpus = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus):  # the caller's random numbers stay as they are
        return Loop(network, task, options, seed, device, folder).run()


class Loop:
    """One training."""

    def __init__(self, network, task: Task, options: TrainingOptions, seed: int, device, folder):
        processes.join(device)
        self.task, self.options, self.seed, self.device = task, options, seed, device
        self.network = network.to(device)
        self.optimizer = adamw(self.network, options)
        self.n_batches = len(task.batches(0))
        self.items_per_batch = task.items / self.n_batches
        self.checkpoints = Checkpoints(folder, self._identity())
        self.state = self.checkpoints.newest() or TrainingState()
        if self.state.step:
            self.checkpoints.load(self.state, self.network, self.optimizer)
        processes.wait_for_all()  # until all have read, the first one must not write
        self.halvings = self._halvings()
        self.loss = torch.tensor(self.state.loss, device=device)  # of this epoch's batches, summed
        self.saved = time.monotonic()

    def run(self) -> Trained:
        """All that is left to learn."""
        learner, state = self._learner(), self.state
        done = state.epoch + state.batch / self.n_batches
        with Progress(self.task, self.options.epochs, done) as self.progress:
            while not state.has_ended:
                batches = self.task.batches(state.epoch)[state.batch :]
                for inputs in loader(self.task, state.epoch, batches, self.device):
                    self._learn(learner, inputs)
                self._end_epoch()
        self._take_best()
        return Trained(state.history, self.n_batches, self.progress.per_second)

    def step(self, learner: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Forward and backward of one batch, in pieces where it does not fit into memory.

        Out of memory doubles the pieces and does the batch again: the gradient is the same sum.
        Not with several processes, which would wait for each other. Returns the batch's loss.
        """
        n_samples = len(next(iter(inputs.values())))
        while True:
            try:
                return self._in_pieces(learner, inputs, min(self.state.pieces, n_samples))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if not self._can_halve(n_samples):
                    raise self._memory_full(error) from error
            # Not before the failed step's tensors are gone.
            self.optimizer.zero_grad()
            free_memory()
            self.state.pieces *= 2
            log.info(f"Out of memory: going on with 1/{self.state.pieces} of a batch at a time.")

    def _identity(self) -> dict:
        names = {field.name for field in fields(TrainingOptions)} - {"device"}
        options = {name: getattr(self.options, name) for name in sorted(names)}
        return options | {"seed": self.seed, "batches": self.n_batches, "items": self.task.items}

    def _learner(self) -> nn.Module:
        """The network, or under torchrun one that averages the gradients of all processes."""
        if not processes.have_joined():
            return self.network
        gpus = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(self.network, device_ids=gpus)

    def _rate(self, step: int) -> float:
        rate = learning_rate(step, self.options.epochs * self.n_batches, self.options)
        return rate / 2**self.halvings

    def _halvings(self) -> int:
        """Of the learning rate, after the epochs so far: nothing else need be kept of them.

        None without scores, as of a fit without validation cells.
        """
        if self.options.schedule != "plateau":
            return 0
        name = f"val_{self.task.best}"
        scores = [row[name] for row in self.state.history if name in row]
        return halvings([-score if self.task.lowest_is_best else score for score in scores])

    def _learn(self, learner: nn.Module, inputs: Inputs) -> None:
        """One step of the optimizer."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.state.step)
        self.network.train()
        inputs = {name: x.to(self.device, non_blocking=True) for name, x in inputs.items()}
        self.loss += processes.summed(self.step(learner, inputs))
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step += 1
        self.state.batch += 1
        self.progress.add(len(next(iter(inputs.values()))) * n_processes())
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self._save()

    def _in_pieces(self, learner: nn.Module, inputs: Inputs, n_pieces: int) -> torch.Tensor:
        self._seed()
        loss = torch.zeros((), device=self.device)
        columns = [torch.tensor_split(tensor, n_pieces) for tensor in inputs.values()]
        for piece in zip(*columns, strict=True):
            with autocast(self.device):
                part = self.task.loss_sum(learner, dict(zip(inputs, piece, strict=True)))
            part = part / self.items_per_batch
            (part * n_processes()).backward()  # gradients are averaged over processes
            loss += part.detach()
        return loss

    def _seed(self) -> None:
        numbers = np.random.SeedSequence((self.seed, self.state.step, processes.place()))
        torch.manual_seed(int(numbers.generate_state(1, np.uint64)[0]))

    def _can_halve(self, n_samples: int) -> bool:
        alone = n_processes() == 1
        return alone and self.task.splits and self.state.pieces < n_samples

    def _memory_full(self, error: RuntimeError) -> InputError:
        return InputError(
            f"the memory of {self.device} is full ({str(error).splitlines()[0][:120]}): lower "
            f"{self.task.lower}, or use --device cpu"
        )

    def _end_epoch(self) -> None:
        """Validate, judge, and keep a checkpoint."""
        state = self.state
        row = {"epoch": state.epoch + 1, "train_loss": self.loss.item() / self.n_batches}
        if not math.isfinite(row["train_loss"]):
            raise InputError(
                f"the loss of epoch {row['epoch']} is {row['train_loss']}: lower --learning-rate"
            )
        found = self.task.evaluate(self.network)
        row |= {"learning_rate": self._rate(state.step - 1)} | {
            f"val_{k}": v for k, v in found.items()
        }
        state.history.append(row)
        state.epoch, state.batch = state.epoch + 1, 0
        self.loss.zero_()
        self._judge(found)
        self.halvings = self._halvings()
        state.has_ended = state.epoch == self.options.epochs or self._is_patience_out()
        self._save()
        self.progress.show(row)

    def _judge(self, found: dict[str, float]) -> None:
        """Note whether the epoch was the best so far."""
        state, score = self.state, found.get(self.task.best)
        if score is None:
            return
        score = -score if self.task.lowest_is_best else score
        state.waited += 1
        if state.best_score is None or score > state.best_score:
            state.best_score, state.best_step, state.waited = score, state.step, 0

    def _is_patience_out(self) -> bool:
        return self.state.waited >= self.options.patience

    def _save(self) -> None:
        self.state.loss = self.loss.item()
        if is_first():
            self.checkpoints.save(self.state, self.network, self.optimizer)
        self.saved = time.monotonic()

    def _take_best(self) -> None:
        """The weights of the best epoch, in every process."""
        if self.state.best_step is not None:
            if is_first():
                self.checkpoints.load_network(self.state.best_step, self.network)
            processes.spread_weights(self.network)
