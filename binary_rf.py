"""For every cell type: is a cell of this type or not, and by which genes?

    python binary_rf.py                                   # cells.npy, else the embedded sample
    python binary_rf.py --cells my.h5ad --label-key louvain --n-repeats 5

One random forest per type, way to draw negatives and repeat. As many negatives as positives are
drawn either evenly over the other types or at random from all other cells; scores are of cells
that no training draw could contain. Outputs, under model_output/:

    results/scores/binary_rf_<even or random>.csv    mean over types of every repeat's scores
    results/per_type/binary_rf_<even or random>.csv  those of every type
    results/binary_rf_results.csv        per type and way: scores, their spread, natural prevalence
    results/binary_rf_importances.csv    every gene: MDI, permutation, expression in and out
    results/binary_rf_splits.csv         which cells were held out in which repeat
    predictions/binary_rf_<even or random>-split<seed>.parquet
    plots/feature_importance_<type>_<even or random>.png
    plots/binary_rf_markers.png, plots/binary_rf_auroc.png
    results/run_binary_rf.json

On more machines, with a Dask cluster (the workers need this repository on their Python path):

    client = dask.distributed.Client("scheduler-address:8786")
    with joblib.parallel_config(backend="dask"):
        binary_rf.main(binary_rf.Config(cells=Path("cells.npy")))
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellclassifier import cli, data, models, output, plots, protocol
from cellclassifier.data.options import CellsOptions
from cellclassifier.models.one_vs_rest.options import SCHEMES, ForestOptions
from cellclassifier.options import RunOptions, available_cores, require_positive
from cellclassifier.protocol.options import SubsetOptions

if TYPE_CHECKING:
    import pandas as pd

MARKERS_PER_TYPE = 3
log = logging.getLogger("cellclassifier")


@dataclass(frozen=True)
class Config(RunOptions, ForestOptions, SubsetOptions, CellsOptions):
    """Options of the one-type-or-not forests."""

    n_repeats: int = field(default=3, metadata={"changes_results": False})
    """how many splits, draws and forests per type and way to draw negatives"""


def main(config: Config) -> pd.DataFrame:
    """Fit, score and explain; returns the results table."""
    require_positive(config, "n_trees", "n_genes", "jobs")
    seeds = protocol.seeds_from(config.seed, config.n_repeats, "--n-repeats")
    run = protocol.Run("binary_rf", config)
    forests, tables = models.one_vs_rest.forests, models.one_vs_rest.tables

    log.info("Reading the cells ...")
    with run.step("read"):
        cells = protocol.subset(data.read_cells(config), config)
        labels = cells.obs["cell_type"].to_numpy().astype(str)
        fits = forests.plan_fits(labels, seeds)
        parts = forests.parts_of_repeats(cells, seeds)
        fits = [fit for fit in fits if fit.seed in parts]  # of few groups, fewer than asked for
        run.about(cells, parts, "binary_rf_splits")

    def compute(to_do):
        return forests.fit_all(to_do, cells, parts, config, config.jobs or available_cores())

    with run.step("fits"):
        finished = run.collect(fits, compute, forests.VERSION)

    log.info("All forests are grown: writing tables ...")
    with run.step("outputs"):
        results = tables.result_table(labels, finished)
        importances = tables.importance_table(cells, finished)
        run.output.csv("binary_rf_results", results)
        run.output.csv("binary_rf_importances", importances)
        for scheme in SCHEMES:
            run.write_scores(run.key(forests.VERSION), *tables.tidy_scores(finished, scheme))
            for seed in parts:
                part = parts[seed].to_numpy()
                held_out = tables.held_out_predictions(cells, part, finished, scheme, seed)
                run.output.predictions(f"binary_rf_{scheme}-split{seed}", held_out)
        draw(run, cells, results, importances)
    run.write_record()
    print(tables.in_short(results).to_string())
    cli.say_where(config.output)
    return results


def draw(run: protocol.Run, cells, results: pd.DataFrame, importances: pd.DataFrame) -> None:
    """Importances of every type, AUROC of all of them, and the genes that mark them."""
    used = importances[importances["mdi_mean"] > 0]  # a tenth of all genes
    scores = results.set_index(["Cell Type", "Negative Sampling"], drop=False)
    by_forest = used.groupby(["cell_type", "negative_sampling"], sort=False)
    with output.Progress(len(by_forest), "figure") as progress:
        for (name, scheme), genes in by_forest:
            progress.starting(f"{data.printable(name)}, {scheme}")
            score = scores.loc[(name, scheme)]
            figure = plots.importance(genes.head(10), score, run.config.n_repeats)
            run.output.figure(f"feature_importance_{name}_{scheme}", figure)
            progress.add()
    order = data.types_by_similarity(cells)
    figure = plots.auroc_heatmap(results, len(run.splits), run.source["file"])
    run.output.figure("binary_rf_auroc", figure)
    markers = plots.markers(used, order, MARKERS_PER_TYPE)
    if markers:  # of two genes, say, none may be used and up
        expression = data.expression_of(cells, markers, order)
        run.output.figure("binary_rf_markers", plots.marker_dots(expression, markers))


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
