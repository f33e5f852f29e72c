"""Cells of any format as one validated AnnData of raw counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anndata as ad
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.digests import sha256_of_all
from cellclassifier.data.gene_counts import one_column_per_gene
from cellclassifier.data.gene_names import are_genes
from cellclassifier.data.gene_symbols import drop_unmapped, symbols_of
from cellclassifier.data.label_table import named_in
from cellclassifier.data.labels import leave_out_untyped
from cellclassifier.data.options import BatchOptions, CellsOptions
from cellclassifier.data.studies import STUDY, at_level, open_studies
from cellclassifier.data.validate import (
    check_groups,
    check_labels,
    check_names,
    check_present,
    drop_or_refuse_empty,
)
from cellclassifier.errors import escaped

log = logging.getLogger(__name__)


def read_cells(
    options: CellsOptions | Path | str | Sequence[Path | str] | None = None, **more
) -> ad.AnnData:
    """Read, validate and name: AnnData of raw counts, cells x genes.

    options: which file, and how to read it; or the file alone, or a list of several. more: fields
    of ``CellsOptions``, as in ``read_cells("my.h5ad", label_key="louvain")``.

    ``X`` is CSR float32 without stored zeros, ``obs["cell_type"]`` categorical, ``var_names`` the
    gene ids of the (first) file, ``var["gene_symbol"]`` their symbols where known, ``obs["group"]``
    the groups where asked for, ``obs["batch"]`` likewise, ``obs["study"]`` which of several files a
    cell is from;
    ``uns["source"]`` has the file's name, SHA-256 and shape, and those of each of several. Cells
    without a label, or whose label says that they have no type, are left out (see
    ``labels.NO_TYPES``).

    Raises InputError, in one sentence, for anything that is not raw counts with labels.
    """
    options = replace(_as_options(options), **more)
    source = open_studies(options)
    cells = _validated(source, options)
    cells.var["gene_symbol"] = symbols_of(cells.var_names.to_numpy(str), options.ask_mygene)
    cells.uns["source"] = described(source)
    if options.drop_unmapped_genes:
        cells = drop_unmapped(cells)
    return drop_or_refuse_empty(cells, options.drop_empty_cells)


def _as_options(options) -> CellsOptions:
    if isinstance(options, CellsOptions):
        return options
    if isinstance(options, list | tuple):
        return CellsOptions(tuple(map(Path, options)))
    return CellsOptions(options and Path(options))


def described(source: CellSource) -> dict:
    """What a run record says of the file: its name, SHA-256 and shape; "studies" of several."""
    shape = [source.n_cells, len(source.var)]
    digest = sha256_of_all(source.files or (source.path,))
    about = {"file": escaped(source.path.name), "sha256": digest, "shape": shape}
    if source.studies:
        about["studies"] = {name: described(study) for name, study in source.studies.items()}
    return about


def _validated(source: CellSource, options: CellsOptions) -> ad.AnnData:
    obs, kept = source.obs(options.label_key, options.group_key), named_in(source, options.labels)
    if source.studies:
        obs[STUDY] = pd.Categorical(source.read_column(STUDY, "--group-key"))
    if isinstance(options, BatchOptions) and (options.batch_key or source.studies):
        batches = source.groups(options.batch_key or STUDY, "--batch-key")
        obs["batch"] = pd.Categorical(batches.to_numpy(str))
    kept[kept] = leave_out_untyped(obs[kept], options.keep_labels, options.ignore_labels)
    counts = source.counts()
    check_names(source.obs_names, "cell name")
    check_present(source.var.index, "gene id")
    if not kept.all():
        counts, obs = counts[kept], obs[kept].copy()
    obs["cell_type"] = at_level(obs["cell_type"], options)
    check_labels(obs)
    check_groups(obs)
    counts, var = _of_genes(counts, source.var)
    cells = ad.AnnData(counts, obs=obs, var=var)
    cells.obs["cell_type"] = pd.Categorical(cells.obs["cell_type"])
    return cells


def _of_genes(counts: sp.csr_matrix, var: pd.DataFrame) -> tuple[sp.csr_matrix, pd.DataFrame]:
    """Only columns that are genes, and one for each of them."""
    kept = are_genes(var)
    if not kept.all():
        log.info(f"{(~kept).sum():,} columns are no genes (feature_types): left out.")
        counts, var = counts[:, kept], var[kept]
    return one_column_per_gene(counts, var)
