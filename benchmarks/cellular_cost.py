"""What one network of cellular.py costs: CPU seconds of a fit, and peak memory of its process.

    python -m benchmarks.cellular_cost                 # sorted cells, 65,943 simulated ones
    python -m benchmarks.cellular_cost --record        # also writes docs/records/cellular_cost.json
    python -m benchmarks.cellular_cost --only cells.npy --device cuda

A fit is all of ``fit``: choosing genes, learning, the outputs of training and validation cells,
calibration and novelty. Each is measured in a process of its own, with one thread; CPU seconds are
those of that process in user and system mode, reading the file aside.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import tyro

from benchmarks.common import full_size_cells, print_table, run_measured, script, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.records import write_record
from cellclassifier.data.read import read_cells
from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.protocol.metrics import score
from cellclassifier.protocol.splits import split_cells

COMMAND = "python -m benchmarks.cellular_cost"


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    only: Path | None = None
    """measure this file, in this process"""

    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu"
    """where to compute"""

    seed: int = REPORTED_SEED
    """of the split and of the network"""

    record: bool = False
    """also write docs/records/cellular_cost.json"""


def main(config: Config) -> None:
    """Print a row per file, or as JSON that of one file."""
    if config.only:
        print(json.dumps(cost_of(config.only, config.device, config.seed)))
        return
    files = {"FACS-sorted PBMC": shared_data("cells.npy"), "simulated": full_size_cells()}
    rows, sources = [], {}
    for name, path in files.items():
        if path is None:
            continue
        options = ("--only", path, "--device", config.device, "--seed", config.seed)
        said = run_measured(script("benchmarks.cellular_cost", *options)).stdout
        row = json.loads(said.splitlines()[-1])
        sources[name] = row.pop("source")
        rows.append({"data": name} | row)
    table = pd.DataFrame(rows)
    print_table("cellular cost", table)
    if config.record:
        print(write_record("cellular_cost", COMMAND, table, [config.seed], sources))


def cost_of(path: Path, device: str, seed: int) -> dict:
    """Cells, CPU seconds, wall seconds, peak GiB of this process, epochs and test macro-F1."""
    cells = read_cells(path)
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    parts = split_cells(labels, seed)
    train, val, test = (cells[parts == part].copy() for part in ("train", "val", "test"))
    model = CellularClassifier(CellularOptions(device=device), seed=seed)
    cpu, wall = time.process_time(), time.perf_counter()
    model.fit(train, labels[parts == "train"], validation=(val, labels[parts == "val"]))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    found = score(labels[parts == "test"], model.predict_proba(test), model.classes_)
    return {
        "n_cells": cells.n_obs,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "n_epochs": len(model.history_),
        "macro_f1": found["macro_f1"],
        "source": cells.uns["source"],
    }


if __name__ == "__main__":
    main(tyro.cli(Config))
