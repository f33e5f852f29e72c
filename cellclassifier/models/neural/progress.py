"""The progress bar of training: samples of all epochs, how fast they go, the last scores."""

from __future__ import annotations

import time

from cellclassifier.models.neural.task import Task
from cellclassifier.output import progress

SHOWN = ("train_loss", "val_loss", "val_macro_f1", "val_accuracy", "val_masked_gene_accuracy")


class Progress:
    """A bar over all samples of all epochs; a context manager.

    done: epochs that an interrupted run had behind it, also in parts.
    """

    def __init__(self, task: Task, epochs: int, done: float):
        self.total, self.initial = task.n_samples * epochs, round(task.n_samples * done)
        self.unit, self.seen, self.seconds = task.unit, 0, 0.0

    def __enter__(self) -> Progress:
        self.start = time.perf_counter()
        self.bar = progress.Progress(self.total, self.unit, self.initial)
        return self

    def __exit__(self, *error) -> None:
        self.seconds = time.perf_counter() - self.start
        self.bar.__exit__(*error)

    def add(self, n: int) -> None:
        """Count the samples of a batch."""
        self.seen += n
        self.bar.add(n)

    def show(self, row: dict[str, float]) -> None:
        """The losses and scores of an epoch, behind the bar."""
        self.bar.doing(", ".join(f"{k} {v:.3f}" for k, v in row.items() if k in SHOWN))

    @property
    def per_second(self) -> float:
        """Samples per second, since training began or went on."""
        return self.seen / max(self.seconds, 1e-9)
