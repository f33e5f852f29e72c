"""Cases by kind, seed and number, and batches of them that share a process."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.fuzzing.child import HARMLESS, HDF5_LOOP, Outcome, Task, in_child
from benchmarks.fuzzing.kinds import KINDS

COMMAND = "python -m benchmarks.fuzz"
BATCH = 100  # cases; a fork copies the tables of all pages, and then each page that is used: 0.1 s


@dataclass(frozen=True)
class Case:
    """A damaged file that can be made again."""

    kind: str
    seed: int
    number: int

    def task(self, good: Path, folder: Path) -> Task:
        """Damage a copy of one of the ``good`` files in a folder of its own, and read it."""
        rng = Random(f"{self.kind} {self.seed} {self.number}")
        original = rng.choice(sorted(good.iterdir()))
        folder = folder / self.name
        folder.mkdir(parents=True)
        path = folder / f"case{original.suffix}"
        damage = partial(_damaged_copy, rng, original, path, self.kind)
        return Task(damage, partial(KINDS[self.kind].read, path), folder)

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.kind}-{self.seed}-{self.number}"


def _damaged_copy(rng: Random, original: Path, path: Path, kind: str) -> None:
    (shutil.copytree if original.is_dir() else shutil.copy)(original, path)
    rng.choice(KINDS[kind].damages)(rng, path)


@dataclass(frozen=True)
class Finding:
    """A case and what came of it.

    first: number of the first case of its process. Where the case does the same alone it is its
    own; otherwise those before it did something to the process that reading a file must not do.
    """

    case: Case
    outcome: Outcome
    first: int

    @property
    def command(self) -> str:
        """What makes it again."""
        number = self.case.number
        cases = f"--first {self.first} --cases {number - self.first + 1}"
        return f"{COMMAND} --kinds {self.case.kind} --seed {self.case.seed} {cases}"


@dataclass(frozen=True)
class Batch:
    """Cases of one kind with numbers from ``first`` on."""

    kind: str
    seed: int
    first: int
    n_cases: int

    def run(self, good: Path, folder: Path) -> tuple[list[Finding], float]:
        """What came of each, whose files stay in ``folder``, and seconds.

        A process goes on from case to case as long as they are harmless.
        """
        shutil.rmtree(folder, ignore_errors=True)
        start, found, number = time.perf_counter(), [], self.first
        end = self.first + self.n_cases
        while number < end:
            cases = [Case(self.kind, self.seed, i) for i in range(number, end)]
            outcomes = _done(cases, good, folder)
            first = number
            number += len(outcomes)
            found += map(Finding, cases, outcomes, [first] * len(outcomes))
            if outcomes[-1].what not in HARMLESS and len(outcomes) > 1:
                found[-1] = _tried_alone(found[-1], good, folder)
        return found, time.perf_counter() - start


def _done(cases: list[Case], good: Path, folder: Path) -> list[Outcome]:
    """What came of the first ones; folders of those that did not begin are removed."""
    tasks = [case.task(good, folder) for case in cases]
    outcomes = in_child(tasks)
    for task in tasks[len(outcomes) :]:
        shutil.rmtree(task.folder)
    return outcomes


def _tried_alone(finding: Finding, good: Path, folder: Path) -> Finding:
    """The finding, with a command for its case alone where that is enough."""
    alone = Finding(finding.case, finding.outcome, finding.case.number)
    if finding.outcome.what == HDF5_LOOP:  # known to come of the file, and slow
        return alone
    (again,) = _done([finding.case], good, folder / "alone")
    return alone if again.what == finding.outcome.what else finding


def batches(kinds: tuple[str, ...], seed: int, first: int, n_cases: int) -> Iterator[Batch]:
    """The kinds take turns."""
    for number in range(first, first + n_cases, BATCH):
        for kind in kinds:
            yield Batch(kind, seed, number, min(BATCH, first + n_cases - number))
