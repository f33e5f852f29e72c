"""binary_rf.py on the full-size simulation, and against the original way on real cells."""

from __future__ import annotations

import json
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro

from benchmarks.common import (
    full_size_cells,
    print_table,
    run_measured,
    run_record,
    script,
    shared_data,
)


@dataclass(frozen=True)
class Config:
    """Options of the benchmark."""

    full_size: Path | None = None
    """simulated cells.npy of full size; default: made once under benchmarks/output"""

    cells: Path | None = None
    """real cells.npy; default: the one beside the repository"""


def main(config: Config) -> None:
    """Print one table: seconds, peak memory, trees and mean AUROC of each command.

    cpu_seconds are those of all cores together, which other programs on the machine do not change.
    """
    rows = {"full size, ours": _ours(config.full_size or full_size_cells())}
    real = config.cells or shared_data("cells.npy")
    if real is not None:
        rows |= {"real cells, ours": _ours(real), "real cells, original": _original(real)}
    table = pd.DataFrame(rows).T
    table["ms_per_tree"] = 1000 * table["all_fits_seconds"] / table["trees"]
    print_table(
        "binary rf: 2 ways to draw negatives; ours 3 repeats, the original 1", table.round(3)
    )
    if real is not None:
        ours, original = table.loc["real cells, ours"], table.loc["real cells, original"]
        faster = original["ms_per_tree"] / ours["ms_per_tree"]
        memory = ours["peak_gib"] / original["peak_gib"]
        print(f"ours is {faster:.1f} times faster per tree, with {memory:.2f} of the memory")


def _ours(path: Path) -> dict:
    """The whole command; its step "fits" draws, selects, grows, scores and permutes."""
    with tempfile.TemporaryDirectory() as folder:
        before = _cpu_seconds()
        measured = run_measured(script("binary_rf.py", "--cells", path, "--output", folder))
        table = pd.read_csv(Path(folder) / "results" / "binary_rf_results.csv")
        record = run_record(Path(folder), "binary_rf")
    options = record["options"]
    n_fits = table["AUROC"].notna().sum() * options["n_repeats"]
    return {
        "seconds": measured.seconds,
        "cpu_seconds": _cpu_seconds() - before,
        "peak_gib": max(measured.peak_gib, record["peak_gib"]),
        "all_fits_seconds": record["steps"]["fits"]["seconds"],
        "trees": n_fits * options["n_trees"],
        "auroc": table["AUROC"].mean(),
    }


def _cpu_seconds() -> float:
    """User and system seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _original(path: Path) -> dict:
    before = _cpu_seconds()
    measured = run_measured(script("benchmarks.original_way_binary", "--cells", path))
    facts = json.loads(measured.stdout)
    return {
        "seconds": measured.seconds,
        "cpu_seconds": _cpu_seconds() - before,
        "peak_gib": measured.peak_gib,
        "all_fits_seconds": facts["seconds"],
        "trees": facts["trees"],
        "auroc": facts["auroc"],
    }


if __name__ == "__main__":
    main(tyro.cli(Config))
