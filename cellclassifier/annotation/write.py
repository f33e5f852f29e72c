"""Where annotations go, a chunk at a time; all files appear together, or none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cellclassifier.annotation.predict import Annotations
from cellclassifier.output.files import atomic_path
from cellclassifier.output.tables import append_csv, write_csv
from cellclassifier.plots.type_colors import colors_of_types

MAX_CELLS_SHOWN = 20_000  # in a UMAP: more of them take minutes and look the same
# What is kept of every cell, and what it is called in obs.
KEPT = {
    "predicted": "predicted_cell_type",
    "probability": "predicted_probability",
    "known": "predicted_known",
    "broad": "predicted_broad_type",
    "broad_probability": "predicted_broad_probability",
    "far": "predicted_far",
    "between": "predicted_between",
}
COLORS = f"{KEPT['predicted']}_colors"  # in uns, where scanpy looks for the colours of a column


class AnnotationFiles:
    """annotations.csv and probabilities.parquet of one file of cells, being written.

    Beside what is on the disk it keeps a few bytes per cell (``kept``), and the place among known
    types of at most ``MAX_CELLS_SHOWN`` cells, drawn with a seed (``space``).
    """

    def __init__(self, csv: Path, parquet: Path, types: np.ndarray, n_cells: int, seed: int):
        self._csv, self._types = csv, types
        columns = [("cell", pa.string()), *((name, pa.float32()) for name in types.tolist())]
        self._schema = pa.schema(columns)
        self._parquet = pq.ParquetWriter(parquet, self._schema)
        rng = np.random.default_rng(seed)
        self.shown = np.sort(rng.permutation(n_cells)[:MAX_CELLS_SHOWN])
        self._kept: list[pd.DataFrame] = []
        self._space: list[np.ndarray] = []
        self.n_written = 0

    def add(self, annotations: Annotations) -> None:
        """Write the next cells."""
        table, start = annotations.table, self.n_written
        append_csv(self._csv, table, header=start == 0)
        columns = [pa.array(table["cell"], pa.string())]
        columns += [pa.array(column) for column in annotations.probabilities.T.copy()]
        self._parquet.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        kept = table[list(KEPT)].astype({"predicted": pd.CategoricalDtype(self._types)})
        self._kept.append(kept)
        self.n_written += len(table)
        shown = self.shown[(self.shown >= start) & (self.shown < self.n_written)]
        self._space.append(annotations.space[shown - start])

    def close(self) -> None:
        """Finish the files."""
        self._parquet.close()

    @property
    def kept(self) -> pd.DataFrame:
        """The columns ``KEPT`` of every cell, (n_cells rows)."""
        kept = pd.concat(self._kept, ignore_index=True)
        return kept.astype({"broad": "category"})

    @property
    def space(self) -> np.ndarray:
        """Of the cells ``shown``, (n_shown, n_components)."""
        return np.concatenate(self._space)


def obs_columns(table: pd.DataFrame, cell_names: np.ndarray) -> pd.DataFrame:
    """What goes into ``obs``: the columns ``KEPT`` of a table of annotations, named by cell.

    predicted_cell_type, predicted_broad_type (categorical); predicted_probability,
    predicted_broad_probability (float32); predicted_known, predicted_far, predicted_between (bool).
    """
    return table[list(KEPT)].set_axis(cell_names).rename(columns=KEPT)


def colors_for_scanpy(types: np.ndarray) -> np.ndarray:
    """What belongs into uns as ``COLORS``: the types' colours in all figures, (n_types,)."""
    colors = colors_of_types(map(str, types))
    return np.array([colors[str(name)] for name in types], dtype=object)


def write_totals(path: Path, facts: dict) -> pd.DataFrame:
    """One row of what is known of a file as a whole; returns the table."""
    table = pd.DataFrame([facts])
    write_csv(path, table)
    return table


@contextmanager
def annotation_files(
    folder: Path, types: np.ndarray, n_cells: int, seed: int
) -> Iterator[AnnotationFiles]:
    """Files under temporary names, moved into ``folder`` if the block ends well."""
    with ExitStack() as stack:
        paths = [
            stack.enter_context(atomic_path(folder / name))
            for name in ("annotations.csv", "probabilities.parquet")
        ]
        files = AnnotationFiles(*paths, types, n_cells, seed)
        stack.callback(files.close)  # before the files are moved
        yield files
