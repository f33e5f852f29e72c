"""Cells of several studies as one: the genes that all of them have, and each cell's study.

A classifier that is to name cells of other laboratories is better trained on several.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.cell_types import known_cell_types
from cellclassifier.data.formats.samples import JoinedMatrix, one_below_the_other, pick
from cellclassifier.data.gene_names import are_genes
from cellclassifier.data.label_table import with_labels
from cellclassifier.data.match_genes import match_genes
from cellclassifier.data.names_of_files import distinct_names
from cellclassifier.data.open import find_cells, open_file
from cellclassifier.data.options import CellsOptions
from cellclassifier.errors import InputError

log = logging.getLogger(__name__)
STUDY = "study"


def given_paths(cells: Path | Sequence[Path] | None) -> list[Path]:
    """What ``--cells`` names, or the file at hand; nothing where the embedded sample is read.

    Raises InputError for a file that is missing or of no known format.
    """
    given = list(cells) if isinstance(cells, list | tuple) else [cells]
    found = [find_cells(path) for path in given or [None]]
    return [path for path in found if path is not None]


def open_studies(options: CellsOptions) -> CellSource:
    """The cells of the file that the options name, or of several, with the genes they share.

    Genes are found in each file as a model's genes are (see ``match_genes``) and go by the names
    that the first one has. Of several files, ``obs`` has the column "study", whose names are added
    to those of the cells. With --genes-of only genes that this file has, too, are kept.
    Raises InputError where a file is none, is given twice, or no gene is left.
    """
    paths = given_paths(options.cells)
    if len(paths) < 2:
        source = open_file(options.cells and paths[0], options.layer)
    else:
        names = distinct_names(paths)
        opened = [open_file(path, options.layer) for path in paths]
        source = _joined(dict(zip(names, opened, strict=True)))
    if options.genes_of is not None:
        source = _with_genes_of(source, Path(options.genes_of))
    return with_labels(source, options.labels)


def _joined(studies: dict[str, CellSource]) -> CellSource:
    sources = list(studies.values())
    genes = _genes(sources[0].var)
    targets = [match_genes(genes, genes, source.var).target for source in sources]
    shared = np.logical_and.reduce([np.isin(np.arange(len(genes)), each) for each in targets])
    named = " + ".join(source.path.name for source in sources)
    sizes = ", ".join(f"{len(source.var):,}" for source in sources)
    if not shared.any():
        raise InputError(
            f"{named} have no gene in common: expected counts of one species, genes named by "
            "Ensembl ids or symbols"
        )
    log.info(f"{named}: {shared.sum():,} genes in common (of {sizes}).")
    var = sources[0].var
    var = var[~var.index.duplicated()].loc[genes[shared]]
    places = [_among(target, shared) for target in targets]
    joined = one_below_the_other(Path(named), studies, var, places, STUDY)
    return replace(joined, studies=studies)


def _genes(var: pd.DataFrame) -> np.ndarray:
    """Names of a gene table's genes, each once."""
    return var.index[are_genes(var)].dropna().unique().to_numpy(str)


def _among(target: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Indices of genes, (n_columns,), as those of the genes that are kept; -1 for all others."""
    new = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    return new[np.maximum(target, -1)]


def _with_genes_of(source: CellSource, path: Path) -> CellSource:
    genes = _genes(source.var)
    found = match_genes(genes, genes, open_file(path).var).found
    if not found.any():
        raise InputError(
            f"--genes-of {path}: it has none of the {len(genes):,} genes of {source.path} (first: "
            f"{genes[0]}): expected counts of the same species"
        )
    log.info(f"{found.sum():,} of {len(genes):,} genes are in {path.name} (--genes-of).")
    places = pd.Index(genes[found]).get_indexer(source.var.index)
    var = source.var[~source.var.index.duplicated()].loc[genes[found]]
    matrix = JoinedMatrix((source.matrix,), (pick(places, len(var)),))
    return replace(source, var=var, matrix=matrix)


def at_level(labels: pd.Series, options: CellsOptions) -> pd.Series:
    """Labels of cells that have a type, as they are (fine) or by their common level.

    Raises InputError for a table of cell types that is none.
    """
    if options.level == "fine":
        return labels
    types = known_cell_types(options.cell_types)
    names = {label: types.joined(label) for label in labels.unique()}
    alone = sorted(label for label in names if types.term_of(label) is None)
    stay = f"; without a term, as they are: {', '.join(alone)}" if alone else ""
    log.info(f"Common level: {len(names)} labels, {len(set(names.values()))} types{stay}.")
    return labels.map(names)
