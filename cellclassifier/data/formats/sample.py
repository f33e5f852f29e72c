"""The embedded sample: 700 cells that scanpy ships, whose counts are computed back."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.cell_source import CellSource, InMemory
from cellclassifier.data.formats.h5ad import open_h5ad
from cellclassifier.errors import InputError

NAME = "embedded sample (scanpy pbmc68k_reduced)"

log = logging.getLogger(__name__)


def open_sample(layer: str | None = None) -> CellSource:
    """Raw counts of ``scanpy.datasets.pbmc68k_reduced``, having said that it is they that are read.

    Raises InputError where a layer is asked for: the sample has one matrix of counts.
    """
    if layer is not None:
        raise InputError(f"--layer {layer}: the {NAME} has no layers; leave it out or pass --cells")
    log.info(
        f"No cells.npy found: using the {NAME}, 700 cells. "
        "For real data put cells.npy here or pass --cells FILE (.npy or .h5ad)."
    )
    logged = open_h5ad(sample_path(), "raw")
    counts = InMemory(counts_of_logged(logged.whole()))
    return replace(logged, matrix=counts, label_column="bulk_labels")


def sample_path() -> Path:
    """Where scanpy keeps the sample; without the seconds that importing scanpy takes."""
    folder = Path(importlib.util.find_spec("scanpy").origin).parent
    return folder / "datasets" / "10x_pbmc68k_reduced.h5ad"


def counts_of_logged(logged: sp.csr_matrix) -> sp.csr_matrix:
    """Counts of cells of which only log-normalised values are kept, (n_cells, n_genes) float64.

    expm1 of a cell's values is counts times a factor of the cell; the smallest value stands for
    one count, as every cell has a gene that was counted once.
    """
    values = logged.astype(np.float64)
    np.expm1(values.data, out=values.data)
    one_count = np.minimum.reduceat(values.data, values.indptr[:-1])
    values.data = np.rint(values.data / np.repeat(one_count, np.diff(values.indptr)))
    return values
