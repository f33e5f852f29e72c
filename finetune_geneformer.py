"""Fine-tune a 6-layer Geneformer on rank-value tokens, scored on the same cells as the baselines.

    python finetune_geneformer.py                          # cells.npy, else the embedded sample
    python finetune_geneformer.py --download               # fetch the pretrained weights (44 MB)
    python finetune_geneformer.py --from-scratch --pretrain-epochs 10 --max-tokens 256
    python finetune_geneformer.py --save-tokens tokens     # tokenize once; later: --tokens tokens
    torchrun --nproc-per-node 2 finetune_geneformer.py     # data-parallel, one process per GPU

Without pretrained weights in geneformer_files/ the same network starts from random weights. The
best epoch is chosen on the validation cells; the test cells are scored once. Outputs, under
model_output/:

    results/scores/geneformer.csv                 one row per split and part: seven metrics, ECE
    results/fine_tuning/fine_tuning_results.csv   the same, of the splits of this run
    results/fine_tuning/training_history.csv      one row per split, stage and epoch
    results/fine_tuning/fine_tuning_log.txt       what was said on the way
    results/combined_results.csv, results/summary.csv, results/per_type_results.csv
                                                  of all methods that saw these cells and splits
    predictions/geneformer-split<seed>.parquet
    models/geneformer/                            the model of the first split, with its vocabulary
    plots/training_history.png, plots/confusion_geneformer.png
    results/run_finetune_geneformer.json
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cellclassifier import cli, data, output, plots, protocol
from cellclassifier.data.options import CellsOptions
from cellclassifier.models import geneformer
from cellclassifier.models.geneformer import options as geneformer_options
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.options import RunOptions, left_open, require_positive
from cellclassifier.protocol.options import SplitOptions

if TYPE_CHECKING:
    import pandas as pd

# For --quick, and for the embedded sample without pretrained weights: minutes on 2 cores.
QUICK = {"n_splits": 1, "max_cells": 2000} | geneformer_options.QUICK
QUICK_FROM_SCRATCH = QUICK | geneformer_options.QUICK_FROM_SCRATCH
# What an option means that was not given; None until then, since --quick overrides no other.
DEFAULTS = {"n_splits": 3, "max_tokens": 2048, "pretrain_epochs": 0}
METHOD = "geneformer"
NOT_IN_KEY = {"changes_results": False}

log = logging.getLogger("cellclassifier")


@dataclass(frozen=True)
class Config(RunOptions, GeneformerOptions, SplitOptions, CellsOptions):
    """Options of fine-tuning."""

    n_splits: int | None = None
    """how many train / validation / test splits; default 3 (--quick: 1)"""

    max_tokens: int | None = None
    """highest-ranked genes of a cell that the model sees; default 2048 (--quick: 96)"""

    pretrain_epochs: int | None = None
    """from scratch: first learn masked genes, without labels; default 0 (--quick: 3)"""

    download: bool = field(default=False, metadata=NOT_IN_KEY)
    """fetch the pretrained weights and dictionaries into geneformer_files/, and stop"""

    quick: bool = field(default=False, metadata=NOT_IN_KEY)
    """a first look in minutes on a CPU: one split, 96 tokens, 2,000 cells, unless given"""

    save_tokens: Path | None = field(default=None, metadata=NOT_IN_KEY)
    """new folder for the tokens of all cells, which other tools of Geneformer read, too"""

    tokens: Path | None = field(default=None, metadata=NOT_IN_KEY)
    """folder made with --save-tokens, which is read instead of --cells"""


def main(config: Config) -> pd.DataFrame | None:
    """Fine-tune on every split; returns mean and standard deviation of each metric."""
    if config.download:
        return geneformer.download()
    require_positive(config, "jobs")
    with output.kept_remarks() as remarks:
        config = decided(config)
        run = protocol.Run("finetune_geneformer", config)

        log.info("Reading the cells ...")
        with run.step("read"):
            cells, tokens = geneformer.read_inputs(config)
            parts = protocol.split_all(cells, config)
            run.depends_on = geneformer.require_start(config, cells.var_names, tokens)

        versions = {METHOD: geneformer.GeneformerClassifier.version}
        for method, split in run.plan(versions, cells, parts, "fine_tuning/splits"):
            model = geneformer.GeneformerClassifier(
                config,
                seed=split,
                checkpoints=run.checkpoints(method, split),
                vocabulary=tokens and tokens.vocabulary,
            )
            if config.jobs:
                model.use_jobs(config.jobs)
            inputs = tokens and tokens.of_cells(cells)
            result = protocol.evaluate(model, cells, parts[split], split, inputs)
            history, facts = model.history_, model.facts_
            log.info(f"Split {split}:\n{history.to_string(index=False)}")
            run.keep(result, history=history.assign(split=split), facts=facts.assign(split=split))

        run.record.content["training"] = run.table("facts", METHOD).to_dict("records")
        history = run.table("history", METHOD)
        run.output.csv("fine_tuning/training_history", history[["split", *history.columns[:-1]]])
        scores = protocol.tidy(run.table("scores", METHOD))
        run.output.csv("fine_tuning/fine_tuning_results", scores)
        summary = run.finish(draw)
        run.output.text("fine_tuning/fine_tuning_log", "\n".join(remarks) + "\n")
    if output.is_first():
        print(protocol.in_short(summary).to_string())
        cli.say_where(config.output)
    return summary


def decided(config: Config) -> Config:
    """Every default decided, and said; quick settings for the sample without weights."""
    result = replace(config, **left_open(config, DEFAULTS)).resolved()
    if result.from_scratch and not config.from_scratch:
        log.info(
            f"No pretrained weights in {geneformer.FOLDER}: starting from random ones "
            f"(--from-scratch). A pretrained start needs {geneformer.GET}, once, with network "
            "(44 MB)."
        )
    has_cells = config.tokens or data.given_paths(config.cells)
    if config.quick or (result.from_scratch and not has_cells):
        quick = QUICK_FROM_SCRATCH if result.from_scratch else QUICK
        quick = left_open(config, quick)
        options = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in quick.items())
        log.info(f"Quick settings: {options}.")
        result = replace(result, **quick)
    return result


def draw(run: protocol.Run, summary: pd.DataFrame):
    """How training went, and every figure of all methods that saw these cells and splits."""
    history = run.table("history", METHOD).query("stage == 'fine-tuning'")
    start = "random weights" if run.config.from_scratch else "pretrained weights"
    yield "training_history", plots.training_history(history, start)
    yield from plots.comparison_figures(run, summary)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
