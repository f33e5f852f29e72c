"""Damage files of every kind, read them in processes with limits, and count what comes of it.

    python -m benchmarks.fuzz --minutes 10
    python -m benchmarks.fuzz --record       # also writes docs/records
    python -m benchmarks.fuzz --kinds h5ad --seed 5 --first 104 --cases 1    # one case again

A damaged file should be refused in one sentence, or be read where the damage does no harm. Anything
else is an offence: code of the file's own run, a traceback, a crash, 2 GiB of memory asked for, 10
seconds of computing (or 20 of waiting). Each is kept in a folder of its own, with what came of it
and the command that makes it again; of offences alike three are kept. The exit code is 1 if there
is any. Loops inside libhdf5, which no reader can leave, are counted apart.

A case depends on its kind, seed and number alone, and on the good file: saved models of
scikit-learn's hold numbers that differ from run to run, so that of those only the kept folder is
the same file again. Images are no kind yet, as no system reads them: ``fuzzing.kinds`` says where
theirs would be added.
"""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.common import OUTPUT, print_table
from benchmarks.fuzzing.child import HDF5_LOOP, OFFENCES, OUTCOMES, Outcome, in_child
from benchmarks.fuzzing.kinds import KINDS
from benchmarks.records import write_record
from cellclassifier import cli as command
from cellclassifier.errors import InputError

COMMAND = "python -m benchmarks.fuzz"
MOST_ALIKE = 3  # offences that are kept


@dataclass(frozen=True)
class Config:
    """Options of the fuzzer."""

    minutes: float = 10.0
    """for all kinds together, which take turns"""

    kinds: tuple[str, ...] = tuple(KINDS)
    """what is damaged"""

    cases: int = 10_000
    """of each kind, at most"""

    first: int = 0
    """number of the first case"""

    seed: int = 0
    """other seeds are other cases"""

    output: Path = OUTPUT / "fuzz"
    """folder for what was found"""

    record: bool = False
    """also write docs/records/fuzz.json"""


@dataclass(frozen=True)
class Case:
    """A damaged file that can be made again."""

    kind: str
    seed: int
    number: int

    def run(self, good: Path, folder: Path) -> Outcome:
        """Damage a copy of one of the good files in ``folder``, and read it."""
        rng = Random(f"{self.kind} {self.seed} {self.number}")
        original = rng.choice(sorted(good.iterdir()))
        path = folder / f"case{original.suffix}"
        (shutil.copytree if original.is_dir() else shutil.copy)(original, path)
        kind = KINDS[self.kind]
        damage = rng.choice(kind.damages)
        return in_child(partial(damage, rng, path), partial(kind.read, path), folder)

    @property
    def command(self) -> str:
        """What makes it again."""
        options = f"--kinds {self.kind} --seed {self.seed} --first {self.number} --cases 1"
        return f"{COMMAND} {options}"


def main(config: Config) -> None:
    """Print a table of kinds, and one of offences; exit 1 if there are any."""
    unknown = [name for name in config.kinds if name not in KINDS]
    if unknown:
        raise InputError(f"--kinds {unknown[0]}: expected some of {', '.join(KINDS)}")
    with threadpool_limits(1), tempfile.TemporaryDirectory() as work:
        good = prepared(config.kinds, Path(work))
        counts, found = fuzz(config, good, Path(work) / "case")
    rows = table(counts, config.kinds)
    print_table("fuzz: cases of each kind by what came of them", rows)
    if config.record:
        options = f"--minutes {config.minutes:g} --kinds {' '.join(config.kinds)} --record"
        made = {"made by benchmarks.fuzzing": {"kinds": list(config.kinds)}}
        done = f"{COMMAND} {options}"
        print(write_record("fuzz", done, rows.reset_index(), [config.seed], made))
    for (kind, outcome), number in sorted(found.items(), key=str):
        print(f"{number:6} {kind:20} {outcome.what}: {outcome.how}")
    if any(outcome.what in OFFENCES for _, outcome in found):
        sys.exit(f"offences are kept in {config.output}")


def prepared(kinds: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """A folder of good files of each kind, which have been read once: libraries are imported."""
    good = {}
    for name in kinds:
        good[name] = folder / "good" / name
        good[name].mkdir(parents=True)
        KINDS[name].write(good[name])
        for path in good[name].iterdir():
            with contextlib.suppress(InputError):  # of a reader that the layout has nothing for
                KINDS[name].read(path)
    for copy in folder.rglob("copy.h5ad"):
        copy.unlink()
    return good


def fuzz(config: Config, good: dict[str, Path], work: Path) -> tuple[Counter, Counter]:
    """How often each (kind, outcome's name) was, and each (kind, outcome) to be looked into."""
    counts, found = Counter(), Counter()
    end = time.monotonic() + 60 * config.minutes
    gc.collect()
    gc.freeze()
    for case in cases(config):
        if time.monotonic() > end:
            break
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        start = time.perf_counter()
        outcome = case.run(good[case.kind], work)
        counts[case.kind, "seconds"] += time.perf_counter() - start
        counts[case.kind, outcome.what] += 1
        if outcome.what in (*OFFENCES, HDF5_LOOP):
            found[case.kind, outcome] += 1
            if found[case.kind, outcome] <= MOST_ALIKE:
                keep(case, outcome, work, config.output)
    return counts, found


def cases(config: Config) -> Iterator[Case]:
    """The kinds take turns."""
    for number in range(config.first, config.first + config.cases):
        for kind in config.kinds:
            yield Case(kind, config.seed, number)


def keep(case: Case, outcome: Outcome, work: Path, offenders: Path) -> None:
    """Copy a case's files and what came of it."""
    folder = offenders / f"{case.kind}-{case.seed}-{case.number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    about = {"outcome": outcome.what, "how": outcome.how, "command": case.command}
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    for path in work.glob("case*"):
        if path.is_dir():
            shutil.copytree(path, folder / path.name, symlinks=True, ignore=_special)
        else:
            shutil.copy(path, folder, follow_symlinks=False)


def _special(folder: str, names: list[str]) -> list[str]:
    """Pipes and devices, which cannot be copied."""
    return [n for n in names if not (p := Path(folder, n)).is_symlink() and p.is_fifo()]


def table(counts: Counter, kinds: tuple[str, ...]) -> pd.DataFrame:
    """A row for each kind: cases, what came of them, and milliseconds per case."""
    rows = {}
    for kind in kinds:
        row = {what: counts[kind, what] for what in OUTCOMES}
        n_cases = sum(row.values())
        rows[kind] = {"cases": n_cases} | row
        rows[kind]["ms"] = round(1000 * counts[kind, "seconds"] / max(n_cases, 1))
    return pd.DataFrame(rows).T.rename_axis("kind")


if __name__ == "__main__":
    command.run(main, Config, __doc__)
