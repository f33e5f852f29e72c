"""Kill fine-tuning at random moments, start it again, and compare what it ends with.

    python -m benchmarks.kills             # ten kills
    python -m benchmarks.kills --seed 7    # at other moments

A run without a kill says what is expected. Every other one gets SIGKILL after a random share of
the time that the first one trained, wherever it is then (in a batch, between two epochs, while it
writes a checkpoint), and then the same command again. Predictions, the model's weights and all
tables but for seconds must be the same bytes. The exit code is 1 if any differ.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from benchmarks.common import OUTPUT, ROOT, print_table, script
from cellclassifier import cli

N_CELLS, N_GENES = 240, 60
NETWORK = ("--from-scratch", "--layers", "2", "--width", "16", "--device", "cpu")
LEARNING = ("--epochs", "12", "--patience", "12", "--pretrain-epochs", "2", "--batch-size", "4")
CHECKPOINTS = ".checkpoints/*/geneformer-split*/*"
SECONDS = "seconds"  # in the names of columns that differ from run to run


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    kills: int = 10
    """of a run each"""

    seed: int = 0
    """of the moments"""

    output: Path = OUTPUT / "kills"
    """folder for the runs, whose content is replaced"""


def main(config: Config) -> None:
    """Print a row per kill."""
    shutil.rmtree(config.output, ignore_errors=True)
    command = command_in(config.output)
    trained_for = seconds_of_training(command, config.output / "whole")
    rng, rows = Random(config.seed), []
    for i in range(config.kills):
        folder = config.output / f"killed-{i}"
        after, left = kill_and_resume(command, folder, rng, trained_for)
        differ = differing(config.output / "whole", folder)
        rows.append(
            {"after s": round(after, 2), "left": left, "differ": " ".join(differ) or "none"}
        )
    print(f"The run without a kill trained for {trained_for:.1f} s.")
    print_table("kills of fine-tuning: what was left, and files that differ", pd.DataFrame(rows))
    if any(row["differ"] != "none" for row in rows):
        sys.exit(f"the runs are kept in {config.output}")


def command_in(folder: Path) -> list[str]:
    """Write a small file of cells; fine-tuning on it, but for --output."""
    folder.mkdir(parents=True)
    rng, types = np.random.default_rng(0), np.array(["B", "NK", "T"] * (N_CELLS // 3))
    rates = np.full((N_CELLS, N_GENES), 0.7)
    for i, name in enumerate(np.unique(types)):
        rates[types == name, 20 * i : 20 * (i + 1)] *= 2
    genes = np.array([f"ENSG{i:011d}" for i in range(1, N_GENES + 1)])
    content = {"UMI": rng.poisson(rates), "classes": types, "gene_ids": genes}
    np.save(folder / "cells.npy", content, allow_pickle=True)
    options = ("--cells", folder / "cells.npy", "--n-splits", 1, *NETWORK, *LEARNING)
    return script(str(ROOT / "finetune_geneformer.py"), *options)


def seconds_of_training(command: list[str], output: Path) -> float:
    """Run it to its end; seconds from its first checkpoint's folder to the removal of its last."""
    process = started(command, output)
    begun = last = training_begun(process, output)
    while process.poll() is None:
        last = time.monotonic() if list(output.glob(CHECKPOINTS)) else last
        time.sleep(0.05)
    require_success(process)
    return last - begun


def kill_and_resume(
    command: list[str], output: Path, rng: Random, most: float
) -> tuple[float, str]:
    """Seconds into the training at which it was killed, and what checkpoint was left then.

    Drawn again, in a new folder, where the run was faster than the moment.
    """
    while True:
        shutil.rmtree(output, ignore_errors=True)
        process = started(command, output)
        begun = training_begun(process, output)
        time.sleep(rng.uniform(0, most))
        was_running = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if was_running:
            break
    after = time.monotonic() - begun
    left = sorted(str(Path(*p.parts[-2:])) for p in output.glob(f"{CHECKPOINTS}/step-*"))
    require_success(started(command, output))
    return after, left[-1] if left else "none"


def started(command: list[str], output: Path) -> subprocess.Popen:
    """The command in the background, its last words kept."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, "--output", output], env=environment, text=True, **pipes)


def training_begun(process: subprocess.Popen, output: Path) -> float:
    """When the first folder for checkpoints was there."""
    while not list(output.glob(CHECKPOINTS)):
        if process.poll() is not None:
            sys.exit(f"fine-tuning ended before it trained: {process.stderr.read()[-2000:]}")
        time.sleep(0.005)
    return time.monotonic()


def require_success(process: subprocess.Popen) -> None:
    """Wait for its end; exit with its last words where it failed."""
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"fine-tuning ended with exit code {process.returncode}: {errors[-2000:]}")


def differing(whole: Path, killed: Path) -> list[str]:
    """Names of predictions, weights and tables that are not the same in both folders."""
    patterns = ("predictions/*.parquet", "models/**/*.safetensors", "results/**/*.csv")
    names = {str(p.relative_to(f)) for f in (whole, killed) for g in patterns for p in f.glob(g)}
    return sorted(name for name in names if content(whole / name) != content(killed / name))


def content(path: Path) -> bytes | str:
    """Of a file; of a table without its columns of seconds, and empty where there is no file."""
    if not path.exists():
        return ""
    if path.suffix != ".csv":
        return path.read_bytes()
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.drop(columns=[name for name in table if SECONDS in name]).to_csv(index=False)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
