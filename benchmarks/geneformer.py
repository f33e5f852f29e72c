"""Fine-tuning: speed against the reference recipe, what tokens cost, scores from scratch."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

from benchmarks.common import OUTPUT, print_table, run_measured, script, shared_data
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.geneformer.tokenizer import tokenize
from cellclassifier.models.geneformer.vocabulary import learn_vocabulary

FROM_SCRATCH, PRETRAINED_HERE = "from scratch", "from scratch, masked genes first"


@dataclass(frozen=True)
class Config:
    """Options of the measurements."""

    cells: Path | None = None
    """cells.npy; default: the real cells beside the repository"""

    write_tokens: Path | None = None
    """only tokenize, into this .npz, for benchmarks.geneformer_speed on another machine"""

    batches: int = 6
    """that are timed per measurement of speed"""

    scores: bool = True
    """also train from scratch and score; takes most of the time: an hour on 2 cores"""

    speed: bool = True
    """also measure speed"""

    tokens: tuple[int, ...] = (64, 128, 256)
    """--max-tokens of the scores; masked genes are learned with the last of them"""

    epochs: int = 6
    """--epochs of the scores"""

    pretrain_epochs: int = 4
    """--pretrain-epochs of the row that learns masked genes first"""


def main(config: Config) -> None:
    """Print a table of speeds and a table of scores."""
    path = config.cells or shared_data("cells.npy")
    if path is None:
        return
    if config.write_tokens:
        write_tokens(path, config.write_tokens)
        return
    if config.speed:
        tokens = OUTPUT / "geneformer_tokens.npz"
        write_tokens(path, tokens)
        speeds = {n: measure_speed(tokens, n, config.batches) for n in (2048, 512, 256)}
        table = pd.concat(speeds, names=["max_tokens"])
        print_table("geneformer speed: reference recipe and ours", table)
    if config.scores:
        rows = [measure_scores(path, FROM_SCRATCH, n, 0, config) for n in config.tokens]
        pretraining = (PRETRAINED_HERE, config.tokens[-1], config.pretrain_epochs)
        rows += [measure_scores(path, *pretraining, config), *baseline_scores(path)]
        table = pd.DataFrame(rows).set_index(["model", "max_tokens"])
        print_table(f"geneformer scores: one split, {config.epochs} epochs, {path.name}", table)


def write_tokens(cells_path: Path, path: Path) -> None:
    """Tokens of all cells with the vocabulary learned from them: for speed, not for scores."""
    cells = read_cells(CellsOptions(cells=cells_path))
    vocabulary = learn_vocabulary(cells.X, cells.var_names.to_numpy(str))
    counts = vocabulary.match(cells.var).align(cells.X)
    tokens, bounds = tokenize(counts.counts, counts.totals, vocabulary.medians)
    labels = cells.obs["cell_type"].cat.codes.to_numpy().astype(np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, tokens=tokens, bounds=bounds, labels=labels, n_tokens=len(vocabulary))
    print(f"{len(cells):,} cells, {np.diff(bounds).mean():.0f} tokens each: {path}")


def measure_speed(tokens: Path, max_tokens: int, batches: int) -> pd.DataFrame:
    """Cells/s of each way, and how many times faster than the reference recipe."""
    options = [tokens, "--max-tokens", max_tokens, "--batches", batches]
    measured = run_measured(script("benchmarks.geneformer_speed", *options))
    rows = [json.loads(line) for line in measured.stdout.splitlines() if line.startswith("{")]
    table = pd.DataFrame(rows).set_index("way")
    for what in ("train", "inference"):
        speed = table[f"{what}_cells_per_core_second"]
        table[f"{what}_times"] = (speed / speed["reference"]).round(2)
    columns = ["train_cells_per_second", "train_times", "train_padding"]
    return table[[*columns, "inference_cells_per_second", "inference_times"]].round(3)


def measure_scores(
    path: Path, name: str, max_tokens: int, pretrain_epochs: int, config: Config
) -> dict:
    """Test scores of one split, and how well masked genes were learned."""
    folder = OUTPUT / f"geneformer_{max_tokens}_{pretrain_epochs}"
    options = ["--cells", path, "--from-scratch", "--pooling", "mean", "--n-splits", 1]
    options += ["--max-tokens", max_tokens, "--epochs", config.epochs, "--output", folder]
    options += ["--pretrain-epochs", pretrain_epochs]
    start = time.perf_counter()
    run_measured(script("finetune_geneformer.py", *options))
    results = pd.read_csv(folder / "results/fine_tuning/fine_tuning_results.csv")
    history = pd.read_csv(folder / "results/fine_tuning/training_history.csv")
    test = results[results["part"] == "test"].iloc[0]
    row = {"model": name, "max_tokens": max_tokens}
    row |= {metric: round(test[metric], 3) for metric in ("accuracy", "macro_f1")}
    genes = history[history["stage"] == "pretraining"].tail(1)
    for column in ("masked_gene_accuracy", "masked_gene_baseline_accuracy"):
        row[column] = genes[f"val_{column}"].mean()
    return row | {"seconds": round(time.perf_counter() - start)}


def baseline_scores(path: Path) -> list[dict]:
    """Test scores of every baseline on the same split."""
    folder = OUTPUT / "geneformer_baselines"
    options = ["--cells", path, "--n-splits", 1, "--output", folder]
    run_measured(script("multiclass_baselines.py", *options))
    results = pd.read_csv(folder / "results" / "combined_results.csv")
    test = results[results["dataset"] == "test"]
    return [
        {"model": row["method"], "max_tokens": "", "seconds": round(row["fit_seconds"])}
        | {metric: round(row[metric], 3) for metric in ("accuracy", "macro_f1")}
        for _, row in test.iterrows()
    ]


if __name__ == "__main__":
    main(tyro.cli(Config))
