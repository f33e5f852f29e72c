"""cells.npy: ``numpy.save`` of a dict with UMI, classes and gene_ids, read as data, never code."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cellclassifier.data.cell_source import CellSource, without_layers
from cellclassifier.data.matrix import InMemory
from cellclassifier.data.safe_pickle.load import load_npy
from cellclassifier.data.texts import as_texts
from cellclassifier.errors import InputError

COUNTS, LABELS, GENES = "UMI", "classes", "gene_ids"


def open_npy(path: Path, layer: str | None = None) -> CellSource:
    """Read a cells.npy, which can be read whole only; cells without names are cell_0, cell_1, ...

    Raises InputError for a damaged file, for one that asks for code, and where a part is missing.
    """
    without_layers(path, layer)
    content = load_npy(path)
    _require(path, content, (COUNTS, GENES))
    matrix = InMemory(content[COUNTS])
    names = content.get("cell_names", content.get("barcodes"))
    if names is None:
        names = [f"cell_{i}" for i in range(matrix.shape[0] if matrix.shape else 0)]
    return CellSource(
        path,
        pd.Index(as_texts(names, f"{path}: 'cell_names'"), dtype=object),
        pd.DataFrame(index=pd.Index(as_texts(content[GENES], f"{path}: {GENES!r}"), dtype=object)),
        matrix,
        partial(_labels, path, content),
        label_column=LABELS,
    )


def _require(path: Path, content, keys: tuple[str, ...]) -> None:
    """InputError unless the content is a dict that has all the keys."""
    if isinstance(content, dict) and all(key in content for key in keys):
        return
    is_dict = isinstance(content, dict)
    found = ", ".join(map(str, content)) if is_dict else type(content).__name__
    raise InputError(
        f"{path} is not a cells file: expected a dict with UMI, classes and gene_ids (to annotate, "
        f"classes are not needed), found {found or 'an empty dict'}"
    )


def _labels(path: Path, content: dict, key: str, option: str) -> np.ndarray:
    if key != LABELS:
        raise InputError(f"{option} {key}: {path} has no obs columns; use .h5ad")
    _require(path, content, (COUNTS, LABELS, GENES))
    return as_texts(content[LABELS], f"{path}: {LABELS!r}")
