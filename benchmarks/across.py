"""Train on one data set, annotate others: what transfers, and what is called unknown.

    python -m benchmarks.across

Trained on the sorted PBMC (shared cells.npy), one split, then the steps of annotate.py, though
without its limit on the share of genes found, on

    the embedded sample   765 genes; its Dendritic cells are a type that the model has not seen
    pbmc3k                another lab and chemistry, coarser labels

The sample lacks most genes that a model on all genes uses, so a second model is trained on the
genes that both have. One table of the file's own labels against the predicted ones per pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import tyro

from benchmarks.common import print_table, shared_data
from benchmarks.unknown import trained
from cellclassifier.annotation.predict import annotate
from cellclassifier.data import gene_symbols as genes
from cellclassifier.data.match_genes import GeneMatch, match_genes
from cellclassifier.data.open import open_cells
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.interface import GeneClassifier

UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    methods: tuple[str, ...] = ("soft_vote",)
    """baselines to measure"""

    seed: int = 42
    """of the split and of the fit"""


def main(config: Config) -> None:
    """Print a cross table for every method and pair of data sets."""
    train = shared_data("cells.npy")
    if train is None:
        return
    cells = read_cells(CellsOptions(cells=train))
    # Symbols, by which the other files name their genes: no network is needed for them here.
    dictionaries = train.parent.parent / "geneformer_files"
    cells.var["gene_symbol"] = genes.symbols_of(cells.var_names.to_numpy(str), dictionaries)
    pbmc3k = shared_data("pbmc3k.h5ad")
    for method in config.methods:
        model = model_on(cells, method, config.seed)
        compare(f"{method} on sample", model, *labelled(None))
        compare(f"{method} on pbmc3k", model, *labelled(pbmc3k))
        common = shared_genes(cells, open_cells(None).var)
        model = model_on(common, method, config.seed)
        compare(f"{method} of common genes on sample", model, *labelled(None))


def labelled(path: Path | None) -> tuple:
    """A source of cells and their own labels, which annotation does not see."""
    source = open_cells(path)
    options = CellsOptions(cells=path)
    return source, read_cells(options).obs["cell_type"].astype(str)


def shared_genes(cells: ad.AnnData, var: pd.DataFrame) -> ad.AnnData:
    """The cells with only those genes that another file has, too."""
    found = match(cells.var_names, cells.var["gene_symbol"], var).found
    return cells[:, found].copy()


def match(names, symbols, var: pd.DataFrame) -> GeneMatch:
    """Genes by id or symbol, as annotate.py finds them."""
    return match_genes(np.asarray(names, dtype=str), np.asarray(symbols, dtype=str), var)


def model_on(cells: ad.AnnData, method: str, seed: int) -> GeneClassifier:
    """A trained model."""
    return trained(cells, method, seed)[0]


def compare(title: str, model: GeneClassifier, source, labels: pd.Series) -> None:
    """Print the file's labels against the predicted types, and the share unknown of each."""
    found = match(model.genes_, model.symbols_, source.var)
    counts = next(source.chunks(source.n_cells))
    table = annotate(model, found.align(counts, source.cell_names)).table
    predicted = table["predicted"].where(table["known"], UNKNOWN)
    labels = labels.to_numpy()
    cross = pd.crosstab(pd.Series(labels, name="own label"), predicted.to_numpy())
    cross["unknown share"] = (~table["known"]).groupby(labels).mean().round(2)
    best = table["predicted"].groupby(labels).agg(lambda names: names.value_counts().index[0])
    cross["most often named"] = best
    share = found.share_found(model.gene_importance())
    print(f"{title}: {found.found.mean():.0%} of genes found, {share:.0%} of their importance")
    print_table(f"across {title}: own labels against annotations", cross)


if __name__ == "__main__":
    main(tyro.cli(Config))
