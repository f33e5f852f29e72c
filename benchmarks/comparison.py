"""compare.py on the sorted cells: every method, plain and in trials, and how long all of it took.

python -m benchmarks.comparison                    # prints both tables
python -m benchmarks.comparison --record           # also writes docs/records/comparison*.json

--celltypist and --scanvi name a Python of each peer's environment, as for compare.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import tyro

from benchmarks.common import OUTPUT, print_table, run_measured, run_record, script
from benchmarks.data_sets import REPORTED_SEED, SORTED
from benchmarks.records import write_record

COMMAND = "python -m benchmarks.comparison"
SCORES = ("macro_f1", "accuracy", "mcc", "ece")
COSTS = ("fit_cpu_seconds", "predict_cpu_seconds", "fit_added_gib")
TRIALS = {
    "learning": "{percent} of cells",
    "genes": "{percent} of genes missing",
    "depth": "{percent} of counts left",
    "noise": "{percent} of labels swapped",
    "rare": "rare types: {level} cells",
}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    seed: int = REPORTED_SEED
    """seed of the first split"""

    n_splits: int = 3
    """how many splits"""

    celltypist: Path | None = None
    """Python of an environment with requirements-celltypist.txt"""

    scanvi: Path | None = None
    """Python of an environment with requirements-scanvi.txt"""

    output: Path = OUTPUT / "comparison"
    """where compare.py writes; what is finished there is taken up, unless --fresh"""

    fresh: bool = True
    """fit everything anew, so that the time is that of a whole run; else it is not recorded"""

    record: bool = False
    """also write docs/records/comparison.json and comparison_time.json"""


def main(config: Config) -> None:
    """Print scores, costs and trials of every method, and the time of all of it."""
    arguments = SORTED.arguments()
    if arguments is None:
        return
    seeds = list(range(config.seed, config.seed + config.n_splits))
    measured = run_measured(script("compare.py", *arguments, *options(config)))
    run = run_record(config.output, "compare")
    table = config.output / "results" / "comparison.csv"
    found = pd.read_csv(table, dtype={"level": str})  # "30" cells stay so
    table = rows_of(found)
    time = time_of(found, measured.seconds, len(run["methods"]))
    print_table("sorted cells: every method, plain and in trials", table)
    print_table("time of all of it", time)
    if config.record:
        files = {SORTED.name: run["data"]}
        print(write_record("comparison", COMMAND, table, seeds, files))
        if config.fresh:
            print(write_record("comparison_time", COMMAND, time, seeds, files))


def options(config: Config) -> list[object]:
    """Options of compare.py."""
    given = ["--seed", config.seed, "--n-splits", config.n_splits, "--output", config.output]
    for name in ("celltypist", "scanvi"):
        if python := getattr(config, name):
            given += [f"--{name}", python]
    return [*given, "--fresh"] if config.fresh else given


def rows_of(found: pd.DataFrame) -> pd.DataFrame:
    """A row per method, trial and level: means (and, of plain splits, deviations) of its scores.

    found: results/comparison.csv. Methods stand in the order of their plain macro-F1.
    """
    run = found[found["macro_f1"].notna()].copy()
    run["level"] = run["level"].fillna("").astype(str)
    run["predict_cpu_seconds"] *= 1000 / run["n_test"]  # per 1,000 cells
    run["trial"] = pd.Categorical(run["trial"], ["plain", *TRIALS])
    groups = run.dropna(subset=["trial"]).groupby(
        ["method", "trial", "level"], sort=False, observed=True
    )
    table = groups[[*SCORES, *COSTS, "f1_of_rare", "n_train"]].mean()
    table = table.join(groups[list(SCORES)].std().add_suffix("_std"))
    table = table.rename(columns={name: f"{name}_mean" for name in SCORES})
    table["n_splits"] = groups.size()
    for name in SCORES:
        pairs = table[[f"{name}_mean", f"{name}_std"]].to_numpy()
        table[f"{name}_shown"] = [mean_and_deviation(*pair) for pair in pairs]
    table["quick"] = groups["quick"].first().map({True: "fewer cells or epochs"})
    table = table.reset_index()
    table["shown"] = [shown(*pair) for pair in table[["trial", "level"]].to_numpy(str)]
    is_rare = table["trial"] == "rare"
    table["score"] = table["f1_of_rare"].where(is_rare, table["macro_f1_mean"])
    plain = table[table["trial"] == "plain"].set_index("method")["macro_f1_mean"]
    order = {name: i for i, name in enumerate(plain.sort_values(ascending=False).index)}
    return table.sort_values("method", key=lambda names: names.map(order), kind="stable")


def mean_and_deviation(mean: float, deviation: float) -> str | None:
    """As "0.846 ± 0.024", without the second where there was one split; None where neither is."""
    if pd.isna(mean):
        return None
    return f"{mean:.3f}" if pd.isna(deviation) else f"{mean:.3f} ± {deviation:.3f}"


def shown(trial: str, level: str) -> str:
    """A trial and its level as a heading."""
    if trial not in TRIALS:
        return "plain"
    percent = f"{100 * float(level):.0f} %" if trial != "rare" else ""
    return TRIALS[trial].format(percent=percent, level=level)


def time_of(found: pd.DataFrame, seconds: float, n_methods: int) -> pd.DataFrame:
    """One row: how many methods and fits, minutes on the clock and of the processor, cores."""
    run = found[found["fit_cpu_seconds"].notna()]
    fits = run[~run["trial"].isin(["genes", "depth"])]
    whole = fits["fit_cpu_seconds"].sum() + run["predict_cpu_seconds"].sum()
    facts = {
        "methods": n_methods,
        "fits": len(fits),
        "minutes": seconds / 60,
        "cpu_minutes": whole / 60,
        "cores": os.cpu_count(),
    }
    return pd.DataFrame([facts])


if __name__ == "__main__":
    main(tyro.cli(Config))
