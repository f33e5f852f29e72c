"""Sentences and vectors of files, with or without a trained model."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.gene_counts import GeneCounts, one_column_per_gene
from cellclassifier.data.gene_names import are_genes
from cellclassifier.data.labels import names_no_type
from cellclassifier.data.open import open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.studies import STUDY, at_level, open_studies
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.models.cellama.classifier import CellamaClassifier, genes_by_symbol
from cellclassifier.models.cellama.encoder import Encoder, Lesson
from cellclassifier.models.cellama.encoders import encoder_class
from cellclassifier.models.cellama.options import CellamaOptions, EmbedOptions, SentenceOptions
from cellclassifier.models.cellama.ranking import learn_scale, top_genes
from cellclassifier.models.cellama.sentences import CellSentences, clauses_of, require_symbols

FILE = "file"
log = logging.getLogger(__name__)


def sentences_of_file(path: Path | None, options: SentenceOptions) -> pd.DataFrame:
    """``cell``, ``sentence`` and ``n_genes`` of every cell of a file, in its order.

    Raises InputError where most genes have no symbol, and for a column that is not there.
    """
    source = open_cells(path, options.layer)
    cells = _as_cells(source)
    obs = {key: source.read_column(key, "--metadata") for key in options.metadata}
    clauses = clauses_of(pd.DataFrame(obs, index=source.obs_names), options.metadata)
    genes, symbols = genes_by_symbol(cells, fewest=1)
    require_symbols(symbols)
    found = _sentences(cells, genes, symbols, options.order, options.n_top, clauses)
    texts = found.texts(options.style)
    return pd.DataFrame({"cell": source.cell_names, "sentence": texts, "n_genes": found.n_genes})


def _as_cells(source) -> ad.AnnData:
    """Counts of a source that are genes, a column for each."""
    counts, var = source.counts(), source.var
    kept = are_genes(var)
    counts, var = (counts, var) if kept.all() else (counts[:, kept], var[kept])
    counts, var = one_column_per_gene(counts, var)
    names = pd.Index(source.cell_names, dtype=object)
    return ad.AnnData(counts, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=var.index))


def _sentences(cells, genes, symbols, order: str, n_top: int, clauses) -> CellSentences:
    """Sentences by what these cells themselves tell of the genes."""
    known = GeneCounts.of(cells, genes)
    scale = learn_scale(order, known.counts, known.totals)
    return CellSentences(top_genes(known.counts, scale, n_top), symbols, clauses)


def embed_files(options: EmbedOptions, seed: int) -> ad.AnnData:
    """Vectors of all cells of some files in one space, without their counts.

    obs["file"], obs["cell_type"] where the files have labels; obsm["X_cellama"]. Without a model
    the encoder knows no label: bag learns an LSA of these very cells.
    Raises InputError for a model that is no CELLama.
    """
    paths = options.cells or None
    source = open_studies(CellsOptions(cells=paths, layer=options.layer))
    cells = _as_cells(source)
    cells.obs[FILE] = _files_of(source, options)
    vectors = _by_model(cells, options) if options.model else _without_model(cells, options, seed)
    obs = cells.obs[[FILE]].copy()
    labels = _labels(source, options)
    if labels is not None:
        obs["cell_type"] = pd.Categorical(labels)
    return ad.AnnData(obs=obs, obsm={"X_cellama": vectors})


def _files_of(source, options) -> pd.Categorical:
    if not source.studies:
        return pd.Categorical([source.path.name] * source.n_cells)
    return pd.Categorical(source.read_column(STUDY, "--cells"))


def _labels(source, options: EmbedOptions) -> np.ndarray | None:
    """Types of the cells, "" where there is none; None where the files have no such column."""
    try:
        values = source.obs(options.label_key)["cell_type"]
    except InputError as error:
        log.info(f"No types are shown: {error}.")
        return None
    has_type = ~values.map(names_no_type).to_numpy(bool)
    found = np.full(len(values), "", dtype=object)
    found[has_type] = at_level(values[has_type], CellsOptions(level=options.level))
    return found.astype(str)


def _by_model(cells: ad.AnnData, options: EmbedOptions) -> np.ndarray:
    model = Classifier.load(options.model)
    if not isinstance(model, CellamaClassifier):
        raise InputError(f"{options.model} holds a {type(model).__name__}: expected a CELLama")
    if options.bf16:
        model.encoder_.options = replace(model.encoder_.options, bf16=True)
        model.encoder_.options.check()
    if not options.own_means:
        return model.embed(cells)
    parts = [rows for _, rows in cells.obs.groupby(FILE, observed=True).indices.items()]
    return _in_place(parts, [model.embed_by_own_means(cells[rows].copy()) for rows in parts])


def _without_model(cells: ad.AnnData, options: EmbedOptions, seed: int) -> np.ndarray:
    chosen = CellamaOptions(
        encoder=options.encoder,
        bf16=options.bf16,
        n_top=options.n_top,
        order=options.order,
        fine_tune="none",
    ).decided()
    genes, symbols = genes_by_symbol(cells)
    files = cells.obs.groupby(FILE, observed=True).indices
    parts = list(files.values()) if options.own_means else [np.arange(cells.n_obs)]
    ranked = []
    for rows in parts:
        some = cells[rows]
        none = pd.DataFrame(index=some.obs_names)
        found = _sentences(some, genes, symbols, options.order, chosen.n_top, none)
        ranked.append(found.ranked)
    none = pd.DataFrame(index=cells.obs_names)
    sentences = CellSentences(_in_place(parts, ranked), symbols, none)
    encoder: Encoder = encoder_class(options.encoder)(chosen, seed)
    encoder.learn(Lesson(sentences))
    return encoder.vectors(sentences)


def _in_place(parts: list[np.ndarray], values: list[np.ndarray]) -> np.ndarray:
    """Rows of the parts, put where their cells are."""
    order = np.argsort(np.concatenate(parts), kind="stable")
    return np.concatenate(values)[order]
