"""The images and places that a script's options ask for."""

from __future__ import annotations

import logging

from cellclassifier.data.image_options import ImageOptions
from cellclassifier.data.images import CHANNELS, ImageFolder
from cellclassifier.data.locations import LocatedImages, with_locations
from cellclassifier.data.simulated_images import simulated
from cellclassifier.errors import InputError

SMALLEST, LARGEST = 32, 4096  # pixels along an edge of a simulated image

log = logging.getLogger(__name__)


def read_images(options: ImageOptions, seed: int, green_only: bool = False) -> LocatedImages:
    """Images of a folder and the places that a table names; simulated ones without a folder.

    Raises InputError as ``ImageFolder.find`` and ``with_locations`` do, and for a folder without a
    table, or the reverse.
    """
    if options.images is None:
        if options.labels or options.group_key:
            raise InputError("--labels and --group-key are of images: give --images FOLDER, too")
        if not SMALLEST <= options.image_size <= LARGEST:
            raise InputError(
                f"--image-size {options.image_size}: expected {SMALLEST} to {LARGEST} pixels"
            )
        log.warning(
            "SIMULATED IMAGES (no --images were given): these scores are of drawings, for "
            "demonstration and speed, and say nothing of real cells."
        )
        return simulated(options.n_simulated, options.image_size, seed)
    if options.labels is None:
        raise InputError("--images needs --labels FILE.csv: Id and Target of every image")
    images = ImageFolder.find(options.images, channels_needed(green_only))
    return with_locations(images, options.labels, options.group_key)


def channels_needed(green_only: bool) -> tuple[str, ...]:
    """The channels that features are made of."""
    return ("green",) if green_only else CHANNELS
