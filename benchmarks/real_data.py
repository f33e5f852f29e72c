"""Every method on real data sets, three splits: mean and standard deviation of test scores."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import tyro

from benchmarks.common import (
    OUTPUT,
    print_table,
    recorded_peak_gib,
    run_measured,
    script,
    shared_data,
)

# Two types of ifnb are too rare to be in all parts of both batches.
RUNS = {
    "embedded sample": (None, ()),
    "cells.npy": ("cells.npy", ()),
    "ifnb within batches": ("ifnb_2800.h5ad", ()),
    "ifnb across batches": (
        "ifnb_2800.h5ad",
        ("--group-key", "batch", "--min-cells-per-type", "20"),
    ),
}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    n_splits: int = 3
    """how many splits, from seed 42"""


def main(config: Config) -> None:
    """Print accuracy and macro-F1 (mean +- std) of every method on every data set."""
    rows = []
    for name, (file, options) in RUNS.items():
        path = file and shared_data(file)
        if file and path is None:
            continue
        folder = OUTPUT / name.replace(" ", "_")
        options = ["--n-splits", config.n_splits, "--output", folder, *options]
        if path:
            options += ["--cells", path]
        measured = run_measured(script("multiclass_baselines.py", *options, "--fresh"))
        peak = recorded_peak_gib(folder, "multiclass_baselines")
        summary = pd.read_csv(folder / "results" / "summary.csv")
        for _, row in summary[summary["dataset"] == "test"].iterrows():
            scores = {
                metric: f"{row[f'{metric}_mean']:.3f} +- {row[f'{metric}_std']:.3f}"
                for metric in ("accuracy", "macro_f1", "ece")
            }
            rows.append({"data": name, "method": row["method"], **scores})
        print(f"{name}: {measured.seconds:.0f} s, peak {peak:.2f} GiB")
    table = pd.DataFrame(rows).set_index(["data", "method"])
    print_table(f"real data: test scores, {config.n_splits} splits", table)


if __name__ == "__main__":
    main(tyro.cli(Config))
