"""Where annotations go, a chunk at a time; all files appear together, or none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cellclassifier.annotation.for_scanpy import KEPT, with_categories
from cellclassifier.annotation.predict import Annotations
from cellclassifier.output.files import atomic_path
from cellclassifier.output.tables import append_csv, without_apostrophes, write_csv

CHUNK_ROWS = 100_000
MAX_CELLS_SHOWN = 20_000  # in a UMAP: more of them take minutes and look the same


class AnnotationFiles:
    """annotations.csv and probabilities.parquet of one file of cells, being written.

    Beside what is on the disk it keeps a few bytes per cell (``kept``), and the place among known
    types of at most ``MAX_CELLS_SHOWN`` cells, drawn with a seed (``space``); of all cells, their
    probabilities, too, with ``whole``.
    """

    def __init__(
        self,
        csv: Path,
        parquet: Path,
        types: np.ndarray,
        n_cells: int,
        seed: int,
        whole: bool = False,
    ):
        self._csv, self._types, self._whole = csv, types, whole
        columns = [("cell", pa.string()), *((name, pa.float32()) for name in types.tolist())]
        self._schema = pa.schema(columns)
        self._parquet = pq.ParquetWriter(parquet, self._schema)
        rng = np.random.default_rng(seed)
        self.shown = np.sort(rng.permutation(n_cells)[:MAX_CELLS_SHOWN])
        self._kept: list[pd.DataFrame] = []
        self._space: list[np.ndarray] = []
        self._probabilities: list[np.ndarray] = []
        self._own_places: list[np.ndarray] = []
        self._votes: pd.DataFrame | None = None
        self.n_written = 0

    def add(self, annotations: Annotations) -> None:
        """Write the next cells."""
        table, start = annotations.table, self.n_written
        append_csv(self._csv, table, header=start == 0)
        columns = [pa.array(table["cell"], pa.string())]
        columns += [pa.array(column) for column in annotations.probabilities.T.copy()]
        self._parquet.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        kept = with_categories(table[list(KEPT)], self._types)
        self._kept.append(kept.astype({"broad": object}))  # each chunk has broad names of its own
        self.n_written += len(table)
        shown = self.shown[(self.shown >= start) & (self.shown < self.n_written)] - start
        space = annotations.space.astype(np.float32)
        self._space.append(space if self._whole else space[shown])
        if self._whole:
            self._probabilities.append(annotations.probabilities)
        if annotations.own_places is not None:
            self._own_places.append(annotations.own_places)

    def add_votes(self, votes: pd.DataFrame) -> None:
        """Add columns to the cells that were written, (n_cells rows), to annotations.csv, too."""
        self._votes, longer = votes, self._csv.with_name(f"{self._csv.name}.votes")
        look = {"dtype": str, "keep_default_na": False, "encoding": "utf-8"}
        longer.unlink(missing_ok=True)  # of a run that was killed
        texts = pd.read_csv(self._csv, chunksize=CHUNK_ROWS, **look)
        with texts:
            for rows in texts:
                rows = rows.apply(without_apostrophes)
                own = votes.iloc[rows.index].set_axis(rows.index)
                append_csv(longer, rows.join(own), header=rows.index[0] == 0)
        longer.replace(self._csv)

    def close(self) -> None:
        """Finish the files."""
        self._parquet.close()

    @property
    def kept(self) -> pd.DataFrame:
        """The columns ``KEPT`` of every cell, and their votes, if any, (n_cells rows)."""
        kept = pd.concat(self._kept, ignore_index=True)
        if self._votes is not None:
            kept = kept.join(self._votes)
        return with_categories(kept, self._types)

    @property
    def space(self) -> np.ndarray:
        """Of the cells ``shown``, (n_shown, n_components)."""
        space = np.concatenate(self._space)
        return space[self.shown] if self._whole else space

    @property
    def whole_space(self) -> np.ndarray:
        """Of all cells, (n_cells, n_components) float32, where the whole was to be kept."""
        return np.concatenate(self._space)

    @property
    def probabilities(self) -> np.ndarray:
        """Of all cells, (n_cells, n_types) float32, where the whole was to be kept."""
        return np.concatenate(self._probabilities)

    @property
    def own_places(self) -> np.ndarray | None:
        """Places of all cells in the file's own space, where they were asked for."""
        return np.concatenate(self._own_places) if self._own_places else None


def write_totals(path: Path, facts: dict) -> pd.DataFrame:
    """One row of what is known of a file as a whole; returns the table."""
    table = pd.DataFrame([facts])
    write_csv(path, table)
    return table


@contextmanager
def annotation_files(
    folder: Path, types: np.ndarray, n_cells: int, seed: int, whole: bool = False
) -> Iterator[AnnotationFiles]:
    """Files under temporary names, moved into ``folder`` if the block ends well."""
    with ExitStack() as stack:
        paths = [
            stack.enter_context(atomic_path(folder / name))
            for name in ("annotations.csv", "probabilities.parquet")
        ]
        files = AnnotationFiles(*paths, types, n_cells, seed, whole)
        stack.callback(files.close)  # before the files are moved
        yield files
