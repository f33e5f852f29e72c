"""A folder of samples: each a file or folder of any other format; its name becomes a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.matrix import Matrix
from cellclassifier.errors import InputError

SAMPLE = "sample"


def join_samples(path: Path, sources: dict[str, CellSource]) -> CellSource:
    """The cells of all samples, one below the other, with the genes that all of them have.

    sources: by the name of the sample, which is added to the names of its cells, as anndata's
    ``concat(index_unique="-")`` does it, and is the column "sample" of obs.
    Columns of one gene are summed, as everywhere.
    Raises InputError where the samples have no gene in common.
    """
    parts = list(sources.values())
    genes = parts[0].var.index.unique().dropna()
    for part in parts[1:]:
        genes = genes[genes.isin(part.var.index)]
    if not len(genes):
        raise InputError(f"{path}: its samples ({', '.join(sources)}) have no gene in common")
    first = parts[0].var
    places = [genes.get_indexer(part.var.index) for part in parts]
    var = first[~first.index.duplicated()].loc[genes]
    return one_below_the_other(path, sources, var, places, SAMPLE)


def one_below_the_other(
    path: Path,
    sources: dict[str, CellSource],
    var: pd.DataFrame,
    places: list[np.ndarray],
    key: str,
) -> CellSource:
    """Cells of all sources, with the genes of ``var``.

    places: of every source, which of these genes each of its columns is, (n_columns,), negative for
    none; key: the column of obs that holds the names of the sources.
    """
    parts = list(sources.values())
    names = [f"{cell}-{name}" for name, part in sources.items() for cell in part.obs_names]
    picks = tuple(pick(each, len(var)) for each in places)
    return CellSource(
        path,
        pd.Index(names, dtype=object),
        var,
        JoinedMatrix(tuple(part.matrix for part in parts), picks),
        _reader(sources, key),
        files=tuple(file for part in parts for file in part.files or (part.path,)),
    )


def pick(places: np.ndarray, n_genes: int) -> sp.csr_matrix:
    """What a part's counts are multiplied with to become those of the genes, (columns, genes)."""
    columns = np.flatnonzero(places >= 0)
    ones = np.ones(len(columns), dtype=np.int8)
    return sp.csr_matrix((ones, (columns, places[columns])), shape=(len(places), n_genes))


def _reader(sources: dict[str, CellSource], names: str) -> Callable[[str, str], np.ndarray]:
    def column(key: str, option: str) -> np.ndarray:
        if key == names:
            return np.repeat(np.array(list(sources), object), [s.n_cells for s in sources.values()])
        return np.concatenate([_labels(source, key, option) for source in sources.values()])

    return column


def _labels(source: CellSource, key: str, option: str) -> np.ndarray:
    place = source.label_column if source.label_column and option == "--label-key" else key
    return source.read_column(place, option)


@dataclass(frozen=True)
class JoinedMatrix(Matrix):
    """Matrices one below the other, each multiplied with what picks its columns."""

    parts: tuple[Matrix, ...]
    picks: tuple[sp.csr_matrix, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Cells, genes."""
        return sum(part.shape[0] for part in self.parts), self.picks[0].shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Of the values of all of them together."""
        return np.result_type(*(part.dtype for part in self.parts))

    @contextmanager
    def rows(self) -> Iterator[Callable[[int, int], sp.csr_matrix]]:
        """Cells of whichever samples they are in."""
        bounds = np.cumsum([0, *(part.shape[0] for part in self.parts)])
        with ExitStack() as stack:
            readers = [stack.enter_context(part.rows()) for part in self.parts]

            def rows(start: int, stop: int) -> sp.csr_matrix:
                pieces = [
                    sp.csr_matrix(read(max(start, low) - low, min(stop, high) - low)) @ pick
                    for read, pick, low, high in zip(
                        readers, self.picks, bounds[:-1], bounds[1:], strict=True
                    )
                    if low < stop and high > start
                ]
                return sp.vstack(pieces, format="csr")

            yield rows
