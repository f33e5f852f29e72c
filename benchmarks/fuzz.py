"""Damage files of every kind, read them in processes with limits, and count what comes of it.

    python -m benchmarks.fuzz --minutes 10
    python -m benchmarks.fuzz --cases 10000 --minutes 90 --jobs 2 --record    # for docs/records
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
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.common import OUTPUT, print_table
from benchmarks.fuzzing.cases import COMMAND, Batch, Finding, batches
from benchmarks.fuzzing.child import HDF5_LOOP, OFFENCES, OUTCOMES
from benchmarks.fuzzing.kinds import KINDS
from benchmarks.records import current_commit, write, write_record
from cellclassifier import cli as command
from cellclassifier.errors import InputError

MOST_ALIKE = 3  # offences that are kept
IN_MEMORY = Path("/dev/shm")  # damaged files never need a disk


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

    jobs: int = 1
    """processes that run cases side by side"""

    output: Path = OUTPUT / "fuzz"
    """folder for what was found"""

    record: bool = False
    """also write docs/records/fuzz.json"""

    join: tuple[Path, ...] = ()
    """rows.json or records of other runs, from which the record takes kinds that this one did not
    do, each from the first that has it (--cases 0: do nothing else)"""


def main(config: Config) -> None:
    """Print a table of kinds, and one of offences; exit 1 if there are any."""
    unknown = [name for name in config.kinds if name not in KINDS]
    if unknown:
        raise InputError(f"--kinds {unknown[0]}: expected some of {', '.join(KINDS)}")
    with threadpool_limits(1), tempfile.TemporaryDirectory(dir=_room()) as work:
        good = prepared(config.kinds if config.cases else (), Path(work))
        counts, found = fuzz(config, good, Path(work) / "cases")
    rows = table(counts, config.kinds)
    print_table("fuzz: cases of each kind by what came of them", rows)
    rows = rows[rows["cases"] > 0].assign(seed=config.seed, commit=current_commit()[:7])
    write(config.output / "rows.json", {"seed": config.seed}, rows.reset_index().to_dict("records"))
    if config.record:
        print(record(config, rows))
    for (kind, outcome), number in sorted(found.items(), key=str):
        print(f"{number:6} {kind:20} {outcome.what}: {outcome.how}")
    if any(outcome.what in OFFENCES for _, outcome in found):
        sys.exit(f"offences are kept in {config.output}")


def record(config: Config, rows: pd.DataFrame) -> Path:
    """Write docs/records/fuzz.json; each row says of which commit and seed it is."""
    for path in config.join:
        others = pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))["rows"])
        others = others[others["cases"] > 0].set_index("kind")
        rows = pd.concat([rows, others[~others.index.isin(rows.index)]])
    rows = rows.reindex([kind for kind in KINDS if kind in rows.index]).rename_axis("kind")
    rows = rows.astype({"seed": int})  # a frame of no rows has made fractions of them
    done = f"{COMMAND} --cases 10000 --minutes 90 --jobs {config.jobs} --record"
    made = {"made by benchmarks.fuzzing": {"kinds": list(rows.index)}}
    return write_record("fuzz", done, rows.reset_index(), [config.seed], made)


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


def _room() -> Path | None:
    """A folder in memory, or the usual one for what is temporary."""
    return IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None


def fuzz(config: Config, good: dict[str, Path], work: Path) -> tuple[Counter, Counter]:
    """How often each (kind, outcome's name) was, and each (kind, outcome) to be looked into."""
    counts, found = Counter(), Counter()
    end = time.monotonic() + 60 * config.minutes
    with _workers(config.jobs, good, work, end) as workers:
        planned = batches(config.kinds, config.seed, config.first, config.cases)
        for batch, findings, seconds, folder in workers.imap(_run, planned):
            counts[batch.kind, "seconds"] += seconds
            for finding in findings:
                kind, outcome = finding.case.kind, finding.outcome
                counts[kind, outcome.what] += 1
                if outcome.what in (*OFFENCES, HDF5_LOOP):
                    found[kind, outcome] += 1
                    if found[kind, outcome] <= MOST_ALIKE:
                        keep(finding, folder, config.output)
            shutil.rmtree(folder, ignore_errors=True)
    return counts, found


@contextmanager
def _workers(jobs: int, good: dict[str, Path], work: Path, end: float) -> Iterator:
    """Copies of this process, with all libraries; they fork once more for every batch."""
    gc.collect()
    gc.freeze()
    fork = multiprocessing.get_context("fork")
    with fork.Pool(jobs, _begin, (good, work, end)) as workers:
        yield workers


def _begin(*arguments) -> None:
    """In a worker: Ctrl-C is for its parent to handle."""
    global _GOOD, _WORK, _END
    _GOOD, _WORK, _END = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run(batch: Batch) -> tuple[Batch, list[Finding], float, Path]:
    """In a worker: a batch, unless the time is over."""
    folder = _WORK / f"{batch.kind}-{batch.first}"
    found = ([], 0.0) if time.monotonic() > _END else batch.run(_GOOD[batch.kind], folder)
    return batch, *found, folder


def keep(finding: Finding, work: Path, offenders: Path) -> None:
    """Copy a case's files and what came of it."""
    name, outcome = finding.case.name, finding.outcome
    folder = offenders / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    about = {"outcome": outcome.what, "how": outcome.how, "command": finding.command}
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    for path in (work / name).glob("case*"):
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
