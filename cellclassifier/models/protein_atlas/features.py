"""Classical features of a stack: where its green light is, what it goes with, how it is textured.

All are of pictures whose longest edge is at most ``LONGEST_EDGE`` pixels (larger ones are averaged
over blocks), so that pixels of one data set mean one thing and a picture's cost has a bound.
"""

from __future__ import annotations

import numpy as np

from cellclassifier.models.protein_atlas import light, texture
from cellclassifier.models.protein_atlas.masks import compartments

VERSION = 1  # raised when features change: those that are kept depend on it
LONGEST_EDGE = 512
SMALLEST_EDGE = 16  # pixels, below which neither cells nor textures can be seen
Features = dict[str, float]


def classical_features(stack: np.ndarray, green_only: bool = False) -> Features:
    """Name -> number of one stack, (4, height, width) red, green, blue, yellow, 0 to 1.

    green_only: as if nothing but the green channel was known, without masks; the stack may then be
    (1, height, width). Every number is finite, whatever the picture.
    """
    stack = smaller(stack.astype(np.float32))
    if green_only:
        green = stack[1] if len(stack) > 1 else stack[0]
        return _finite(light.of_whole(green) | texture.of_picture(green, _everywhere(green)))
    red, green, blue, yellow = stack
    parts = compartments(red, blue, yellow)
    masks = parts.masks()
    both = {name: masks[name] for name in ("nucleus", "cytoplasm")}
    return _finite(
        light.of_whole(green)
        | light.of_compartments(green, masks)
        | light.along_distances(green, parts)
        | light.with_markers(green, {"red": red, "blue": blue, "yellow": yellow}, both)
        | light.of_cells(green, parts)
        | texture.of_picture(green, both)
        | texture.of_spots(green, red, parts)
    )


def smaller(stack: np.ndarray) -> np.ndarray:
    """The stack, averaged over square blocks until no edge is longer than ``LONGEST_EDGE``."""
    channels, height, width = stack.shape
    block = -(-max(height, width) // LONGEST_EDGE)
    rows, columns = height // block, width // block
    if block > 1 and min(rows, columns) > 0:
        cut = stack[:, : rows * block, : columns * block]
        stack = cut.reshape(channels, rows, block, columns, block).mean(axis=(2, 4))
    missing = [(0, max(0, SMALLEST_EDGE - n)) for n in stack.shape[1:]]
    return np.pad(stack, [(0, 0), *missing])


def _everywhere(green: np.ndarray) -> dict[str, np.ndarray]:
    return {"field": np.ones(green.shape, dtype=bool)}


def _finite(features: Features) -> Features:
    """As float, where a ratio of nothing to nothing is 0."""
    return {
        name: float(np.nan_to_num(value, posinf=0, neginf=0)) for name, value in features.items()
    }
