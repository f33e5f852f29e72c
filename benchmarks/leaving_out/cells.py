"""Studies of blood, each to be named by models that were trained on other laboratories' cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.across import shared_genes
from benchmarks.common import shared_data
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells

SORTED, PBMC3K, IFNB = "cells.npy", "pbmc3k.h5ad", "ifnb_2800.h5ad"
VALIDATION_SHARE = 0.15
# "Mk" of ifnb are platelets, by PPBP and PF4. "T activated" are CD4 or CD8, which their label does
# not say, and of "Eryth" there are 8 cells in one study.
LABELS = Path(__file__).with_name("labels.csv")
LEFT_OUT_LABELS = ("T activated", "Eryth")


@dataclass(frozen=True)
class Study:
    """Cells that are left out, and the files of other laboratories that models learn from.

    file: None for the embedded sample; batch: which of the file's batches, all if None;
    training: never of the study's own laboratory: the batches of ifnb are left out together, and so
    are the sorted cells with the sample, which is of the same paper and named by their profiles.
    """

    name: str
    file: str | None
    training: tuple[str, ...]
    batch: str | None = None


STUDIES = (
    Study("FACS-sorted PBMC", SORTED, (PBMC3K, IFNB)),
    Study("pbmc3k", PBMC3K, (SORTED, IFNB)),
    Study("ifnb CTRL", IFNB, (SORTED, PBMC3K), "CTRL"),
    Study("ifnb STIM", IFNB, (SORTED, PBMC3K), "STIM"),
    Study("embedded sample", None, (PBMC3K, IFNB)),
)


def at_common_level(*paths: Path) -> ad.AnnData:
    """Cells of these files (the embedded sample without one) by the types they have in common.

    obs["study"]: the laboratory; obs["batch"]: which of its cells a file would hold.
    """
    is_there = any(path.name == IFNB for path in paths)
    options = {"level": "common", "cell_types": LABELS}
    options |= {"ignore_labels": LEFT_OUT_LABELS} if is_there else {}
    cells = read_cells(CellsOptions(paths or None, **options))
    if len(paths) < 2:
        cells.obs["study"] = Path(cells.uns["source"]["file"]).stem
    batch = cells.obs["study"].astype(str)
    for path in paths:
        if path.name == IFNB:
            batch[batch == path.stem] = _batches_of(path)
    cells.obs["batch"] = batch
    return cells


def _batches_of(ifnb: Path) -> np.ndarray:
    options = {"group_key": "batch", "ignore_labels": LEFT_OUT_LABELS}
    return read_cells(CellsOptions(ifnb, **options)).obs["group"].to_numpy(str)


def at_hand(*files: str | None) -> ad.AnnData | None:
    """Files beside the repository; None where one is not."""
    paths = [shared_data(name) for name in files if name]
    return None if None in paths else at_common_level(*paths)


def left_out(study: Study) -> ad.AnnData | None:
    """The cells of a study, with all genes of its file."""
    cells = at_hand(study.file)
    if cells is None or study.batch is None:
        return cells
    return cells[cells.obs["batch"].to_numpy() == study.batch].copy()


def training_cells(study: Study, cells: ad.AnnData) -> ad.AnnData | None:
    """Cells of other laboratories; where ``cells`` have few genes, with those genes only."""
    known = at_hand(*study.training)
    return known if known is None or study.file else shared_genes(known, cells.var)


def split(cells: ad.AnnData, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation cells, indices, within each type of each laboratory."""
    strata = cells.obs["cell_type"].astype(str) + " of " + cells.obs["study"].astype(str)
    everything = np.arange(cells.n_obs)
    parts = train_test_split(
        everything, test_size=VALIDATION_SHARE, stratify=strata, random_state=seed
    )
    return np.sort(parts[0]), np.sort(parts[1])
