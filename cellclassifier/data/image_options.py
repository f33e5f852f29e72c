"""Which images a script reads: options, readable without numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NOT_IN_KEY = {"changes_results": False}  # what the images hold is in the key, not where they lie


@dataclass(frozen=True)
class ImageOptions:
    """Which images, and what is known of them."""

    images: Path | None = field(default=None, metadata=NOT_IN_KEY)
    """folder of <Id>_<channel>.png; without it images are simulated"""

    labels: Path | None = field(default=None, metadata=NOT_IN_KEY)
    """CSV of Id and Target, numbers from 0 to 27 separated by spaces"""

    group_key: str | None = field(default=None, metadata=NOT_IN_KEY)
    """column of --labels (antibody, plate) of which no group is in two folds"""

    n_simulated: int = field(default=320, metadata=NOT_IN_KEY)
    """how many images to simulate"""

    image_size: int = field(default=256, metadata=NOT_IN_KEY)
    """pixels along an edge of a simulated image"""
