"""What the benchmarks share: where data is, and how a command is timed and its memory taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "benchmarks" / "output"  # git-ignored
FULL_SIZE = OUTPUT / "simulated" / "cells.npy"


@dataclass(frozen=True)
class Measured:
    """A finished command: wall and CPU seconds, peak GiB of its largest process, standard output.

    For the root scripts the peak is in their run record: they reset the high-water mark between
    steps, so that the operating system knows the last step's only.
    """

    seconds: float
    peak_gib: float
    stdout: str
    cpu_seconds: float


def run_measured(command: list[str], cwd: Path | str = ROOT) -> Measured:
    """Run a command; its errors pass through and stop the benchmark."""
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    unit = 2**30 if sys.platform == "darwin" else 2**20
    seconds, cpu_seconds = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return Measured(seconds, usage.ru_maxrss / unit, stdout, cpu_seconds)


def run_record(output: Path, name: str) -> dict:
    """What a root script wrote of its run: options, data, seeds, versions, steps, "peak_gib"."""
    return json.loads((output / "results" / f"run_{name}.json").read_text())


def script(name: str, *options: object) -> list[str]:
    """The command that runs a root script or a benchmark module with this Python."""
    target = [name] if name.endswith(".py") else ["-m", name]
    return [sys.executable, *target, *map(str, options)]


def shared_data(name: str) -> Path | None:
    """A real data file beside the repository, or None (then say so and leave the row out)."""
    folder = Path(os.environ.get("CELLCLASSIFIER_SHARED", ROOT.parent / "shared"))
    path = folder / "data" / name
    if path.exists():
        return path
    print(f"left out: {name} is not at hand ({path})")
    return None


def full_size_cells() -> Path:
    """The full-size simulated cells.npy, made once."""
    if not FULL_SIZE.exists():
        run_measured(script("benchmarks.simulate", "--output", FULL_SIZE))
    return FULL_SIZE


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print a table and keep it under benchmarks/output."""
    print(f"\n{title}\n{table.to_string()}\n")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    table.to_csv(OUTPUT / f"{title.split(':')[0].strip().replace(' ', '_')}.csv")
