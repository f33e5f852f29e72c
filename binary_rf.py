"""For every cell type: is a cell of this type or not, and by which genes?

    python binary_rf.py                                   # cells.npy, else the embedded sample
    python binary_rf.py --cells my.h5ad --label-key louvain --n-repeats 5

One random forest per type, way to draw negatives and repeat. As many negatives as positives are
drawn either evenly over the other types or at random from all other cells; scores are of cells
that no training draw could contain. Outputs, under model_output/:

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

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from tqdm import tqdm

from cellclassifier import cli as command
from cellclassifier.data import features
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.one_vs_rest import forests as binary
from cellclassifier.models.one_vs_rest import tables as binary_tables
from cellclassifier.output.files import FinishedParts, Output, RunRecord, run_key
from cellclassifier.plots import one_vs_rest as binary_plots
from cellclassifier.protocol.splits import SubsetOptions, seeds_from, subset


@dataclass(frozen=True)
class Config(binary.ForestOptions, SubsetOptions, CellsOptions):
    """Options of the one-type-or-not forests."""

    n_repeats: int = 3
    """how many splits, draws and forests per type and way to draw negatives"""

    fresh: bool = False
    """start over instead of taking up the finished fits of an interrupted run"""

    jobs: int | None = None
    """fits side by side; default: the cores this process may use"""

    output: Path = Path("model_output")
    """folder for everything that is written"""


def main(config: Config) -> pd.DataFrame:
    """Fit, score and explain; returns the results table."""
    output = Output(config.output)
    record = RunRecord("binary_rf", config, output)
    command.require_positive(config, "n_trees", "n_genes", "jobs")
    seeds = seeds_from(config.seed, config.n_repeats, "--n-repeats")

    with record.step("read"):
        cells = subset(read_cells(config), config)
        labels = cells.obs["cell_type"].to_numpy().astype(str)
        fits = binary.plan(labels, seeds)
        parts = binary.parts_of(cells, seeds)
        output.csv("binary_rf_splits", parts.rename_axis("cell").reset_index())

    with record.step("fits"):
        finished = _fit(config, cells, parts, fits, output)

    with record.step("outputs"):
        results = binary_tables.result_table(labels, finished)
        importances = binary_tables.importance_table(cells, finished)
        output.csv("binary_rf_results", results)
        output.csv("binary_rf_importances", importances)
        importances = importances[importances["mdi_mean"] > 0]  # a tenth, enough for the figures
        for scheme in binary.SCHEMES:
            for seed in seeds:
                arguments = cells, parts[seed].to_numpy(), finished, scheme, seed
                table = binary_tables.held_out_predictions(*arguments)
                output.predictions(f"binary_rf_{scheme}-split{seed}", table)
        _draw(cells, labels, results, importances, output)
    record.write(data=cells.uns["source"], seeds=list(seeds))
    print(_short(results).to_string())
    command.say_where(config.output)
    return results


def _fit(config: Config, cells, parts, fits: list, output: Output) -> binary_tables.Finished:
    """Take up the finished fits and do the others; each is kept as soon as it is done."""
    ignored = ("n_repeats", "fresh", "jobs", "output", "cells")
    options = {key: value for key, value in vars(config).items() if key not in ignored}
    kept = FinishedParts(
        output, "binary_rf", run_key(options, cells.uns["source"]), fresh=config.fresh
    )
    finished = {fit: tables for fit in fits if (tables := kept.load(fit.name))}
    to_do = [fit for fit in fits if fit not in finished]
    jobs = config.jobs or command.available_cores()
    with tqdm(total=len(fits), initial=len(finished), unit="fit") as progress:
        for fit, tables in binary.fit_all(to_do, cells, parts, config, jobs):
            kept.save(fit.name, tables)
            finished[fit] = tables
            progress.update()
    return {fit: finished[fit] for fit in fits}  # in the same order whichever was done first


def _draw(cells, labels, results: pd.DataFrame, importances: pd.DataFrame, output: Output) -> None:
    profiles = features.mean_profiles(cells, labels)
    order = features.similarity_order(profiles)
    auroc = results.set_index(["Cell Type", "Negative Sampling"])["AUROC"]
    for (name, scheme), genes in importances.groupby(["cell_type", "scheme"], sort=False):
        figure = binary_plots.importance(genes.head(10), name, scheme, auroc[name, scheme])
        output.figure(f"feature_importance_{name}_{scheme}", figure)
    output.figure("binary_rf_auroc", binary_plots.auroc_heatmap(results, order))
    markers = binary_plots.markers(importances, order, n_genes=3)
    shown = np.unique(np.concatenate([list(genes) for genes in markers.values()]))
    values = features.log_normalize(cells.X, features.total_counts(cells.X))
    values = values[:, cells.var_names.get_indexer(shown)]
    obs = cells.obs[["cell_type"]].assign(cell_type=pd.Categorical(labels, order))
    expression = ad.AnnData(values, obs=obs, var=cells.var.loc[shown, ["gene_symbol"]])
    output.figure("binary_rf_markers", binary_plots.marker_dots(expression, markers))


def _short(results: pd.DataFrame) -> pd.DataFrame:
    """The results as a person reads them: mean +- standard deviation."""
    table = results[["Cell Type", "Negative Sampling"]].copy()
    for name in ("Accuracy", "AUROC", "Natural AUPRC"):
        pairs = results[[name, f"{name} Std"]].to_numpy()
        table[name] = [f"{m:.3f} +- {s:.3f}" if np.isfinite(m) else "" for m, s in pairs]
    return table.assign(**{"N Samples": results["N Samples"], "Note": results["Note"].fillna("")})


if __name__ == "__main__":
    command.run(main, Config, __doc__)
