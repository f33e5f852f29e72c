"""Which cells to read: options, readable without pandas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CellsOptions:
    """Which cells to read, and how: shared by every script."""

    cells: Path | None = None
    """cells.npy or .h5ad with raw counts; default: ./cells.npy or data/cells.npy, else the
    embedded 700-cell sample"""

    label_key: str = "cell_type"
    """column of obs that holds the labels (.h5ad)"""

    keep_labels: tuple[str, ...] = ()
    """labels that are types although they read like none ("unknown", "doublet")"""

    ignore_labels: tuple[str, ...] = ()
    """further labels whose cells are left out"""

    layer: str | None = None
    """layer that holds the raw counts (.h5ad); default: X; "raw" for the .raw matrix"""

    group_key: str | None = None
    """column of obs whose groups (donors, batches) are kept in one part each (.h5ad)"""

    ask_mygene: bool = False
    """look up symbols that the table lacks at mygene.info (one request, with a time limit)"""

    drop_unmapped_genes: bool = False
    """leave out genes without a symbol"""

    drop_empty_cells: bool = False
    """leave out cells without any count instead of stopping"""
