"""Write cells as sentences of their genes, embed the sentences, and name cells by the vectors.

    python cellama.py                                  # cells.npy, else the embedded sample
    python cellama.py --encoder minilm --fine-tune labels
    python cellama.py --download                       # fetch all-MiniLM-L6-v2 (91 MB)
    python cellama.py sentences --cells my.h5ad        # the sentences, for people and other models
    python cellama.py embed --cells a.h5ad b.h5ad      # vectors of several files in one space

Test cells are scored once. Outputs, under model_output/:

    results/scores/cellama.csv, results/per_type/cellama.csv
    results/cellama/training_history.csv               one row per split and epoch
    results/cellama/shortcuts.csv                      --metadata: what it tells of label and batch
    results/cellama/niches.csv                         --niche: neighbours of each type
    predictions/cellama-split<seed>.parquet, models/cellama/
    plots/                                             of all methods that saw these cells
    results/run_cellama.json

    sentences: sentences/<file>.parquet and .txt
    embed:     embedding/embedding.h5ad (obsm["X_cellama"], obsm["X_umap"], no counts),
               results/cellama/embedding_scores.csv, plots/cellama_embedding.png
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cellclassifier import cli, data, models, output, plots, protocol
from cellclassifier.data.options import CellsOptions
from cellclassifier.models import cellama
from cellclassifier.models.cellama.options import CellamaOptions, EmbedOptions, SentenceOptions
from cellclassifier.options import CommonOptions, RunOptions, decided, require_positive
from cellclassifier.protocol.options import SplitOptions

if TYPE_CHECKING:
    import pandas as pd

QUICK = {"n_splits": 1, "epochs": 4}
NOT_IN_KEY = {"changes_results": False}
log = logging.getLogger("cellclassifier")


@dataclass(frozen=True)
class Config(RunOptions, CellamaOptions, SplitOptions, CellsOptions):
    """Options of training."""

    niche: Literal["none", "predicted", "given"] = "none"
    """types of a cell's neighbours in the tissue (obsm["spatial"]) in its sentence: as a first
    model names them, or as they are labelled, test cells too, which is no fair score and stands in
    the tables as cellama_niche_given"""

    section_key: str | None = None
    """--niche: column of obs that says which section a cell lies in, if the file has several: their
    cells are no neighbours; default: --group-key, if there is one"""

    radius: float | None = None
    """neighbours are all cells within this distance; default: the 5 nearest"""

    n_splits: int | None = None
    """how many train / validation / test splits; default 3 (--quick: 1)"""

    download: bool = field(default=False, metadata=NOT_IN_KEY)
    """fetch all-MiniLM-L6-v2 into cellama_files/, SHA-256 checked, and stop"""

    quick: bool = field(default=False, metadata=NOT_IN_KEY)
    """a first look: one split, 4 epochs, unless given"""


@dataclass(frozen=True)
class Sentences(CommonOptions, SentenceOptions):
    """Options of writing sentences."""


@dataclass(frozen=True)
class Embed(CommonOptions, EmbedOptions):
    """Options of embedding files."""


def main(config: Config) -> pd.DataFrame | None:
    """Train and score every split; returns mean and standard deviation of each metric."""
    if config.download:
        return cellama.download()
    require_positive(config, "jobs")
    config = decided(config, QUICK)
    config.check()
    run, name = protocol.Run("cellama", config), cellama.method_of(config)

    with run.step("read"):
        cells = protocol.subset(cellama.read_with_metadata(config), config)
        parts = protocol.split_all(cells, config)
    if config.metadata:
        run.output.csv("cellama/shortcuts", cellama.say_shortcuts(cells, config.metadata))

    version = models.CellamaClassifier.version
    for method, split in run.plan({name: version}, cells, parts):
        options, seen = cellama.with_niche(config, cells, parts[split], split)
        checkpoints = run.checkpoints(method, split)
        model = models.CellamaClassifier(options, split, checkpoints, config.jobs or 1, name)
        result = protocol.evaluate(model, seen, parts[split], split)
        run.keep(result, history=model.history_.assign(split=split))

    history = run.table("history", name)
    run.output.csv("cellama/training_history", history[["split", *history.columns.drop("split")]])
    if config.niche != "none":
        table = cellama.table_of_niches(cells, config.radius)
        shares = table.stack().rename("neighbour_share").reset_index()
        run.output.csv("cellama/niches", shares)
        run.output.figure("cellama_niches", plots.niche_heatmap(table))
    summary = run.finish(plots.comparison_figures)
    print(protocol.in_short(summary).to_string())
    cli.say_where(config.output)
    return summary


def write_sentences(config: Sentences) -> list[pd.DataFrame]:
    """Write every file's sentences; returns tables of cell, sentence and n_genes."""
    require_positive(config, "n_top")
    record = output.RunRecord("cellama_sentences", config, output.Output(config.output))
    folder, tables = config.output / "sentences", []
    paths = [data.find_cells(path) for path in config.cells or (None,)]
    names = data.distinct_names(paths) if config.cells else [data.name_of(paths[0])]
    for path, name in zip(paths, names, strict=True):
        with record.step("sentences"):
            tables.append(cellama.sentences_of_file(path, config))
        output.write_parquet(folder / f"{name}.parquet", tables[-1])
        with output.atomic_path(folder / f"{name}.txt") as path:
            path.write_text("\n".join(tables[-1]["sentence"]) + "\n", encoding="utf-8")
        log.info(f"{name}: {len(tables[-1]):,} sentences. The first: {tables[-1]['sentence'][0]}")
    record.write(n_sentences=[len(table) for table in tables])
    cli.say_where(config.output)
    return tables


def embed(config: Embed):
    """Write the vectors of all files and their map; returns them as AnnData without counts."""
    record = output.RunRecord("cellama_embed", config, output.Output(config.output))
    with record.step("embed"):
        cells = cellama.embed_files(config, config.seed)
    with record.step("outputs"):
        scores = cellama.scores_of_space(cells)
        has_map = cells.n_obs >= plots.annotated_map.FEWEST_CELLS
        if has_map:
            cells.obsm["X_umap"] = plots.annotated_map.umap_of(cells.obsm["X_cellama"], config.seed)
        else:
            log.warning(f"{cells.n_obs} cells are too few for a UMAP: vectors alone are written.")
        with output.atomic_path(config.output / "embedding" / "embedding.h5ad") as path:
            cells.write_h5ad(path)
        record.output.csv("cellama/embedding_scores", scores)
        if has_map:
            record.output.figure("cellama_embedding", plots.cells_by_type_and_file(cells, scores))
    record.write()
    print(scores.round(3).to_string(index=False))
    cli.say_where(config.output)
    return cells


if __name__ == "__main__":
    commands = {
        "sentences": cli.Subcommand(write_sentences, Sentences, write_sentences.__doc__),
        "embed": cli.Subcommand(embed, Embed, embed.__doc__),
    }
    cli.run(main, Config, __doc__, subcommands=commands)
