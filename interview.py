"""What is in a file of cells, and where do its labels come from?

    python interview.py                                   # cells.npy, else the embedded sample
    python interview.py --cells my.h5ad --label-key louvain --umap

Prints a short table and one sentence about the labels, also for files that the other scripts
refuse, and says what is suspicious about them. Outputs, under model_output/:

    results/data_summary.csv             the table: quantity, value
    results/cells_per_type.csv           cells, share, median counts and genes of every type
    plots/cells_per_type.png, plots/counts_and_genes.png
    plots/pca.png (and umap.png)         cells coloured by type
    plots/type_similarity.png            correlation of the types' mean profiles
    results/run_interview.json
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellclassifier import cli as command
from cellclassifier.data import features
from cellclassifier.data.read import CellsOptions
from cellclassifier.errors import InputError
from cellclassifier.interview import inspect as summary
from cellclassifier.interview import label_origin as labelling
from cellclassifier.output.files import Output, RunRecord
from cellclassifier.plots import interview as interview_plots
from cellclassifier.protocol.splits import seeds_from

COLUMNS = ["quantity", "value"]
FEWEST_CELLS = 30  # that a picture of types, or a word about labels, can be drawn from


@dataclass(frozen=True)
class Config(CellsOptions):
    """Options of the interview."""

    umap: bool = False
    """also draw a UMAP (half a minute more)"""

    seed: int = 42
    """seed of subsamples, folds and layouts"""

    jobs: int | None = None
    """threads; default: the cores this process may use"""

    output: Path = Path("model_output")
    """folder for everything that is written"""


def main(config: Config) -> pd.DataFrame:
    """Show what the file holds; returns the printed table."""
    output = Output(config.output)
    record = RunRecord("interview", config, output)
    command.require_positive(config, "jobs")
    seeds_from(config.seed, 1, "1")

    with record.step("read"):
        inspected = summary.inspect_cells(config)
        cells = inspected.cells

    with record.step("summary"):
        table = summary.data_summary(inspected)
        types = summary.cells_per_type(inspected)
        output.csv("cells_per_type", types)
        output.figure("cells_per_type", interview_plots.cell_numbers(types))

        labels = cells.obs["cell_type"].to_numpy().astype(str)
        totals, n_genes = features.total_counts(cells.X), np.diff(cells.X.indptr)
        what = "counts" if inspected.has_counts else "values"
        figure = interview_plots.violins(totals, n_genes, labels, types["cell_type"], what)
        output.figure("counts_and_genes", figure)

    if inspected.has_counts and len(types) > 1 and (totals > 0).sum() >= FEWEST_CELLS:
        cells = cells[totals > 0].copy()
        with record.step("types"):
            _draw_types(config, cells, output)
        with record.step("labels"):
            table = pd.concat([table, _about_labels(config, cells)], ignore_index=True)

    output.csv("data_summary", table)
    record.write(data=inspected.source, seeds=[config.seed])
    _print(types, table)
    command.say_where(config.output)
    return table


def _draw_types(config: Config, cells, output: Output) -> None:
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    profiles = features.mean_profiles(cells, labels)
    order = features.similarity_order(profiles)
    output.figure("type_similarity", interview_plots.similarity(profiles, order))
    shown, agreement = summary.embedded(cells, config.seed, config.umap)
    labels = shown.obs["cell_type"].to_numpy().astype(str)
    for key, name in (("X_pca", "PCA"), ("X_umap", "UMAP")):
        if key in shown.obsm:
            places = shown.obsm[key][:, :2]
            figure = interview_plots.scatter(places, labels, order, name, agreement)
            output.figure(name.lower(), figure)


def _about_labels(config: Config, cells) -> pd.DataFrame:
    """Rows of the table: what recovers the labels, and what that means."""
    try:
        jobs = config.jobs or command.available_cores()
        origin = labelling.origin_of_labels(cells, config.seed, jobs)
    except InputError as error:
        return pd.DataFrame([("labels", f"not examined: {error}")], columns=COLUMNS)
    rows = [
        ("labels, largest type", f"{origin.majority:.1%} of cells"),
        ("labels, best Spearman match", f"{origin.rank_match:.1%} right"),
        ("labels, learned rank rule", f"{origin.rank_rule:.1%} right"),
        ("labels, model of all genes", f"{origin.all_genes:.1%} right (z = {origin.z:+.1f})"),
        ("labels", origin.sentence),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _print(types: pd.DataFrame, table: pd.DataFrame) -> None:
    """Both tables; long texts are wrapped beside their names."""
    print(types.round(3).to_string(index=False), end="\n\n")
    for quantity, value in table.itertuples(index=False):
        indent = f"{quantity:<28}"
        print(textwrap.fill(value, 100, initial_indent=indent, subsequent_indent=" " * 28))


if __name__ == "__main__":
    command.run(main, Config, __doc__)
