"""The 28 places of the Human Protein Atlas, and the table that says which image shows which."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellclassifier.data.images import Images
from cellclassifier.data.label_table import read_label_table
from cellclassifier.data.texts import printable
from cellclassifier.errors import InputError

# In the order of their numbers, 0 to 27.
LOCATIONS = (
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Peroxisomes",
    "Endosomes",
    "Lysosomes",
    "Intermediate filaments",
    "Actin filaments",
    "Focal adhesion sites",
    "Microtubules",
    "Microtubule ends",
    "Cytokinetic bridge",
    "Mitotic spindle",
    "Microtubule organizing center",
    "Centrosome",
    "Lipid droplets",
    "Plasma membrane",
    "Cell junctions",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Cytoplasmic bodies",
    "Rods & rings",
)
TARGET = "Target"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocatedImages:
    """Images whose places are known.

    shown: (n_images, n_locations) bool; locations: (n_locations,) str, sorted; groups: (n_images,)
    str, the antibody or plate of each, None where it was not asked for.
    """

    images: Images
    shown: np.ndarray
    locations: np.ndarray
    groups: np.ndarray | None = None


def with_locations(images: Images, table: Path, group_key: str | None = None) -> LocatedImages:
    """The images that a table (Id, Target) names, Target being numbers separated by spaces.

    group_key: another column of the table. Images without a row, and rows without images, are left
    out, with a remark. Raises InputError where no image has one, and for a number that is none of
    the 28 locations'.
    """
    rows = read_label_table(table, "Id, Target", "image")
    for column in (TARGET, *([group_key] if group_key else [])):
        if column not in rows:
            known = ", ".join(map(printable, rows.columns))
            raise InputError(f"--labels {table} has no column {column!r}: it has {known}")
    named = np.flatnonzero(np.isin(images.ids, rows.index.to_numpy(str)))
    if not len(named):
        raise InputError(
            f"--labels {table} names none of the images: it has {printable(rows.index[0])}, ..., "
            f"the images are called {printable(images.ids[0])}, ..."
        )
    _say_what_is_left_out(len(images) - len(named), len(rows) - len(named))
    images = images.take(named)
    rows = rows.loc[images.ids]
    shown = np.array([_shown(id_, text, table) for id_, text in rows[TARGET].items()])
    order = np.argsort(LOCATIONS)
    groups = rows[group_key].to_numpy(str) if group_key else None
    return LocatedImages(images, shown[:, order], np.array(LOCATIONS)[order], groups)


def _say_what_is_left_out(images: int, rows: int) -> None:
    if images:
        log.info(f"{images:,} images have no row in the table of labels: left out.")
    if rows:
        log.info(f"{rows:,} rows of the table of labels have no image: left out.")


def _shown(id_: str, text: str, table: Path) -> np.ndarray:
    """(28,) bool, from "16 0"."""
    shown = np.zeros(len(LOCATIONS), dtype=bool)
    for number in text.split():
        is_known = number.isascii() and number.isdigit() and len(number) < 3
        if not is_known or int(number) >= len(LOCATIONS):
            raise InputError(
                f"--labels {table} gives {printable(id_)} the location {printable(number)!r}: "
                f"expected numbers from 0 to {len(LOCATIONS) - 1}, separated by spaces"
            )
        shown[int(number)] = True
    if not shown.any():
        raise InputError(
            f"--labels {table} gives {printable(id_)} no location: expected numbers from 0 to "
            f"{len(LOCATIONS) - 1}, separated by spaces; leave its row out where none is known"
        )
    return shown
