"""Train the package's ready model of blood, which annotates where no other model is given.

    python -m bundled.ready_model --cells cells.npy pbmc3k.h5ad ifnb_2800.h5ad
    make ready-model CELLS="cells.npy pbmc3k.h5ad ifnb_2800.h5ad"
    python -m bundled.ready_model                # the card alone, after studies were measured anew

Writes cellclassifier/annotation/ready_model/, whose card says what it knows, how it was measured
(docs/records/studies.json) and where the cells are to be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import tyro

from benchmarks.leaving_out.cells import at_common_level, split
from benchmarks.leaving_out.figure import MEAN
from benchmarks.records import FOLDER as RECORDS
from benchmarks.records import read_record
from bundled.ready_card import card
from cellclassifier import model_folder
from cellclassifier.annotation.ready import FOLDER
from cellclassifier.data.cell_types import known_cell_types
from cellclassifier.models.methods import make_method
from cellclassifier.models.missing_genes import ExpectedValues
from cellclassifier.output.files import write_text

METHOD = "marker_network"
LARGEST = 2_000_000  # bytes


@dataclass(frozen=True)
class Config:
    """Options of the training."""

    cells: tuple[Path, ...] = ()
    """the studies, whose labels are joined at the common level of the Cell Ontology; none: write
    limits and card again"""

    method: str = METHOD
    """the method that names cells of other laboratories best (docs/studies.md)"""

    n_genes: int = 1800
    """genes to select: all that have room in 2 MB"""

    seed: int = 42
    """of the training and validation cells, and of the fit"""

    output: Path = FOLDER
    """the model's folder"""


def main(config: Config) -> None:
    """Train, save, and write the card."""
    if config.cells:
        _train(config)
    description = model_folder.read_description(config.output)
    description["limits"] = limits(description)
    model_folder.seal(config.output, description)
    write_text(config.output / model_folder.CARD, card(description, studies()))
    size = sum(path.stat().st_size for path in config.output.iterdir())
    print(f"{config.output}: {size:,} bytes")
    if size > LARGEST:
        raise SystemExit(f"more than {LARGEST:,} bytes: fewer genes or networks")


def _train(config: Config) -> None:
    cells = at_common_level(*config.cells)
    train, val = (cells[rows].copy() for rows in split(cells, config.seed))
    model = make_method(config.method, seed=config.seed, n_genes=config.n_genes)
    model.fit(train, _labels(train), (val, _labels(val)))
    # Where a file lacks genes, features hold their means: factors take the room of 250 genes.
    model.expected_ = ExpectedValues.of_means(model.expected_.mean)
    known = known_cell_types()
    model.save(
        config.output,
        data=cells.uns["source"],
        split=config.seed,
        n_cells={"train": _sizes(train), "val": _sizes(val)},
        terms={name: known.term_of(name) for name in model.classes_.tolist()},
    )


def limits(description: dict) -> list[str]:
    """What is said whenever the model is used; description: the content of model.json."""
    n_cells = sum(sum(cells.values()) for cells in description["n_cells"].values())
    types, n_studies = description["types"], len(description["data"]["studies"])
    return [
        f"This is the ready model of blood: it names {len(types)} types of human blood cells "
        f"({', '.join(types)}), and learned from {n_cells:,} cells of {n_studies} studies.",
        *_measured(),
        "It knows no other tissue, species or finer type (memory, regulatory, plasma cells, ...). "
        "What is far from all it knows is marked: look at that first. Cells like yours make a "
        "better model.",
    ]


def _measured() -> list[str]:
    shares = [row["averaged_accuracy"] for row in studies()]
    if not shares:
        return []
    return [
        f"Where whole studies were left out of training, it named {min(shares):.0%} to "
        f"{max(shares):.0%} of their cells as their authors did; most others are CD4 and CD8 T "
        "cells, or dendritic cells and monocytes, taken for each other."
    ]


def studies() -> list[dict]:
    """Rows of the record of leaving studies out, of the model's method, mean not among them.

    None before ``python -m benchmarks.studies --record`` was run.
    """
    if not (RECORDS / "studies.json").exists():
        return []
    rows = read_record("studies")["rows"]
    return [row for row in rows if row["method"] == METHOD and row["study"] != MEAN]


def _labels(cells: ad.AnnData):
    return cells.obs["cell_type"].to_numpy(str)


def _sizes(cells: ad.AnnData) -> dict[str, int]:
    return cells.obs["cell_type"].astype(str).value_counts().sort_index().to_dict()


if __name__ == "__main__":
    main(tyro.cli(Config))
