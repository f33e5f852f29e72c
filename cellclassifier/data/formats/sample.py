"""The embedded sample: 700 cells that scanpy ships, whose counts are computed back."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace
from pathlib import Path

from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.formats.h5ad import open_h5ad
from cellclassifier.data.invert_logs import counts_of_logged
from cellclassifier.data.matrix import InMemory
from cellclassifier.errors import InputError

NAME = "embedded sample (scanpy pbmc68k_reduced)"
PRECISION = 2e-3  # its values are rounded

log = logging.getLogger(__name__)


def open_sample(layer: str | None = None) -> CellSource:
    """Raw counts of ``scanpy.datasets.pbmc68k_reduced``, having said that it is they that are read.

    Raises InputError where a layer is asked for: the sample has one matrix of counts.
    """
    if layer is not None:
        raise InputError(f"--layer {layer}: the {NAME} has no layers; leave it out or pass --cells")
    log.info(
        f"No cells.npy found: using the {NAME}, 700 cells. "
        "For real data put cells.npy here or pass --cells FILE (--help lists the formats)."
    )
    logged = open_h5ad(sample_path(), "raw")
    counts = InMemory(counts_of_logged(logged.whole(), PRECISION))
    return replace(logged, matrix=counts, label_column="bulk_labels")


def sample_path() -> Path:
    """Where scanpy keeps the sample; without the seconds that importing scanpy takes."""
    folder = Path(importlib.util.find_spec("scanpy").origin).parent
    return folder / "datasets" / "10x_pbmc68k_reduced.h5ad"
