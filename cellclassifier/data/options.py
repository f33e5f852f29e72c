"""Which cells to read: options, readable without pandas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class CellsOptions:
    """Which cells to read, and how: shared by every script."""

    cells: Path | tuple[Path, ...] | None = None
    """raw counts: .npy, .h5ad, .zarr, .loom, .csv, .tsv, 10x .h5 or matrix folder, or a folder of
    samples; several are joined by their common genes; default: ./cells.npy or data/cells.npy, else
    the embedded 700-cell sample"""

    genes_of: Path | None = None
    """use only genes that this file has, too, for instance the cells to be annotated"""

    level: Literal["fine", "common"] = "fine"
    """common: labels of different studies as the types that they have in common ("CD14 Mono" and
    "CD14+ Monocyte" as monocyte), by the Cell Ontology; fine: labels as they are"""

    cell_types: Path | None = None
    """CSV of labels and their Cell Ontology terms (label, term), beside the known ones"""

    label_key: str = "cell_type"
    """column of obs, or of --labels, that holds the labels"""

    labels: Path | None = None
    """table (.csv, .tsv) of the cells' labels, for files that hold none: its first column names
    the cells; cells that it does not name are left out"""

    keep_labels: tuple[str, ...] = ()
    """labels that are types although they read like none ("unknown", "doublet")"""

    ignore_labels: tuple[str, ...] = ()
    """further labels whose cells are left out"""

    layer: str | None = None
    """layer that holds the raw counts; default: X, or where counts are found; "raw" for .raw"""

    group_key: str | None = None
    """column of obs, or of --labels, whose groups (donors, batches; "study" of several
    files, "sample" in a folder of samples) are kept in one part each"""

    ask_mygene: bool = False
    """look up symbols that the table lacks at mygene.info (one request, with a time limit)"""

    drop_unmapped_genes: bool = False
    """leave out genes without a symbol"""

    drop_empty_cells: bool = False
    """leave out cells without any count instead of stopping"""


@dataclass(frozen=True)
class BatchOptions(CellsOptions):
    """Which cells to read, with their batches: for what learns from batches or shows them."""

    batch_key: str | None = None
    """column of obs, or of --labels, that holds the batches; of several files, default: the file"""
