"""One vector for every type, from the embeddings of its cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

CHUNK_CELLS = 1024  # whose distances to all others of their type are in memory at a time


def represent(
    embedding: np.ndarray, labels: np.ndarray, names: np.ndarray
) -> dict[str, pd.DataFrame]:
    """The "centroids", "medians" and "medoids" of the types, a row each.

    embedding: (n_cells, n_dimensions); labels, names: (n_cells,) of the cells. Columns: cell_type,
    n_cells, dim_1 ...; of medoids the cell's name, too: the cell whose summed distance to the
    others of its type is smallest (of equals, the first).
    """
    rows = {"centroids": [], "medians": [], "medoids": []}
    for name in np.unique(labels):
        own = np.flatnonzero(labels == name)
        of_type = embedding[own].astype(np.float64)
        known = {"cell_type": name, "n_cells": len(own)}
        best = medoid(of_type)
        rows["centroids"].append(known | _dimensions(of_type.mean(axis=0)))
        rows["medians"].append(known | _dimensions(np.median(of_type, axis=0)))
        best_known = {"cell_type": name, "cell": names[own[best]], "n_cells": len(own)}
        rows["medoids"].append(best_known | _dimensions(of_type[best]))
    return {kind: pd.DataFrame(table) for kind, table in rows.items()}


def medoid(values: np.ndarray) -> int:
    """The row whose summed Euclidean distance to all rows is smallest; values: (n, n_columns)."""
    squares = (values**2).sum(axis=1)
    sums = np.empty(len(values))
    for start in range(0, len(values), CHUNK_CELLS):
        some = slice(start, start + CHUNK_CELLS)
        squared = squares[some, None] + squares - 2 * values[some] @ values.T
        sums[some] = np.sqrt(np.maximum(squared, 0)).sum(axis=1)
    # Two rows of two have equal sums, but for what rounding makes of them.
    return int(np.flatnonzero(sums <= sums.min() + 1e-6 * max(1.0, sums.min()))[0])


def _dimensions(vector: np.ndarray) -> dict[str, float]:
    return {f"dim_{i}": value for i, value in enumerate(vector.tolist(), 1)}
