"""Name every cell's type with forests, boosting and linear models, and compare them.

    python multiclass_baselines.py                        # cells.npy, else the embedded sample
    python multiclass_baselines.py --cells my.h5ad --label-key louvain --methods gbdt

Every method chooses its hyperparameters on the validation cells of each split; the test cells are
scored once, by the chosen model. Outputs, under model_output/:

    results/scores/<method>.csv          one row per split and part: seven metrics, calibration
                                         error after and before calibration, 95 % intervals
    results/<method>_results.csv         one row per grid point and split
    results/combined_results.csv         scores of all methods that saw these cells and splits,
                                         also of other scripts
    results/summary.csv                  their mean and standard deviation over splits, intervals
    results/paired_comparison.csv        which of them are told apart, by every metric
    results/groups_not_told_apart.csv
    results/per_type_results.csv         precision, recall and F1 of every type
    predictions/<method>-split<seed>.parquet
    models/<method>/                     the model of the first split, saved without pickle
    plots/                               metrics.png, a figure per metric, confusion, calibration
    results/run_multiclass_baselines.json
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellclassifier import cli, data, models, plots, protocol
from cellclassifier.data.options import CellsOptions
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.options import RunOptions, available_cores, require_positive
from cellclassifier.protocol.options import SplitOptions

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("cellclassifier")


@dataclass(frozen=True)
class Config(RunOptions, SplitOptions, CellsOptions):
    """Options of the comparison."""

    methods: tuple[str, ...] = field(default=METHODS, metadata={"changes_results": False})
    """which methods to compare; augmented_regression and augmented_network need torch"""

    n_genes: int | None = None
    """genes that each method selects; default: each method's own number"""

    quick: bool = False
    """a first look: one grid point per method"""


def main(config: Config) -> pd.DataFrame:
    """Compare the methods; returns mean and standard deviation of each metric."""
    models.require_known(config.methods)
    require_positive(config, "n_genes", "jobs")
    run = protocol.Run("multiclass_baselines", config)

    log.info("Reading the cells ...")
    with run.step("read"):
        cells = protocol.subset(data.read_cells(config), config)
        parts = protocol.split_all(cells, config)

    versions = {method: models.version_of(method) for method in config.methods}
    for method, split in run.plan(versions, cells, parts):
        jobs = config.jobs or available_cores()
        options = {"n_genes": config.n_genes, "quick": config.quick, "jobs": jobs}
        model = models.make_method(method, seed=split, **options)
        result = protocol.evaluate(model, cells, parts[split], split)
        run.keep(result, trials=model.trial_table(result.scores, split))

    for method in config.methods:
        run.output.csv(f"{method}_results", models.grid_table(run.table("trials", method)))
    summary = run.finish(plots.comparison_figures)
    print(protocol.in_short(summary).to_string())
    cli.say_where(config.output)
    return summary


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
