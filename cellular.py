"""Learn one space for the cells of all batches, in which cells of a type lie together.

    python cellular.py                                     # cells.npy, else the embedded sample
    python cellular.py --cells a.h5ad b.h5ad --level common --batch-key donor
    python cellular.py --loss cellular --ensemble 4        # the original's loss; four networks
    python cellular.py embed --model model_output/models/cellular --cells new.h5ad
    python cellular.py represent --model model_output/models/cellular --cells labelled.h5ad

The best epoch is chosen on the validation cells; the test cells are scored once. Outputs, under
model_output/:

    results/scores/cellular.csv          one row per split and part: seven metrics, ECE
    results/cellular_history.csv         one row per split, network and epoch
    results/combined_results.csv, results/summary.csv, results/per_type_results.csv
                                         of all methods that saw these cells and splits
    predictions/cellular-split<seed>.parquet, models/cellular/
    plots/                               confusion_cellular.png, and metrics beside other methods
    results/run_cellular.json
    embeddings/<file>/                   embed: embedded.h5ad (obsm["X_cellular"]), umap.png
    results/representations/             represent: centroids.csv, medians.csv, medoids.csv
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellclassifier import annotation, cli, data, output, plots, protocol
from cellclassifier.data.options import BatchOptions, CellsOptions
from cellclassifier.models import cellular
from cellclassifier.models.cellular.options import CellularOptions
from cellclassifier.options import CommonOptions, RunOptions, require_positive
from cellclassifier.protocol.options import SplitOptions

if TYPE_CHECKING:
    import pandas as pd

METHOD = "cellular"


@dataclass(frozen=True)
class Config(RunOptions, CellularOptions, SplitOptions, BatchOptions):
    """Options of training."""


@dataclass(frozen=True, kw_only=True)
class EmbedConfig(CommonOptions):
    """Options of embed."""

    model: Path
    """folder of a saved model, for instance model_output/models/cellular"""

    cells: Path | None = None
    """file with raw counts, of any format; default: ./cells.npy or data/cells.npy, or the sample"""

    layer: str | None = None
    """layer that holds the raw counts; default: X, or where counts are found; "raw" for .raw"""

    label_key: str | None = None
    """column of obs with types to colour the UMAP by; default: the predicted types"""

    batch_key: str | None = None
    """column of obs with batches to colour the UMAP by"""

    min_genes_found: float = 0.5
    """stop where less than this share of the model's genes, by importance, is in the file"""


@dataclass(frozen=True, kw_only=True)
class RepresentConfig(CommonOptions, CellsOptions):
    """Options of represent."""

    model: Path
    """folder of a saved model, for instance model_output/models/cellular"""


def main(config: Config) -> pd.DataFrame:
    """Train and score on every split; returns mean and standard deviation of each metric."""
    require_positive(config, "jobs")
    config.check()
    run = protocol.Run("cellular", config)

    with run.step("read"):
        cells = protocol.subset(data.read_cells(config), config)
        parts = protocol.split_all(cells, config)

    for method, split in run.plan({METHOD: cellular.CellularClassifier.version}, cells, parts):
        checkpoints = run.checkpoints(method, split)
        model = cellular.CellularClassifier(config, split, checkpoints, config.jobs or 1)
        result = protocol.evaluate(model, cells, parts[split], split)
        run.keep(result, history=model.history_.assign(split=split))

    history = run.table("history", METHOD)
    run.output.csv("cellular_history", history[["split", "network", *history.columns[:-2]]])
    summary = run.finish(plots.comparison_figures)
    print(protocol.in_short(summary).to_string())
    cli.say_where(config.output)
    return summary


def embed(config: EmbedConfig) -> None:
    """Write where every cell of a file lies in the model's space, and a map of them."""
    model = annotation.load_embedder(config.model)
    source = data.open_cells(data.find_cells(config.cells), config.layer)
    types = source.groups(config.label_key, "--label-key") if config.label_key else None
    batches = source.groups(config.batch_key, "--batch-key") if config.batch_key else None
    folder = config.output / "embeddings" / data.name_of(source.path)
    cells = annotation.embed(model, source, config.min_genes_found)
    annotation.write_embedded(source, cells, folder / "embedded.h5ad")
    figure = annotation.map_of(cells, types, batches, config.seed)
    output.write_figure(folder / "umap.png", figure)
    cli.say_where(folder)


def represent(config: RepresentConfig) -> dict[str, pd.DataFrame]:
    """Write one vector per type: centroid, median and medoid; returns the tables."""
    model = annotation.load_embedder(config.model)
    cells = data.read_cells(config)
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    tables = cellular.represent(model.embedding(cells), labels, cells.obs_names.to_numpy(str))
    for name, table in tables.items():
        output.write_csv(config.output / "results/representations" / f"{name}.csv", table)
    cli.say_where(config.output / "results/representations")
    return tables


if __name__ == "__main__":
    SUBCOMMANDS = {
        "embed": cli.Subcommand(embed, EmbedConfig, embed.__doc__),
        "represent": cli.Subcommand(represent, RepresentConfig, represent.__doc__),
    }
    cli.run(main, Config, __doc__, subcommands=SUBCOMMANDS)
