"""One forest per type on real data sets, three repeats: AUROC, and AUPRC at natural prevalence.

python -m benchmarks.real_forests                  # prints a table
python -m benchmarks.real_forests --record         # also writes docs/records/binary_rf.json
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import tyro

from benchmarks.common import OUTPUT, print_table, run_measured, run_record, script
from benchmarks.data_sets import REPORTED_SEED, SAMPLE, SORTED, DataSet
from benchmarks.records import write_record

COMMAND = "python -m benchmarks.real_forests"
COLUMNS = {"AUROC": "auroc", "Natural AUPRC": "natural_auprc"}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    seed: int = REPORTED_SEED
    """seed of the first repeat"""

    n_repeats: int = 3
    """splits, draws and forests per type and way to draw negatives"""

    record: bool = False
    """also write docs/records/binary_rf.json"""


def main(config: Config) -> None:
    """Print the scores of every type, negatives drawn evenly and at random side by side."""
    tables, files = [], {}
    for data in (SORTED, SAMPLE):
        arguments = data.arguments()
        if arguments is None:
            continue
        table, files[data.name] = measure(data, arguments, config)
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    print_table("real forests: scores per type", table.set_index(["data", "cell_type"]).round(3))
    if config.record:
        seeds = list(range(config.seed, config.seed + config.n_repeats))
        print(write_record("binary_rf", COMMAND, table, seeds, files))


def measure(data: DataSet, arguments: list, config: Config) -> tuple[pd.DataFrame, dict]:
    """A row per type, scores of both ways to draw negatives as columns; the file."""
    folder = OUTPUT / "real_forests" / data.name.replace(" ", "_")
    options = [*arguments, "--seed", config.seed, "--n-repeats", config.n_repeats]
    run_measured(script("binary_rf.py", *options, "--output", folder, "--fresh"))
    results = pd.read_csv(folder / "results" / "binary_rf_results.csv", keep_default_na=False)
    table = results[["Cell Type", "Prevalence"]].drop_duplicates("Cell Type")
    table = table.set_axis(["cell_type", "prevalence"], axis=1).set_index("cell_type")
    for scheme, rows in results.groupby("Negative Sampling"):
        rows = rows.set_index("Cell Type")
        for column, name in COLUMNS.items():
            table[f"{name}_{scheme}_mean"] = pd.to_numeric(rows[column])
            table[f"{name}_{scheme}_std"] = pd.to_numeric(rows[f"{column} Std"])
    table.insert(0, "data", data.name)
    return table.reset_index(), run_record(folder, "binary_rf")["data"]


if __name__ == "__main__":
    main(tyro.cli(Config))
