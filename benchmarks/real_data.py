"""Every baseline on real data sets, three splits: mean and standard deviation of test scores.

python -m benchmarks.real_data                     # prints a table
python -m benchmarks.real_data --record            # also writes docs/records/baselines.json
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import tyro

from benchmarks.common import OUTPUT, print_table, run_measured, run_record, script
from benchmarks.data_sets import IFNB, IFNB_ACROSS, REPORTED_SEED, SAMPLE, SORTED, DataSet
from benchmarks.records import write_record

COMMAND = "python -m benchmarks.real_data"
NAME = "multiclass_baselines"
METRICS = ("accuracy", "macro_f1", "ece", "ece_raw")


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    seed: int = REPORTED_SEED
    """seed of the first split"""

    n_splits: int = 3
    """how many splits"""

    record: bool = False
    """also write docs/records/baselines.json"""


def main(config: Config) -> None:
    """Print accuracy, macro-F1 and calibration error (mean +- std) of every method."""
    tables, files = [], {}
    for data in (SAMPLE, SORTED, IFNB, IFNB_ACROSS):
        arguments = data.arguments()
        if arguments is None:
            continue
        table, files[data.name] = measure(data, arguments, config)
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    print_table(f"real data: test scores, {config.n_splits} splits", shown(table))
    if config.record:
        seeds = list(range(config.seed, config.seed + config.n_splits))
        print(write_record("baselines", COMMAND, table, seeds, files))


def measure(data: DataSet, arguments: list, config: Config) -> tuple[pd.DataFrame, dict]:
    """A row per method, with the mean and standard deviation of its test scores; the file."""
    folder = OUTPUT / "real_data" / data.name.replace(" ", "_").replace(",", "")
    options = [*arguments, "--seed", config.seed, "--n-splits", config.n_splits]
    measured = run_measured(script(f"{NAME}.py", *options, "--output", folder, "--fresh"))
    run = run_record(folder, NAME)
    print(f"{data.name}: {measured.seconds:.0f} s, peak {run['peak_gib']:.2f} GiB")
    scores = pd.read_csv(folder / "results" / "combined_results.csv")
    types = pd.read_csv(folder / "results" / "per_type_results.csv")["cell_type"].nunique()
    n_cells = scores.groupby(["method", "split"])["n_cells"].sum().iloc[0]
    rows = scores[scores["dataset"] == "test"].groupby("method", sort=False)[list(METRICS)]
    table = rows.agg(["mean", "std"])
    table.columns = [f"{metric}_{value}" for metric, value in table.columns]
    n_splits = scores["split"].nunique()  # of two groups there are two
    facts = {"data": data.name, "n_cells": n_cells, "n_types": types, "n_splits": n_splits}
    return table.reset_index().assign(**facts), run["data"]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a person reads it."""
    table = table.set_index(["data", "method"])
    texts = {
        metric: [
            f"{mean:.3f} +- {std:.3f}"
            for mean, std in table[[f"{metric}_mean", f"{metric}_std"]].to_numpy()
        ]
        for metric in METRICS
    }
    return pd.DataFrame(texts, index=table.index)


if __name__ == "__main__":
    main(tyro.cli(Config))
