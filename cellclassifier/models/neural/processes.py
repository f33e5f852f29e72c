"""One process or several (torchrun): the first one speaks and writes, the others help it train."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def is_first() -> bool:
    """Whether this is the only process, or the one that speaks and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def n_processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


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
