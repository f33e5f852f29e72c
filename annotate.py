"""Name the cells of new files with a trained model, and say which are of no type it knows.

    python annotate.py --model model_output/models/soft_vote --cells new.h5ad
    python annotate.py --model model_output/models/geneformer --cells a.h5ad b.npy --umap
    python annotate.py --model model_output/models/gbdt --cells big.h5ad --write-h5ad

Any model that the scripts saved will do; the files need raw counts and gene names, no labels. An
.h5ad stored by rows is read a chunk at a time, whatever its size. Outputs, for every file, under
model_output/annotations/<file's name>/:

    annotations.csv           cell, predicted, probability, second, second_probability,
                              confidence (high, medium, low), known
    probabilities.parquet     the calibrated probability of every type for every cell
    summary.csv               cells per predicted type, and the share of unknown ones
    annotated.h5ad            a copy of the .h5ad with the annotations in obs (--write-h5ad)
    umap.png                  the cells by predicted type and by confidence (--umap)

    about.json                which model this was, trained on what, and the share of genes found

and model_output/results/run_annotate.json of the last run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellclassifier import cli as command
from cellclassifier.annotation.predict import annotate, summarize
from cellclassifier.annotation.write import AnnotationFiles, annotation_files
from cellclassifier.data.match_genes import match_genes, require_genes
from cellclassifier.data.open import CellSource, open_cells, write_annotated
from cellclassifier.data.read import find_cells
from cellclassifier.errors import InputError
from cellclassifier.interface import CellClassifier
from cellclassifier.output.files import (
    Output,
    RunRecord,
    atomic_path,
    write_csv,
    write_figure,
    write_json,
)
from cellclassifier.plots import annotated_map as annotation_plots


@dataclass(frozen=True)
class Config:
    """Options of annotation."""

    model: Path
    """folder of a saved model, for instance model_output/models/soft_vote"""

    cells: tuple[Path, ...] = ()
    """.npy or .h5ad files with raw counts; default: ./cells.npy or data/cells.npy, else the
    embedded sample"""

    layer: str | None = None
    """layer that holds the raw counts (.h5ad); default: X; "raw" for the .raw matrix"""

    min_genes_found: float = 0.5
    """stop where less than this share of the model's genes, by importance, is in the file"""

    chunk_cells: int = 10_000
    """cells that are in memory at a time"""

    write_h5ad: bool = False
    """also write a copy of the .h5ad with the annotations in obs"""

    umap: bool = False
    """also draw a UMAP of (at most 20,000 of) the cells"""

    seed: int = 42
    """of the UMAP, and of the cells drawn for it"""

    jobs: int | None = None
    """threads; default: the cores this process may use"""

    output: Path = Path("model_output")
    """folder for everything that is written"""


def main(config: Config) -> dict[str, pd.DataFrame]:
    """Annotate every file; returns its summary by the name of its folder."""
    _check(config)
    output = Output(config.output)
    record = RunRecord("annotate", config, output)

    with record.step("model"):
        model = CellClassifier.load(config.model)
        model.use_jobs(config.jobs or command.available_cores())
    summaries, facts = {}, {}
    for path in config.cells or (None,):
        with record.step("open"):
            source = open_cells(path, config.layer)
            if config.umap:
                _require_map(model, source)
        name = source.path.stem
        folder = config.output / "annotations" / name
        with record.step("annotate"):
            files, facts[name] = _annotate(config, model, source, folder)
        with record.step("outputs"):
            summaries[name] = _write_others(config, source, files, folder)
            write_json(folder / "about.json", facts[name] | {"model": _about(model)})
        print(f"== {source.path}\n{summaries[name].round(3).to_string(index=False)}")
    record.write(model=_about(model), files=facts)
    command.say_where(config.output / "annotations")
    return summaries


def _check(config: Config) -> None:
    command.require_positive(config, "chunk_cells", "jobs")
    if not 0 <= config.min_genes_found <= 1:
        raise InputError(f"--min-genes-found {config.min_genes_found}: expected 0 to 1")
    if not 0 <= config.seed < 2**32:
        raise InputError(f"--seed {config.seed}: expected 0 to 2**32 - 1")
    for path in config.cells or (None,):  # all of them before the first is annotated
        found = find_cells(path)
        if found is not None:
            _check_file(found, config)
    names = [path.stem for path in config.cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"two files are called {twice[0]}, and outputs go by that name: annotate them one "
            "after the other, each with an --output of its own"
        )


def _check_file(path: Path, config: Config) -> None:
    for option, given in (("--write-h5ad", config.write_h5ad), ("--layer", config.layer)):
        if given and path.suffix != ".h5ad":
            raise InputError(f"{option} is for .h5ad files, and {path} is none: leave it out")
    folder = config.output / "annotations" / path.stem
    if path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{path} lies where its own annotations are to be written: choose another --output"
        )


def _require_map(model: CellClassifier, source: CellSource) -> None:
    if model.novelty_ is None:
        raise InputError("--umap needs a model that learned from validation cells: leave it out")
    if source.n_cells < annotation_plots.FEWEST_CELLS:
        raise InputError(
            f"--umap needs at least {annotation_plots.FEWEST_CELLS} cells, and {source.path} has "
            f"{source.n_cells}: leave the option out"
        )


def _annotate(
    config: Config, model: CellClassifier, source: CellSource, folder: Path
) -> tuple[AnnotationFiles, dict]:
    """Write the annotations of one file, chunk by chunk."""
    match = match_genes(model.genes_, model.symbols_, source.var)
    share = require_genes(match, model.gene_importance(), config.min_genes_found, source.var)
    start = 0
    with (
        annotation_files(folder, model.classes_, source.n_cells, config.seed) as files,
        tqdm(total=source.n_cells, unit="cell", desc=source.path.name) as progress,
    ):
        for counts in source.chunks(config.chunk_cells):
            names = source.cell_names[start : start + counts.shape[0]]
            files.add(annotate(model, match.align(counts, names)))
            start += len(names)
            progress.update(len(names))
    return files, {"file": str(source.path), "cells": source.n_cells, "genes_found": share}


def _write_others(
    config: Config, source: CellSource, files: AnnotationFiles, folder: Path
) -> pd.DataFrame:
    """summary.csv and, where asked for, annotated.h5ad and umap.png; returns the summary."""
    for name in ("annotated.h5ad", "umap.png"):  # of an earlier run, they would not fit the table
        (folder / name).unlink(missing_ok=True)
    kept = files.kept
    summary = summarize(kept["predicted"], kept["probability"].to_numpy(), kept["known"].to_numpy())
    write_csv(folder / "summary.csv", summary)
    if config.write_h5ad:
        columns = kept.set_axis(source.cell_names)
        columns.columns = ["predicted_cell_type", "predicted_probability", "predicted_known"]
        with atomic_path(folder / "annotated.h5ad") as path:
            write_annotated(source, columns, path)
    if config.umap:
        places = annotation_plots.umap_of(files.space, config.seed)
        shown = kept.iloc[files.shown].reset_index(drop=True)
        write_figure(folder / "umap.png", annotation_plots.annotated_map(places, shown, len(kept)))
    return summary


def _about(model: CellClassifier) -> dict:
    """What the run record says of the model."""
    about = {"method": model.method, "types": model.classes_.tolist(), **model.provenance_}
    return about | vars(model.calibration_)


if __name__ == "__main__":
    command.run(main, Config, __doc__, when_stopped="Files that were finished are kept.")
