"""New cells in the space of a trained model: where each lies, in files and on a map."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.annotation.model import find_genes, load_annotator
from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.open import write_annotated
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier
from cellclassifier.output.files import atomic_path
from cellclassifier.output.progress import Progress
from cellclassifier.plots.annotated_map import FEWEST_CELLS, umap_of
from cellclassifier.plots.embedded_cells import embedded_cells
from cellclassifier.protocol.neighbours import neighbour_agreement

KEY = "X_cellular"  # in obsm
CHUNK_CELLS = 10_000
MAX_SHOWN = 20_000  # on a map: more of them take minutes and look the same
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedCells:
    """embedding: (n_cells, n_dimensions) float32; predicted: (n_cells,) the model's types."""

    embedding: np.ndarray
    predicted: np.ndarray


def load_embedder(folder: Path) -> GeneClassifier:
    """A saved model that has an ``embedding``; InputError for any other."""
    model = load_annotator(folder)
    if not hasattr(model, "embedding"):
        raise InputError(f"{folder} is a {model.method}, which has no embedding: expected cellular")
    return model


def embed(model: GeneClassifier, source: CellSource, min_genes_found: float) -> EmbeddedCells:
    """Every cell of a file, a chunk at a time; InputError where too few genes are found."""
    match, _ = find_genes(model, source.var, min_genes_found)
    parts, predicted = [], []
    with Progress(source.n_cells, "cell", name=source.path.name) as progress:
        for counts in source.chunks(CHUNK_CELLS):
            cells = match.align(counts)
            parts.append(model.embedding(cells))
            predicted.append(model.predict(cells))
            progress.add(len(cells))
    return EmbeddedCells(np.concatenate(parts), np.concatenate(predicted))


def write_embedded(source: CellSource, cells: EmbeddedCells, path: Path) -> None:
    """A copy of an .h5ad with obsm["X_cellular"]; of another format the names and that alone."""
    columns = pd.DataFrame(
        {"predicted_cell_type": pd.Categorical(cells.predicted)}, index=source.cell_names
    )
    obsm = {KEY: cells.embedding}
    with atomic_path(path) as temporary:
        if source.path.suffix == ".h5ad":
            write_annotated(source, columns, temporary, obsm=obsm)
        else:
            ad.AnnData(obs=columns, obsm=obsm).write_h5ad(temporary)


def map_of(
    cells: EmbeddedCells, types: pd.Series | None, batches: pd.Series | None, seed: int
) -> Figure:
    """UMAP by type and, where there are any, by batch.

    types: of the cells, (n_cells,), their own; None for those predicted. Raises InputError for too
    few cells.
    """
    if len(cells.embedding) < FEWEST_CELLS:
        raise InputError(f"a UMAP needs at least {FEWEST_CELLS} cells: leave out --umap")
    rng = np.random.default_rng(seed)
    shown = np.sort(rng.permutation(len(cells.embedding))[:MAX_SHOWN])
    space = cells.embedding[shown]
    labels = cells.predicted[shown] if types is None else types.to_numpy(str)[shown]
    groups = None if batches is None else batches.iloc[shown].astype(str)
    log.info("UMAP of %s cells (a minute or more) ...", f"{len(shown):,}")
    what = "predicted type" if types is None else "type"
    return embedded_cells(
        umap_of(space, seed), labels, what, groups, _agreements(space, labels, groups, seed)
    )


def _agreements(
    space: np.ndarray, labels: np.ndarray, groups: pd.Series | None, seed: int
) -> Mapping[str, float]:
    """Of types and batches: share of a cell's neighbours that have its own."""
    found = {"type": neighbour_agreement(space, labels, seed)}
    if groups is not None:
        found["batch"] = neighbour_agreement(space, groups.to_numpy(str), seed)
    return found
