"""Recognise cells from pictures of their expression, also when most of it is missing.

    python spoticell.py                            # cells.npy, else the embedded sample
    python spoticell.py --cells a.h5ad b.h5ad --level common
    python spoticell.py --network documented       # as Spoticell's document describes it
    python spoticell.py --quick                    # a first look: one split, few epochs

Every gene has its place on the picture, like ones side by side. A network learns from cells whose
counts are thinned and whose genes are taken away; the same genes without a picture (an MLP) are
always run beside it. An interrupted run goes on where it was. Outputs, under model_output/:

    results/scores/spoticell.csv, results/scores/spoticell_mlp.csv
    results/spoticell/hierarchy.csv     precision, recall, F1 of every type and every broader one on
                                        test cells, and their macro, micro and weighted means
    results/spoticell/history.csv       one row per method, split and epoch
    results/spoticell/layout.csv        gene_id, gene_symbol, row, column (of the first split)
    predictions/spoticell-split<seed>.parquet, models/spoticell/ and those of spoticell_mlp
    plots/spoticell_pictures.png        the mean picture of every type, and of one cell
    plots/                              of all methods that saw these cells and splits
    results/run_spoticell.json
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cellclassifier import cli, data, models, plots, protocol
from cellclassifier.data.options import CellsOptions
from cellclassifier.models.spoticell.options import (
    METHODS,
    PICTURED,
    QUICK_EPOCHS,
    SpoticellOptions,
)
from cellclassifier.options import RunOptions, decided, require_positive
from cellclassifier.protocol.options import SplitOptions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BESIDE = "mlp"  # the network that is always run beside
QUICK = {"n_splits": 1, "epochs": QUICK_EPOCHS}
log = logging.getLogger("cellclassifier")


@dataclass(frozen=True)
class Config(RunOptions, SpoticellOptions, SplitOptions, CellsOptions):
    """Options of Spoticell."""

    n_splits: int | None = None
    """how many train / validation / test splits; default 3 (--quick: 1)"""

    epochs: int | None = None
    """most passes over the training cells; default 24 (--quick: 5)"""

    quick: bool = field(default=False, metadata={"changes_results": False})
    """a first look: one split, 5 epochs, unless given"""


def main(config: Config) -> pd.DataFrame:
    """Learn and score every split; returns mean and standard deviation of each metric."""
    require_positive(config, "jobs")
    config = decided(config, QUICK)
    config.check()
    run = protocol.Run("spoticell", config)

    log.info("Reading the cells ...")
    with run.step("read"):
        cells = protocol.subset(data.read_cells(config), config)
        parts = protocol.split_all(cells, config)

    networks = {METHODS[network]: network for network in (config.network, BESIDE)}
    version = models.SpoticellClassifier.version
    for method, split in run.plan(dict.fromkeys(networks, version), cells, parts):
        options = replace(config, network=networks[method])
        checkpoints = run.checkpoints(method, split)
        model = models.SpoticellClassifier(options, method, split, checkpoints)
        result = protocol.evaluate(model, cells, parts[split], split)
        tables = {"history": model.history_}
        if options.network in PICTURED:
            train = cells[(parts[split] == "train").to_numpy()]
            tables |= {"layout": model.layout(), "pictures": models.picture_table(model, train)}
        tables = {name: table.assign(split=split) for name, table in tables.items()}
        run.keep(result, **tables, facts=facts_of(model, split))

    write_tables(run, list(networks))
    summary = run.finish(draw)
    print(protocol.in_short(summary).to_string())
    cli.say_where(config.output)
    return summary


def facts_of(model: models.SpoticellClassifier, split: int) -> pd.DataFrame:
    """Size of the network and how long it learned, one row."""
    import pandas as pd

    facts = {"method": model.method, "split": split, "n_parameters": model.n_parameters()}
    return pd.DataFrame([facts | {"epochs": len(model.history_), "seconds": model.fit_seconds_}])


def write_tables(run: protocol.Run, methods: list[str]) -> None:
    """Hierarchical scores, histories, and the layout of the first split."""
    import pandas as pd

    scores = [
        protocol.hierarchical_scores(test["label"], test["predicted"], types).assign(
            method=method, split=split
        )
        for method in methods
        for split, test, types in scored_cells(run, method)
    ]
    table = pd.concat(scores)
    run.output.csv("spoticell/hierarchy", table[["method", "split", *table.columns[:-2]]])
    history = pd.concat([run.table("history", name).assign(method=name) for name in methods])
    run.output.csv("spoticell/history", history[["method", "split", *history.columns[:-2]]])
    if run.config.network in PICTURED:
        run.output.csv("spoticell/layout", of_first_split(run, "layout", methods[0]))
    facts = pd.concat([run.table("facts", name) for name in methods])
    run.record.content["training"] = facts.to_dict("records")


def scored_cells(run: protocol.Run, method: str) -> Iterator[tuple[int, pd.DataFrame, list[str]]]:
    """Every split's test cells and their predictions, and all types."""
    for split in run.splits:
        rows = run.output.read_predictions(method, [split])
        yield split, rows[rows["part"] == "test"], sorted(rows["label"].astype(str).unique())


def of_first_split(run: protocol.Run, name: str, method: str) -> pd.DataFrame:
    """A table that was kept of every split, of the one whose model is kept."""
    table = run.table(name, method)
    return table[table["split"] == run.splits[0]].drop(columns="split")


def draw(run: protocol.Run, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The figures of all methods, and the pictures of a network that looks at any."""
    yield from plots.comparison_figures(run, summary)
    if run.config.network in PICTURED:
        pictures = of_first_split(run, "pictures", METHODS[run.config.network])
        yield "spoticell_pictures", plots.pictures(pictures, run.source["file"])


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
