"""Fine-tune a 6-layer Geneformer on rank-value tokens, scored on the same cells as the baselines.

    python finetune_geneformer.py                          # cells.npy, else the embedded sample
    python finetune_geneformer.py --download               # fetch the pretrained weights (44 MB)
    python finetune_geneformer.py --from-scratch --pretrain-epochs 10 --max-tokens 256
    torchrun --nproc-per-node 2 finetune_geneformer.py     # data-parallel, one process per GPU

Without pretrained weights in geneformer_files/ the same network starts from random weights. The
best epoch is chosen on the validation cells; the test cells are scored once. Outputs, under
model_output/:

    results/fine_tuning/fine_tuning_results.csv   one row per split and part: seven metrics, ECE
    results/fine_tuning/training_history.csv      one row per split, stage and epoch
    results/fine_tuning/fine_tuning_log.txt       what was said on the way
    results/per_type_results.csv                  precision, recall and F1 of every type
    predictions/geneformer-split<seed>.parquet
    models/geneformer/                            the model of the first split, with its vocabulary
    plots/training_history.png, plots/confusion_geneformer.png
    results/run_finetune_geneformer.json
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from cellclassifier import cli as command
from cellclassifier.data import features
from cellclassifier.data.read import CellsOptions, find_cells, read_cells
from cellclassifier.models.geneformer import files
from cellclassifier.models.geneformer import tables as tables_of
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.neural import processes as ranks
from cellclassifier.output.files import FinishedParts, Output, RunRecord, run_key, versions_of
from cellclassifier.plots import confusion as confusion_plots
from cellclassifier.plots import training as training_plots
from cellclassifier.protocol.evaluate import beside_other_methods, evaluate, summarize
from cellclassifier.protocol.splits import SplitOptions, restrict, split_all

# For --quick, and for the embedded sample without pretrained weights: minutes on 2 cores.
QUICK = {"n_splits": 1, "max_tokens": 96, "max_cells": 2000}
QUICK_FROM_SCRATCH = QUICK | {"epochs": 8, "pretrain_epochs": 3}


@dataclass(frozen=True)
class Config(GeneformerOptions, SplitOptions, CellsOptions):
    """Options of fine-tuning."""

    download: bool = False
    """fetch the pretrained weights and dictionaries into geneformer_files/, and stop"""

    quick: bool = False
    """a first look in minutes on a CPU: one split, 96 tokens, 2,000 cells, where not asked
    otherwise"""

    resume: bool = False
    """go on from the checkpoints and finished splits of an interrupted run with these options"""

    jobs: int | None = None
    """threads; default: the cores this process may use"""

    output: Path = Path("model_output")
    """folder for everything that is written"""


def main(config: Config) -> pd.DataFrame | None:
    """Fine-tune on every split; returns mean and standard deviation of each metric."""
    if config.download:
        return files.download()
    command.require_positive(config, "jobs")
    with ranks.first_one_writes(config.output) as (folder, log):
        config = _decided(config, log)
        output = Output(folder)
        record = RunRecord("finetune_geneformer", config, output)

        with record.step("read"):
            cells = restrict(read_cells(config), config, report=log)
            parts = split_all(cells, config, report=log)
            output.csv("fine_tuning/splits", parts.rename_axis("cell").reset_index())

        _require_start(config, cells)  # before anything of an interrupted run is discarded
        key = _key(config, cells)
        checkpoints = ranks.checkpoint_folder(config.output, key, config.resume, log)
        finished = FinishedParts(output, record.script, key, fresh=not config.resume)
        tables, facts = [], {}
        for split in parts:
            log(f"== split {split} (if interrupted, go on with --resume)")
            with record.step("fine-tuning"):
                # Several processes must all take the same way: through their common checkpoints.
                alone = ranks.n_processes() == 1
                part = finished.load(f"split{split}", _files(config, split)) if alone else None
                part = part or _run_split(
                    config, cells, parts[split], checkpoints / f"split{split}", output, log, facts
                )
            finished.save(f"split{split}", part)
            tables.append(part)

        with record.step("outputs"):
            summary = _write_tables(tables, output)
            _draw(cells, parts, tables, output)
        log(tables_of.in_short(summary))
        log.write(output)
        record.write(data=cells.uns["source"], seeds=parts.columns.tolist(), training=facts)
        ranks.remove(checkpoints)
        if ranks.is_first():
            command.say_where(config.output)
    return summary


def _decided(config: Config, say) -> Config:
    """Every default decided, and said; quick settings for the sample without weights."""
    decided = config.resolved()
    if decided.from_scratch and not config.from_scratch:
        say(
            f"No pretrained weights in {files.FOLDER}: starting from random ones (--from-scratch). "
            f"A pretrained start needs {files.GET}, once, with network (44 MB)."
        )
    if config.quick or (decided.from_scratch and find_cells(config.cells) is None):
        quick = QUICK_FROM_SCRATCH if decided.from_scratch else QUICK
        quick = {k: v for k, v in quick.items() if getattr(config, k) == getattr(Config(), k)}
        options = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in quick.items())
        say(f"Quick settings: {options}.")
        decided = replace(decided, **quick)
    return decided


def _require_start(config: Config, cells) -> None:
    """Stop here where training could not start."""
    # Loads torch, which takes seconds: not for --help and --download.
    from cellclassifier.models.geneformer.classifier import GeneformerClassifier

    GeneformerClassifier(config).require_start(cells)


def _files(config: Config, split: int) -> list[str]:
    """What a finished split has written, relative to the output folder."""
    model = ["models/geneformer/model.json"] if split == config.seed else []
    return [f"predictions/geneformer-split{split}.parquet", *model]


def _run_split(config, cells, part_of_cell, checkpoints, output, log, facts) -> dict:
    """Fit, score and keep one split."""
    from cellclassifier.models.geneformer.classifier import GeneformerClassifier, use_threads

    use_threads(config.jobs)
    split = int(part_of_cell.name)
    resume = {"checkpoints": checkpoints, "resume": config.resume}
    model = GeneformerClassifier(config, seed=split, report=log, **resume)
    result = evaluate(model, cells, part_of_cell.to_numpy(), split)
    output.predictions(f"{model.method}-split{split}", result.predictions)
    if split == config.seed:
        model.save(output.model_folder(model.method), data=cells.uns["source"], split=split)
    facts[f"split{split}"] = model.facts_ | {
        "device": str(model.device),
        "processes": ranks.n_processes(),
        "versions": versions_of(*model.packages, "accelerate", "datasets"),
    }
    log(model.history_.to_string(index=False))
    history = model.history_.assign(split=split)
    return {"combined": result.combined, "per_type": result.per_type, "history": history}


def _write_tables(tables: list[dict], output: Output) -> pd.DataFrame:
    combined = pd.concat([part["combined"] for part in tables], ignore_index=True)
    output.csv("fine_tuning/fine_tuning_results", combined)
    output.csv("fine_tuning/training_history", tables_of.history(tables))
    types = pd.concat([part["per_type"] for part in tables], ignore_index=True)
    output.csv("per_type_results", beside_other_methods(types, output.folder, own=("geneformer",)))
    return summarize(combined)


def _draw(cells, parts, tables: list[dict], output: Output) -> None:
    history = tables_of.history(tables).query("stage == 'fine-tuning'")
    output.figure("training_history", training_plots.training_history(history))
    train = cells[(parts.iloc[:, 0] == "train").to_numpy()]
    profiles = features.mean_profiles(train, train.obs["cell_type"].to_numpy().astype(str))
    test = output.read_predictions("geneformer", parts.columns).query("part == 'test'")
    order = features.similarity_order(profiles)
    figure = confusion_plots.confusion_matrix(test["label"], test["predicted"], order, "geneformer")
    output.figure("confusion_geneformer", figure)


def _key(config: Config, cells) -> str:
    """What a split's result depends on, beside its seed."""
    ignored = ("n_splits", "resume", "quick", "download", "jobs", "output", "cells")
    options = {k: v for k, v in vars(config).items() if k not in ignored}
    return run_key(options, cells.uns["source"], ranks.n_processes())


if __name__ == "__main__":
    stopped = "Checkpoints are kept: the same command with --resume goes on from there."
    command.run(main, Config, __doc__, when_stopped=stopped)
