"""What people are shown: the mean picture of every type, and one cell, whole and not."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.spoticell.classifier import SpoticellClassifier

TAKEN = 0.5  # share of the genes that the cell is shown without
MARKERS = 2  # named per type
MOST_CELLS = 5000


def picture_table(model: SpoticellClassifier, cells: ad.AnnData) -> pd.DataFrame:
    """A row per pixel: picture, kind, gene_symbol, row, column, value, marker, seen.

    cells: with obs["cell_type"]; of the type that most have, one cell is shown, too, which the
    model names rightly: the one of the most counts. ``marker``: whether the gene is one of the
    ``MARKERS`` that are highest in a type compared with any other.
    """
    known = GeneCounts.of(cells[:: -(-cells.n_obs // MOST_CELLS)], model.genes_)
    labels = cells.obs["cell_type"].to_numpy().astype(str)[:: -(-cells.n_obs // MOST_CELLS)]
    values = model.values_.inputs(known, known.present)["values"].numpy()
    types = np.unique(labels)
    means = np.array([values[labels == name].mean(axis=0) for name in types])
    markers = markers_of(means)
    seen = np.ones(len(model.genes_), dtype=bool)
    tables = [
        _pixels(model, name, "type", mean, found, seen)
        for name, mean, found in zip(types, means, markers, strict=True)
    ]
    shown = _shown_cell(model, known, labels)
    found = markers[np.searchsorted(types, labels[shown])]
    tables.append(_pixels(model, labels[shown], "cell", values[shown], found, seen))
    some = np.random.default_rng(model.seed).random(len(seen)) >= TAKEN
    left = model.values_.inputs(known[[shown]], some)["values"].numpy()[0]
    tables.append(_pixels(model, labels[shown], "incomplete cell", left, found, some))
    return pd.concat(tables, ignore_index=True)


def markers_of(means: np.ndarray) -> np.ndarray:
    """The genes that are highest in each type compared with any other, (n_types, n_genes) bool."""
    found = np.zeros(means.shape, dtype=bool)
    for code, mean in enumerate(means):
        others = np.delete(means, code, axis=0)
        ahead = mean - (others.max(axis=0) if len(others) else 0)
        found[code, np.argsort(-ahead, kind="stable")[:MARKERS]] = True
    return found


def _shown_cell(model: SpoticellClassifier, cells: GeneCounts, labels: np.ndarray) -> int:
    names, counts = np.unique(labels, return_counts=True)
    are = np.flatnonzero(labels == names[counts.argmax()])
    right = are[model.predict(cells[are]) == labels[are]]
    candidates = right if len(right) else are
    return int(candidates[cells.totals[candidates].argmax()])


def _pixels(model, name: str, kind: str, values, marker, seen) -> pd.DataFrame:
    layout = model.layout()
    order = pd.Index(model.genes_).get_indexer(layout["gene_id"])
    table = layout.drop(columns="gene_id").assign(value=values[order], marker=marker[order])
    return table.assign(seen=seen[order], picture=name, kind=kind)
