"""Train on one data set, annotate others: what transfers, and what is far or between.

    python -m benchmarks.across                        # prints tables
    python -m benchmarks.across --record               # also writes docs/records/across.json

Trained on the sorted PBMC (shared cells.npy), one split, then the steps of annotation, though
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
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.records import write_record
from benchmarks.unknown import trained
from cellclassifier.annotation.model import find_genes
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.match_genes import match_genes
from cellclassifier.data.open import open_cells
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.interface import GeneClassifier

COMMAND = "python -m benchmarks.across"
FAR = "(far)"


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    method: str = "soft_vote"
    """the baseline to measure"""

    seed: int = REPORTED_SEED
    """of the split and of the fit"""

    record: bool = False
    """also write docs/records/across.json"""


def main(config: Config) -> None:
    """Print a cross table for every pair of data sets; what transfers nothing is not recorded."""
    train, pbmc3k = shared_data("cells.npy"), shared_data("pbmc3k.h5ad")
    if train is None or pbmc3k is None:
        return
    cells = read_cells(CellsOptions(cells=train))
    model = trained(cells, config.method, config.seed)[0]
    common = shared_genes(cells, open_cells(None).var)
    of_common = trained(common, config.method, config.seed)[0]
    compare("embedded sample", model, None)
    tables = [
        compare("pbmc3k", model, pbmc3k),
        compare(f"embedded sample, model of the {common.n_vars} genes of both", of_common, None),
    ]
    if config.record:
        files = {"trained on": cells.uns["source"]}
        table = pd.concat(tables, ignore_index=True)
        print(write_record("across", COMMAND, table, [config.seed], files))


def shared_genes(cells: ad.AnnData, var: pd.DataFrame) -> ad.AnnData:
    """The cells with only those genes that another file has, too."""
    names = cells.var_names.to_numpy(str), cells.var["gene_symbol"].to_numpy(str)
    return cells[:, match_genes(*names, var).found].copy()


def compare(title: str, model: GeneClassifier, path: Path | None) -> pd.DataFrame:
    """Print a file's own labels against the predicted types.

    Returns a row per label: data, label, cells, named (most often), far, between (shares), broad
    (most often).
    """
    source = open_cells(path)
    labels = source.obs("cell_type")["cell_type"].to_numpy(str)
    match, share = find_genes(model, source.var, min_share=0)
    counts = match.align(next(source.chunks(source.n_cells)))
    table = annotate_chunk(model, counts, source.cell_names).table
    predicted = np.where(table["known"], table["predicted"], FAR)
    cross = pd.crosstab(pd.Series(labels, name="own label"), predicted)
    found = f"{match.found.mean():.0%} of the genes, {share:.0%} of their importance"
    print_table(f"across on {title}: own labels against annotations; {found}", cross)
    grouped = table.groupby(labels)
    rows = pd.DataFrame(
        {
            "cells": grouped.size(),
            "named": grouped["predicted"].agg(most_frequent),
            "far": grouped["far"].mean(),
            "between": grouped["between"].mean(),
            "broad": grouped["broad"].agg(most_frequent),
        }
    )
    rows = rows.rename_axis("label").reset_index()
    return rows.assign(data=f"{title} ({found})").sort_values("cells", ascending=False)


def most_frequent(names: pd.Series) -> str:
    """The most frequent of some names."""
    return names.value_counts().index[0]


if __name__ == "__main__":
    main(tyro.cli(Config))
