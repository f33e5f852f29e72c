"""The types of a cell's neighbours in the tissue, as a clause of its sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from cellclassifier.errors import InputError
from cellclassifier.models.cellama.sentences import SEPARATOR

NICHE = "nearest_cells"  # the column of obs, as published
N_NEAREST = 5
MOST_NICHES = 20  # in a table


def neighbours_in_tissue(
    places: np.ndarray, sections: np.ndarray | None = None, radius: float | None = None
) -> list[np.ndarray]:
    """Of every cell the 5 nearest others, or all within a radius, nearest first, as index arrays.

    places: (n_cells, n_dimensions); sections: (n_cells,), cells of different ones are no
    neighbours; radius: in the units of the places. Raises InputError for one that is not above 0.
    """
    if radius is not None and not radius > 0:
        raise InputError(f"--radius {radius}: expected more than 0")
    sections = np.zeros(len(places), int) if sections is None else np.asarray(sections)
    found: list[np.ndarray] = [np.empty(0, int)] * len(places)
    for section in np.unique(sections):
        rows = np.flatnonzero(sections == section)
        for row, near in zip(rows, _near(places[rows], radius), strict=True):
            found[row] = rows[near]
    return found


def _near(places: np.ndarray, radius: float | None) -> list[np.ndarray]:
    index = NearestNeighbors().fit(places)  # without itself, where no places are asked about
    if radius is not None:
        return list(index.radius_neighbors(radius=radius, sort_results=True)[1])
    k = min(N_NEAREST, len(places) - 1)
    return list(index.kneighbors(n_neighbors=k, return_distance=False)) if k else [np.empty(0, int)]


def niche_texts(neighbours: list[np.ndarray], types: np.ndarray) -> np.ndarray:
    """The types of every cell's neighbours, nearest first, (n_cells,): "L4, L4, Astro, SST, L4"."""
    types = np.asarray(types, dtype=object)
    return np.array([SEPARATOR.join(types[near]) for near in neighbours], dtype=object)


def niche_table(neighbours: list[np.ndarray], types: np.ndarray) -> pd.DataFrame:
    """Of the neighbours of each type (rows), the share of each type (columns); rows add up to 1."""
    owner = np.repeat(np.arange(len(neighbours)), [len(near) for near in neighbours])
    near = np.concatenate(neighbours).astype(int)
    types = np.asarray(types, dtype=str)
    counts = pd.crosstab(types[owner], types[near], rownames=["cell_type"], colnames=["neighbour"])
    return counts.div(counts.sum(axis=1), axis=0)


def niches_by_type(texts: np.ndarray, types: np.ndarray) -> pd.DataFrame:
    """Cells of each type (columns) in each of the most frequent niches (rows), as published.

    A niche is here the set of neighbours whatever their order.
    """
    sets = [SEPARATOR.join(sorted(text.split(SEPARATOR))) for text in texts]
    counts = pd.crosstab(
        pd.Series(sets, name="niche"), pd.Series(np.asarray(types, str), name="cell_type")
    )
    largest = counts.sum(axis=1).sort_values(ascending=False, kind="stable").index[:MOST_NICHES]
    return counts.loc[largest]


def blocks_of(places: np.ndarray, n_blocks: int, sections: np.ndarray | None = None) -> np.ndarray:
    """Spatial blocks of about as many cells, (n_cells,): stripes along the longest side.

    Neighbouring cells are alike, so that cells at random would be tested beside their own
    neighbours. sections: each is cut for itself, into blocks of the same numbers.
    """
    sections = np.zeros(len(places), int) if sections is None else np.asarray(sections)
    blocks = np.empty(len(places), int)
    for section in np.unique(sections):
        rows = np.flatnonzero(sections == section)
        longest = np.ptp(places[rows], axis=0).argmax()
        order = np.argsort(places[rows, longest], kind="stable")
        blocks[rows[order]] = np.arange(len(rows)) * n_blocks // len(rows)
    return blocks
