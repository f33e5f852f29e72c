"""Where in a file the raw counts are: in X, in a layer, in .raw, or behind a logarithm."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.invert_logs import Inverted, can_be_inverted, scale_of
from cellclassifier.data.matrix import Matrix
from cellclassifier.errors import InputError

# What people call raw counts, the best names first.
COUNT_NAMES = ("counts", "raw_counts", "counts_raw", "count", "umi", "umis", "umi_counts", "raw")
# Layers of RNA velocity, which hold a part of each cell's counts.
PARTIAL = ("spliced", "unspliced", "ambiguous", "spanning")

log = logging.getLogger(__name__)


def find_counts(source: CellSource, opened: Callable[[str], CellSource]) -> CellSource:
    """The same cells with the matrix that holds raw counts, having said which if it is not X.

    opened: gives the cells of one of the file's layers. Some rows decide; every chunk is
    checked later. First comes X, then layers that are called like counts, .raw, and any other
    layer; then the one of .raw, X and layers whose logarithms can be inverted exactly. Where none
    holds any, the cells come back as they are, with what was looked at.
    """
    if holds_counts(source.matrix):
        return source
    others = {name: found for name in source.layers if (found := _tried(opened, name))}
    for name in sorted(others, key=_rank):
        if name.lower() not in PARTIAL and holds_counts(others[name].matrix):
            log.info(
                f"{source.path.name}: X holds no raw counts; they are read from {_in_words(name)}."
            )
            return replace(others[name], counts_from=name)
    return _inverted(source, others)


def _inverted(source: CellSource, others: dict[str, CellSource]) -> CellSource:
    """The first of .raw, which has more genes than X, X and layers that can be inverted."""
    named = {"X": source} | {name: others[name] for name in sorted(others, key=_rank)}
    first = {"raw": others["raw"]} if "raw" in others else {}
    for name, found in (first | named).items():
        if can_be_inverted(found.matrix):
            scale = scale_of(found.matrix.some_rows())
            log.info(
                f"{source.path.name} holds no raw counts; they are computed back, exactly, from "
                f"{_in_words(name)} ({scale})."
            )
            inverted = Inverted(found.matrix, source.path)
            return replace(found, matrix=inverted, counts_from=f"{name}, log1p inverted")
    return replace(source, looked_at=("X", *others) if others else ())


def holds_counts(matrix: Matrix) -> bool:
    """Whether some values are non-negative whole numbers; integers are believed without a look."""
    if matrix.dtype.kind in "iub":
        return True
    values = matrix.some_values()
    return bool((np.isfinite(values) & (values >= 0) & (values == np.rint(values))).all())


def _tried(opened: Callable[[str], CellSource], name: str) -> CellSource | None:
    """The cells of a layer, None where that is damaged or no matrix: X is not worse for it."""
    try:
        return opened(name)
    except InputError:
        return None


def _rank(name: str) -> int:
    lower = name.lower()
    return COUNT_NAMES.index(lower) if lower in COUNT_NAMES else len(COUNT_NAMES)


def _in_words(name: str) -> str:
    return {"X": "X", "raw": ".raw"}.get(name, f"the layer {name!r}")
