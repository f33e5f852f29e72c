"""Cells with what sentences hold beside genes: columns of obs, places in the tissue, niches."""

from __future__ import annotations

import logging
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.obsm import read_obsm
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.data.studies import STUDY, open_studies
from cellclassifier.errors import InputError
from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.niche import (
    NICHE,
    neighbours_in_tissue,
    niche_table,
    niche_texts,
)
from cellclassifier.models.cellama.options import CellamaOptions, options_of_model
from cellclassifier.models.cellama.sentences import clauses_of, require_shared_values
from cellclassifier.models.cellama.shortcuts import information, sentences_about

SPATIAL, SECTION = "spatial", "section"
METHOD, BY_LABELS = "cellama", "cellama_niche_given"
N_FOLDS = 3  # of training cells, so that none is named by a model that has seen it
log = logging.getLogger(__name__)


def method_of(config) -> str:
    """The name in tables: another one where labels of test cells stand in sentences."""
    return BY_LABELS if config.niche == "given" else METHOD


def read_with_metadata(config: CellsOptions) -> ad.AnnData:
    """``read_cells``, with the columns of --metadata in obs and, for --niche, obsm["spatial"].

    Raises InputError for a column that is not there, or has a value of its own for each cell.
    """
    cells = read_cells(config)
    for key in config.metadata:
        cells.obs[key] = pd.Categorical(_column(cells, config, key, "--metadata"))
    require_shared_values(clauses_of(cells.obs, config.metadata))
    if config.niche != "none":
        _add_places(cells, config)
    return cells


def _column(cells: ad.AnnData, config: CellsOptions, key: str, option: str) -> pd.Series:
    """A column of obs of the cells that were read, None where missing."""
    source = open_studies(config)
    return pd.Series(source.read_column(key, option), index=source.obs_names).loc[cells.obs_names]


def _add_places(cells: ad.AnnData, config: CellsOptions) -> None:
    """Add obsm["spatial"] and, where asked for, obs["section"]."""
    if STUDY in cells.obs:
        raise InputError(f"--niche {config.niche}: expected one .h5ad, not several files")
    path = config.cells[0] if isinstance(config.cells, tuple) else config.cells
    cells.obsm[SPATIAL] = read_obsm(path, SPATIAL).loc[cells.obs_names].to_numpy()
    if config.section_key:
        sections = _column(cells, config, config.section_key, "--section-key")
        cells.obs[SECTION] = sections.fillna("").to_numpy(str)


def say_shortcuts(cells: ad.AnnData, metadata: tuple[str, ...]) -> pd.DataFrame:
    """What --metadata tells of label and group, as ``information`` has it; warns of shortcuts."""
    groups = cells.obs["group"].to_numpy(str) if "group" in cells.obs else None
    labels = cells.obs["cell_type"].to_numpy(str)
    table = information(clauses_of(cells.obs, metadata), labels, groups)
    for sentence in sentences_about(table):
        log.warning(sentence)
    return table


def with_niche(config, cells: ad.AnnData, parts: np.ndarray, seed: int):
    """The model's options, and the cells with their niches in obs where these are asked for.

    parts: part of each cell. "predicted": training cells are named by models that have not seen
    them, all others by one of all training cells.
    """
    options = options_of_model(config)
    if config.niche == "none":
        return options, cells
    types = cells.obs["cell_type"].to_numpy(str)
    if config.niche == "predicted":
        types = named_by_others(cells, np.asarray(parts) == "train", options, seed)
    else:
        log.warning(
            "--niche given: sentences hold the labels of neighbours, those of test cells, too; the "
            f"scores stand in the tables as {BY_LABELS}, and are no match for other methods'."
        )
    seen = cells.copy()
    seen.obs[NICHE] = niche_texts(tissue_of(cells, config.radius), types)
    return replace(options, metadata=(*options.metadata, NICHE)), seen


def tissue_of(cells: ad.AnnData, radius: float | None) -> list[np.ndarray]:
    """Neighbours of every cell, those of its own section, or of its group, where there are any."""
    key = SECTION if SECTION in cells.obs else "group"
    sections = cells.obs[key].to_numpy(str) if key in cells.obs else None
    return neighbours_in_tissue(cells.obsm[SPATIAL], sections, radius)


def table_of_niches(cells: ad.AnnData, radius: float | None) -> pd.DataFrame:
    """``niche_table`` by the cells' labels."""
    return niche_table(tissue_of(cells, radius), cells.obs["cell_type"].to_numpy(str))


def named_by_others(
    cells: ad.AnnData, is_train: np.ndarray, options: CellamaOptions, seed: int
) -> np.ndarray:
    """Types of all cells, (n_cells,) str, each by a model that has not learned from it."""
    labels = cells.obs["cell_type"].to_numpy(str)
    folds = np.full(len(labels), -1)
    train = np.flatnonzero(is_train)
    folds[np.random.default_rng(seed).permutation(train)] = np.arange(len(train)) % N_FOLDS
    named = labels.copy()
    for fold in range(-1, N_FOLDS):
        asked, known = folds == fold, is_train & (folds != fold)
        if asked.any():
            model = CellamaClassifier(options, seed).fit(cells[known].copy(), labels[known])
            named[asked] = model.predict(cells[asked].copy())
    return named
