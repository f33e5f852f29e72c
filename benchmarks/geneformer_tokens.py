"""Tokenizer: seconds and memory at full size, how it grows, and against a plain loop over cells."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

from benchmarks.common import full_size_cells, print_table, run_measured, script
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.models.geneformer.stored_tokens import StoredTokens
from cellclassifier.models.geneformer.tokenizer import MAX_TOKENS
from cellclassifier.models.geneformer.vocabulary import FIRST_GENE, TARGET_SUM, Vocabulary
from cellclassifier.output.record import peak_memory_gib, reset_peak_memory


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    cells: Path | None = None
    """cells.npy; default: the simulation of 65,943 cells, made on first use"""

    one_size: int | None = None
    """measure so many cells in this process and print JSON (how the sizes are measured)"""

    plain_cells: int = 1000
    """cells that the plain loop tokenizes"""


def main(config: Config) -> None:
    """Print one row per number of cells, and one for the plain loop."""
    path = config.cells or full_size_cells()
    if config.one_size:
        print(json.dumps(measure(path, config.one_size, config.plain_cells)))
        return
    n_cells = read_quietly(path).n_obs
    rows = []
    for size in (n_cells // 4, n_cells // 2, n_cells):  # each in a process of its own
        options = ["--cells", path, "--one-size", size, "--plain-cells", config.plain_cells]
        measured = run_measured(script("benchmarks.geneformer_tokens", *options))
        row = json.loads(measured.stdout.splitlines()[-1])
        rows.append(row | {"process_peak_gib": measured.peak_gib})
    table = pd.DataFrame(rows).set_index("cells").round(3)
    print_table("geneformer tokenizer: tokenize and save, and a plain loop", table)


def measure(path: Path, n_cells: int, plain_cells: int) -> dict:
    """Seconds and peak GiB to tokenize and save ``n_cells``; cells/s of both ways."""
    cells = read_quietly(path)[:n_cells].copy()
    # Simulated genes are in no dictionary: one of the same size, with medians like real ones.
    medians = np.random.default_rng(0).gamma(4, 0.5, cells.n_vars) + 0.5
    genes = cells.var_names.to_numpy(str)
    vocabulary = Vocabulary(genes, medians, genes)
    reset_peak_memory()
    start = time.perf_counter()
    stored = StoredTokens.of(cells, "benchmark", vocabulary)
    made = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        stored.save(Path(folder) / "tokens")
    seconds = time.perf_counter() - start
    peak = peak_memory_gib()
    plain = plain_seconds(cells[:plain_cells], vocabulary)
    return {
        "cells": n_cells,
        "mean_tokens": float(stored.tokens.lengths.mean()),
        "tokenize_seconds": made - start,
        "with_save_seconds": seconds,
        "peak_gib": peak,
        "cells_per_second": n_cells / seconds,
        "plain_cells_per_second": plain_cells / plain,
    }


def plain_seconds(cells, vocabulary: Vocabulary) -> float:
    """Seconds of the obvious way: a cell at a time, dense, into Python lists and a data set."""
    import datasets

    start = time.perf_counter()
    columns = {"input_ids": [], "length": []}
    tokens = np.arange(len(vocabulary.genes)) + FIRST_GENE
    for row in cells.X:
        dense = row.toarray().ravel().astype(np.float64)
        values = dense / dense.sum() * TARGET_SUM / vocabulary.medians
        expressed = np.flatnonzero(values)
        ranked = tokens[expressed[np.argsort(-values[expressed])]][:MAX_TOKENS]
        columns["input_ids"].append(ranked.tolist())
        columns["length"].append(len(ranked))
    datasets.Dataset.from_dict(columns)
    return time.perf_counter() - start


def read_quietly(path: Path):
    """The cells of a file, without a line about gene names."""
    return read_cells(CellsOptions(cells=path))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
