"""The original way, ours, and CellTypist on the same splits of the same real cells.

See docs/README.md for what the original version is.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro

from benchmarks.common import (
    ROOT,
    Measured,
    print_table,
    run_measured,
    run_record,
    script,
    shared_data,
)
from benchmarks.data_sets import REPORTED_SEED
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all

METHODS = ("random_forest", "gbdt")
CELLTYPIST = ROOT / ".venv-celltypist"


@dataclass(frozen=True)
class Config:
    """Options of the comparison."""

    cells: Path | None = None
    """cells.npy; default: the real cells beside the repository"""

    seed: int = REPORTED_SEED
    """seed of the first split; the others count up from it"""

    n_splits: int = 3
    """how many splits; the original way takes about 5 minutes for each"""

    celltypist: bool = True
    """also CellTypist, in an environment of its own that is made on first use"""


def main(config: Config) -> None:
    """Print seconds, peak memory and test macro-F1 of each way, and the ratios."""
    path = config.cells or shared_data("cells.npy")
    if path is None:
        return
    ways = {"ours": _ours(path, config), "original": _original(path, config)}
    if config.celltypist:
        ways["celltypist"] = _celltypist(path, config)
    table = pd.DataFrame(ways).T
    print_table(f"side by side: {path.name}, {config.n_splits} split(s)", table.round(3))
    faster = table["seconds"]["original"] / table["seconds"]["ours"]
    memory = table["peak_gib"]["ours"] / table["peak_gib"]["original"]
    print(f"ours is {faster:.1f} times faster, with {memory:.2f} of the memory")


def _common(path: Path, config: Config) -> list:
    return ["--cells", path, "--seed", config.seed, "--n-splits", config.n_splits]


def _ours(path: Path, config: Config) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        options = [*_common(path, config), "--output", folder]
        measured = run_measured(script("multiclass_baselines.py", *options, "--methods", *METHODS))
        table = pd.read_csv(Path(folder) / "results" / "combined_results.csv")
        peak = run_record(Path(folder), "multiclass_baselines")["peak_gib"]
    return _row(dataclasses.replace(measured, peak_gib=peak), table[table["dataset"] == "test"])


def _original(path: Path, config: Config) -> dict:
    options = _common(path, config)
    measured = run_measured(script("benchmarks.original_way", *options))
    return _row(measured, pd.DataFrame(json.loads(measured.stdout)))


def _celltypist(path: Path, config: Config) -> dict:
    python = CELLTYPIST / "bin" / "python"
    if not python.exists():
        run_measured([os.environ.get("PYTHON", sys.executable), "-m", "venv", str(CELLTYPIST)])
        requirements = ["-r", "requirements-celltypist.txt"]
        run_measured([str(python), "-m", "pip", "install", "--quiet", *requirements])
    cells = read_cells(CellsOptions(cells=path))
    with tempfile.TemporaryDirectory() as folder:
        data, parts = Path(folder) / "cells.h5ad", Path(folder) / "parts.csv"
        split_all(cells, SplitOptions(seed=config.seed, n_splits=config.n_splits)).to_csv(parts)
        cells.write_h5ad(data)
        command = [str(python), "benchmarks/celltypist_way.py", str(data), str(parts)]
        measured = run_measured(command)
    rows = pd.DataFrame(json.loads(measured.stdout.strip().splitlines()[-1]))
    return _row(measured, rows.assign(method="celltypist"))


def _row(measured: Measured, scores: pd.DataFrame) -> dict:
    row = {"seconds": measured.seconds, "peak_gib": measured.peak_gib}
    for method, group in scores.groupby("method"):
        row[f"{method}_macro_f1"] = group["macro_f1"].mean()
        row[f"{method}_std"] = group["macro_f1"].std()
    return row


if __name__ == "__main__":
    main(tyro.cli(Config))
