"""Annotate an AnnData in memory, as from a notebook: obs, obsm and uns are written, X never."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.annotation.first_pass import SEED, FirstPass, Smooth
from cellclassifier.annotation.for_scanpy import (
    SPACE,
    obs_columns,
    obsm_columns,
    uns_of,
    with_categories,
)
from cellclassifier.annotation.model import find_genes, load_annotator, require_annotator
from cellclassifier.annotation.naming import Naming
from cellclassifier.annotation.predict import (
    Annotations,
    annotate_chunks,
    say_if_many_are_far,
    summarize,
    totals,
)
from cellclassifier.annotation.ready import limits, load_ready, smoothing_by_default
from cellclassifier.annotation.voting import Clusters, cluster_table, say_of_clusters
from cellclassifier.data.cell_source import CellSource, without_columns
from cellclassifier.data.cell_types import CellTypes
from cellclassifier.data.find_counts import find_counts
from cellclassifier.data.h5ad_tables import as_column_of_texts
from cellclassifier.data.matrix import InMemory
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier
from cellclassifier.options import available_cores
from cellclassifier.output.progress import Progress
from cellclassifier.trust.broader import CERTAINTY

log = logging.getLogger(__name__)


def annotate(
    adata: ad.AnnData,
    model: GeneClassifier | Path | str | None = None,
    *,
    layer: str | None = None,
    min_genes_found: float = 0.5,
    certainty: float = CERTAINTY,
    cell_types: CellTypes | None = None,
    smooth: Smooth | None = None,
    majority_voting: str | None = None,
    chunk_cells: int = 10_000,
    jobs: int | None = None,
) -> pd.DataFrame:
    """Name the type of every cell of an AnnData of raw counts, and say which no known type fits.

    Writes into ``adata``, once all is known (nothing if anything fails):

    - ``obs``: predicted_cell_type (categorical), predicted_probability (calibrated),
      predicted_known (False: far, or no counts at all), predicted_broad_type (categorical: the
      finest name whose probability reaches ``certainty``) and its predicted_broad_probability,
      predicted_far (like no type that the model knows), predicted_between (of a known
      neighbourhood, but more in doubt than known cells are), predicted_second_type,
      predicted_confidence;
    - ``obsm["cellclassifier_probabilities"]``: DataFrame, n_cells x n_types (a "/" in a
      type's name is "%2F", as an .h5ad takes none, and a "%" is "%25"; ``uns`` has the names as
      they are);
    - ``obsm["X_cellclassifier"]``: n_cells x n_components, the cells among the known types, for
      neighbours and maps (not of a model that saw no validation cells);
    - ``uns["cellclassifier"]``: model digest, method, types, date, layer, share of genes found,
      cells in all, unknown, far and between ones, cells sampled to tell what is far, limits of
      the ready model;
      ``uns["predicted_cell_type_colors"]``: the types' colours, as scanpy keeps them, so that
      ``sc.pl.umap`` shows those of this package's figures.

    The counts stay as they are. They may be CSR, CSC or dense, whole numbers of any type; they are
    looked at ``chunk_cells`` at a time. A view becomes a copy of its own, as whenever obs of
    a view is written; what is backed by a file is read from there, and the file is not changed.

    model: a fitted model, or the folder of a saved one, default: the ready model of blood, which
    says what it knows; layer: where the raw counts are, "raw" for ``adata.raw``, default X, or
    where they are found (see ``find_counts``); min_genes_found: least share of the model's genes,
    by importance; certainty: probability that a broader name must reach; cell_types: labels and
    their terms, from ``data.known_cell_types``, default: the bundled ones; smooth: "broad" averages
    probabilities over a cell's 15 neighbours in the file for names that hold for several types,
    "all" for every name, default "all" of the ready model, else "nothing"; majority_voting: a
    column of ``obs`` whose groups vote, or "leiden", for clusters that are found here:
    obs["majority_voting"] and the share of the cluster that agrees; jobs: threads, default: those
    the model has, all cores for a model read from its folder.

    Returns a row per predicted type (see ``summarize``).
    Raises InputError, in one sentence, for values that are no raw counts, too few known genes, or
    another kind of model; NotFittedError for a model that has learned nothing.
    """
    _require_positive(chunk_cells=chunk_cells, jobs=jobs)
    try:
        source = _counts_of(adata, layer)
        smooth, said = smooth or smoothing_by_default(model), [] if model else limits()
        model = _ready(model, jobs)
        match, share = find_genes(model, source.var, min_genes_found)
        naming = Naming.of(model.classes_, certainty, cell_types)
        clusters = majority_voting and Clusters.wanted(majority_voting, partial(_column, adata))
        first = FirstPass.over(model, source.chunks(chunk_cells), match.align, adata.n_obs, smooth)
        first = clusters.ready(first) if clusters else first
        names = np.arange(adata.n_obs).astype(str)
        work = model, source.chunks, chunk_cells, match.align, names, naming, first
        result = _joined(annotate_chunks(*work), adata.n_obs)
        if clusters:
            predicted = result.table["predicted"].astype(pd.CategoricalDtype(model.classes_))
            voted = clusters.votes(predicted, result.own_places, SEED)
            result = replace(result, table=result.table.join(voted))
            say_of_clusters(cluster_table(result.table))
    except InputError as error:
        raise InputError(_in_python(str(error))) from None
    table = result.table
    facts = {"layer": layer or source.counts_from, "genes_found_share": share} | totals(table)
    facts |= {"limits": np.array(said, dtype=object)} if said else {}
    with _writable(adata):
        _write(adata, result, uns_of(model, facts | first.facts()), model.classes_)
    say_if_many_are_far(table)
    return summarize(table)


def _require_positive(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and value < 1:
            raise InputError(f"{name}={value}: expected at least 1")


def _counts_of(adata: ad.AnnData, layer: str | None) -> CellSource:
    """The cells of an AnnData that annotations can be written into, and where its counts are."""
    if not isinstance(adata, ad.AnnData):
        raise TypeError(f"expected an AnnData, found {type(adata).__name__}")
    if adata.isbacked and adata.is_view:
        raise InputError("a view of a backed AnnData cannot be written: annotate view.to_memory()")
    if adata.n_obs == 0:
        raise InputError("the AnnData holds no cells")
    names = tuple([*adata.layers, *["raw"] * (adata.raw is not None)])
    source = replace(_source(adata, layer), layers=names)
    return source if layer else find_counts(source, partial(_source, adata))


def _source(adata: ad.AnnData, layer: str | None) -> CellSource:
    matrix, var = _matrix_of(adata, layer)
    if isinstance(matrix, ad.abc.CSCDataset):
        log.info("The file stores its matrix by columns (CSC): all of it is read.")
        matrix = matrix.to_memory()
    path = Path("the AnnData")
    return CellSource(path, adata.obs_names, var, InMemory(matrix), without_columns(path))


def _matrix_of(adata: ad.AnnData, layer: str | None):
    """A matrix and its gene table."""
    if layer is None and adata.X is not None:
        return adata.X, adata.var
    if layer in adata.layers:
        return adata.layers[layer], adata.var
    if layer == "raw" and adata.raw is not None:
        return adata.raw.X, adata.raw.var
    known = ", ".join([*adata.layers, *["raw"] * (adata.raw is not None)]) or "no layers"
    wanted = "X" if layer is None else f"layer {layer!r}"
    raise InputError(f"the AnnData has no {wanted}: it has {known}; choose with layer=")


def _column(adata: ad.AnnData, key: str, option: str) -> np.ndarray:
    if key not in adata.obs:
        known = ", ".join(map(str, adata.obs)) or "no columns"
        raise InputError(f"{option} {key!r}: obs has {known}")
    return as_column_of_texts(adata.obs[key], f"obs[{key!r}]")


def _ready(model: GeneClassifier | Path | str | None, jobs: int | None) -> GeneClassifier:
    if model is None or isinstance(model, Path | str):
        model = load_ready() if model is None else load_annotator(model)
        jobs = jobs or available_cores()
    require_annotator(model, "the model")
    if jobs:
        model.use_jobs(jobs)
    return model


def _joined(chunks: Iterator[Annotations], n_cells: int) -> Annotations:
    """Annotations of all cells, which the table calls by their numbers."""
    parts = []
    with Progress(n_cells, "cell") as progress:
        for part in chunks:
            parts.append(part)
            progress.add(len(part.table))
    return Annotations(
        pd.concat([part.table for part in parts], ignore_index=True),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.space for part in parts]),
        None if parts[0].own_places is None else np.concatenate([p.own_places for p in parts]),
    )


def _write(adata: ad.AnnData, result: Annotations, uns: dict, types: np.ndarray) -> None:
    table = with_categories(result.table, types)
    for name, column in obs_columns(table, adata.obs_names).items():
        adata.obs[name] = column.array  # by position: two cells may have one name
    adata.obsm.pop(SPACE, None)  # of another model
    adata.obsm.update(obsm_columns(result.probabilities, result.space, types, adata.obs_names))
    adata.uns.update(uns)


@contextmanager
def _writable(adata: ad.AnnData) -> Iterator[None]:
    """Say in a sentence what anndata warns of when a view is written."""
    if adata.is_view:
        log.info("A view is annotated: it becomes a copy, its parent does not change.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ad.ImplicitModificationWarning)
        yield


def _in_python(message: str) -> str:
    """Options of the shell as arguments of ``annotate``: "--layer" as "layer="."""
    return re.sub(r"--([a-z][a-z-]*)", lambda match: match[1].replace("-", "_") + "=", message)
