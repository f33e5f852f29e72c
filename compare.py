"""Every method of the house on the same cells: as they are, and in trials.

    python compare.py                                     # cells.npy, else the embedded sample
    python compare.py --budget 20                         # stop after 20 minutes, go on later
    python compare.py --methods logistic_regression gbdt --trials learning noise
    python compare.py --cells a.npy b.h5ad --level common --group-key study

Trials: fewer training cells, groups or studies left out (--group-key), files that lack genes or
counts, training labels swapped within their lineage, types cut to few cells. Methods that take
minutes per fit are given fewer cells and come last. Outputs, under model_output/:

    results/comparison.csv               a row per method, trial, level and split: scores, CPU
                                         seconds and peak memory; rows that were not run say why
    results/comparison_scores.csv        mean and 95 % interval of the plain splits
    results/comparison_pairs.csv         which methods are told apart, by every metric
    results/comparison_groups.csv        runs of methods that are not
    results/comparison_agreement.csv     Cohen's kappa of every two methods
    results/comparison_hard_cells.csv    cells that all methods get wrong, with their top genes
    results/comparison_distance.csv      how far errors go in the Cell Ontology
    plots/comparison_*.png
    results/run_compare.json
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellclassifier import cli, comparison, data, models, plots, protocol
from cellclassifier.comparison.options import TRIALS, ComparisonOptions
from cellclassifier.data.options import CellsOptions
from cellclassifier.errors import InputError
from cellclassifier.options import RunOptions, available_cores, require_positive
from cellclassifier.protocol.options import SplitOptions

if TYPE_CHECKING:
    import anndata as ad
    import pandas as pd

    from cellclassifier.comparison.plan import Part

WAYS = Path(__file__).parent / "benchmarks"  # of peers, each in an environment of its own
log = logging.getLogger("cellclassifier")


@dataclass(frozen=True)
class Config(ComparisonOptions, RunOptions, SplitOptions, CellsOptions):
    """Options of the comparison of every method."""


def main(config: Config) -> pd.DataFrame:
    """Compare all methods; returns the tidy table."""
    require_positive(config, "costly_cells", "jobs")
    methods = _methods(config)
    run = protocol.Run("compare", config)

    with run.step("read"):
        cells = protocol.subset(data.read_cells(config), config)
        parts = protocol.split_all(cells, config)
    run.about(cells, parts, "comparison_splits")

    versions, absent = comparison.installed_methods(methods)
    plan = comparison.planned(list(versions), config.trials, run.splits, _groups(cells))
    jobs = config.jobs or available_cores()

    def compute(part: Part) -> dict[str, pd.DataFrame]:
        def make(part: Part):
            options = {"seed": part.split, "quick": part.is_quick, "jobs": jobs}
            return models.make_method(part.method, **options)

        return comparison.measured(part, cells, parts, make, config)

    pythons = {"celltypist": config.celltypist, "scanvi": config.scanvi}
    peers, no_peers = comparison.peer_rows(pythons, WAYS, cells, parts)
    done, missing = comparison.finished_parts(run, plan, versions, compute, config.budget)
    found = comparison.Results(run, cells, parts, done, missing, absent | no_peers, peers)
    for name, table in found.tables().items():
        run.output.csv(name, table)
    with run.step("outputs"):
        for name, figure in plots.comparison_of_trials(found):
            run.output.figure(name, figure)
    run.write_record(methods=list(versions), not_run=absent | no_peers)
    _say(found)
    cli.say_where(config.output)
    return found.table


def _methods(config: Config) -> tuple[str, ...]:
    """The methods that were asked for, or all; InputError for a name that is none."""
    unknown = [name for name in config.trials if name not in TRIALS]
    if unknown:
        raise InputError(f"unknown trial {', '.join(unknown)}: expected {', '.join(TRIALS)}")
    if config.budget is not None and not config.budget > 0:
        raise InputError(f"--budget {config.budget:g}: expected minutes, more than 0")
    methods = config.methods or models.methods.EVERY
    models.require_known(methods, models.methods.EVERY)
    return methods


def _groups(cells: ad.AnnData) -> list[str]:
    """Groups (--group-key), those of most cells first; none without it."""
    if "group" not in cells.obs:
        return []
    return cells.obs["group"].astype(str).value_counts().index.to_list()


def _say(found: comparison.Results) -> None:
    print(found.in_short().to_string())
    for line in found.remarks():
        log.info("%s", line)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
