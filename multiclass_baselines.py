"""Name every cell's type with forests, boosting and linear models, and compare them.

    python multiclass_baselines.py                        # cells.npy, else the embedded sample
    python multiclass_baselines.py --cells my.h5ad --label-key louvain --methods gbdt

Every method chooses its hyperparameters on the validation cells of each split; the test cells are
scored once, by the chosen model. Outputs, under model_output/:

    results/combined_results.csv         one row per method, split and part: seven metrics, ECE
                                         after and before calibration
    results/summary.csv                  their mean and standard deviation over splits
    results/<method>_results.csv         one row per grid point and split
    results/per_type_results.csv         precision, recall and F1 of every type
    predictions/<method>-split<seed>.parquet
    models/<method>/                     the model of the first split, saved without pickle
    plots/                               a bar chart per metric, confusion matrices, calibration
    results/run_multiclass_baselines.json
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellclassifier import cli as command
from cellclassifier.data import features
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.baselines.classifier import make_baseline, require_known
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.output.files import FinishedParts, Output, RunRecord, run_key
from cellclassifier.plots import comparison as plots
from cellclassifier.protocol.evaluate import (
    beside_other_methods,
    evaluate,
    pooled_reliability,
    summarize,
)
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.splits import SplitOptions, restrict, split_all


@dataclass(frozen=True)
class Config(SplitOptions, CellsOptions):
    """Options of the comparison."""

    methods: tuple[str, ...] = METHODS
    """which methods to compare"""

    n_genes: int | None = None
    """genes that each method selects; default: each method's own number"""

    quick: bool = False
    """a first look: one grid point per method"""

    fresh: bool = False
    """start over instead of taking up the finished parts of an interrupted run"""

    jobs: int | None = None
    """threads; default: the cores this process may use"""

    output: Path = Path("model_output")
    """folder for everything that is written"""


def main(config: Config) -> pd.DataFrame:
    """Compare the methods; returns mean and standard deviation of each metric."""
    require_known(config.methods)
    command.require_positive(config, "n_genes", "jobs")
    output = Output(config.output)
    record = RunRecord("multiclass_baselines", config, output)

    with record.step("read"):
        cells = restrict(read_cells(config), config)
        parts = split_all(cells, config)
        output.csv("splits", parts.rename_axis("cell").reset_index())

    finished = FinishedParts(output, record.script, _key(config, cells), config.fresh)
    plan = [(method, split) for split in parts for method in config.methods]
    tables = []
    for method, split in (progress := tqdm(plan, unit="fit")):
        progress.set_description(f"{method}, split {split}")
        with record.step(method):
            part = finished.load(f"{method}-split{split}", needs=_files(config, method, split))
            tables.append(part or _run_part(config, cells, parts[split], method, output, finished))

    with record.step("outputs"):
        summary = _write_tables(config, tables, output)
        _draw(config, cells, parts, summary, output)
    record.write(data=cells.uns["source"], seeds=parts.columns.tolist())
    print(_short(summary).to_string())
    command.say_where(config.output)
    return summary


def _files(config: Config, method: str, split: int) -> list[str]:
    """What a finished part has written, relative to the output folder."""
    predictions = f"predictions/{method}-split{split}.parquet"
    model = [f"models/{method}/model.json"] if split == config.seed else []
    return [predictions, *model]


def _run_part(config, cells, part_of_cell, method, output, finished) -> dict[str, pd.DataFrame]:
    """Fit, choose, score and keep one method on one split."""
    split = int(part_of_cell.name)
    jobs = config.jobs or command.available_cores()
    model = make_baseline(method, n_genes=config.n_genes, seed=split, jobs=jobs, quick=config.quick)
    result = evaluate(model, cells, part_of_cell.to_numpy(), split)
    output.predictions(f"{method}-split{split}", result.predictions)
    if split == config.seed:
        model.save(output.model_folder(method), data=cells.uns["source"], split=split)
    tables = {
        "combined": result.combined,
        "per_type": result.per_type,
        "trials": model.trial_table(result.combined, split),
    }
    finished.save(f"{method}-split{split}", tables)
    return tables


def _write_tables(config: Config, tables: list[dict], output: Output) -> pd.DataFrame:
    combined = pd.concat([part["combined"] for part in tables], ignore_index=True)
    output.csv("combined_results", combined)
    types = pd.concat([part["per_type"] for part in tables])
    output.csv("per_type_results", beside_other_methods(types, output.folder, own=METHODS))
    for method in config.methods:
        trials = [part["trials"] for part in tables if (part["trials"]["method"] == method).all()]
        output.csv(f"{method}_results", pd.concat(trials))
    summary = summarize(combined)
    flat = summary.set_axis([f"{metric}_{value}" for metric, value in summary.columns], axis=1)
    output.csv("summary", flat.reset_index())
    return summary


def _draw(config: Config, cells, parts, summary: pd.DataFrame, output: Output) -> None:
    for metric in METRICS:
        output.figure(f"{metric}_comparison", plots.metric_comparison(summary, metric))
    output.figure("macro_f1_against_seconds", plots.score_against_time(summary))
    train = cells[(parts[config.seed] == "train").to_numpy()]
    profiles = features.mean_profiles(train, train.obs["cell_type"].to_numpy().astype(str))
    order = features.similarity_order(profiles)
    curves = {}
    for method in config.methods:
        test = output.read_predictions(method, parts.columns).query("part == 'test'")
        figure = plots.confusion(test["label"], test["predicted"], order, method)
        output.figure(f"confusion_{method}", figure)
        curves[method] = pooled_reliability(test)
    ece = summary["ece"]["mean"].xs("test", level="dataset").to_dict()
    output.figure("calibration", plots.calibration(curves, ece))


def _key(config: Config, cells) -> str:
    """What a finished part depends on; methods and splits are in the names of the parts."""
    ignored = ("methods", "n_splits", "fresh", "jobs", "output", "cells")
    options = {k: v for k, v in vars(config).items() if k not in ignored}
    return run_key(options, cells.uns["source"], Path(__file__).read_text())


def _short(summary: pd.DataFrame) -> pd.DataFrame:
    """Test scores as a person reads them: mean +- standard deviation, best first."""
    test = summary.xs("test", level="dataset").sort_values(("macro_f1", "mean"), ascending=False)
    columns = ["accuracy", "macro_f1", "mcc", "ece_raw", "ece", "fit_seconds"]
    return pd.DataFrame(
        {name: [f"{m:.3f} +- {s:.3f}" for m, s in test[name].to_numpy()] for name in columns},
        index=test.index,
    )


if __name__ == "__main__":
    command.run(main, Config, __doc__)
