"""All methods with their grids on the full-size simulation: seconds and memory per step, scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro

from benchmarks.common import (
    OUTPUT,
    full_size_cells,
    print_table,
    run_measured,
    run_record,
    script,
)

# Published on the real file (see docs/costs.md): what the simulation's difficulty is set by.
PUBLISHED = {
    "logistic_regression": (0.812, 0.707),
    "random_forest": (0.68, 0.49),
    "gbdt": (0.70, 0.57),
}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    cells: Path | None = None
    """cells.npy; default: the simulation of 65,943 cells, made on first use"""

    max_cells: int | None = None
    """a stratified subset"""

    n_splits: int = 1
    """how many splits"""


def main(config: Config) -> None:
    """Print one table of steps and one of scores."""
    steps, scores, seconds, peak = measure(config)
    print_table("full size steps: seconds and peak GiB per step", steps)
    print_table("full size scores: test accuracy and macro-F1, published beside them", scores)
    print(f"whole command: {seconds:.0f} s, peak {peak:.2f} GiB")


def measure(config: Config) -> tuple[pd.DataFrame, pd.DataFrame, float, float]:
    """Steps, scores, wall seconds and peak GiB of one run of multiclass_baselines.py."""
    cells = config.cells or full_size_cells()
    folder = OUTPUT / f"full_size_{config.max_cells or 'all'}"
    options = ["--cells", cells, "--n-splits", config.n_splits, "--output", folder, "--fresh"]
    if config.max_cells:
        options += ["--max-cells", config.max_cells]
    measured = run_measured(script("multiclass_baselines.py", *options))
    record = run_record(folder, "multiclass_baselines")
    combined = pd.read_csv(folder / "results" / "combined_results.csv")
    test = combined[combined["dataset"] == "test"]
    scores = test.groupby("method")[["accuracy", "macro_f1", "fit_seconds"]].mean()
    published = pd.DataFrame(PUBLISHED, index=["published_accuracy", "published_macro_f1"]).T
    steps = pd.DataFrame(record["steps"]).T
    # The record's peak: the script resets its high-water mark before every step.
    return steps, scores.join(published).round(3), measured.seconds, record["peak_gib"]


if __name__ == "__main__":
    main(tyro.cli(Config))
