"""Which pixels are nucleus, cytoplasm or background: from the blue, red and yellow channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

SMALLEST_NUCLEUS = 60  # pixels; what is smaller is dust
SMOOTH = 1.5  # pixels, before a threshold is looked for
RIM = 3.0  # pixels on either side of the outline of a nucleus, or within that of a cell


@dataclass(frozen=True)
class Compartments:
    """The parts of a field, (height, width) each.

    nuclei, cells: int, 0 is background, the same number for a cell and its nucleus; to_nucleus:
    pixels to the nearest nucleus's outline, negative within; to_edge: pixels to the nearest pixel
    that is no cell; touching: bool, where two cells meet.
    """

    nuclei: np.ndarray
    cells: np.ndarray
    to_nucleus: np.ndarray
    to_edge: np.ndarray
    touching: np.ndarray

    @property
    def n_cells(self) -> int:
        """How many nuclei there are."""
        return int(self.nuclei.max())

    def masks(self) -> dict[str, np.ndarray]:
        """Bool pictures by the name of the compartment; rims overlap the others."""
        nucleus, cell = self.nuclei > 0, self.cells > 0
        return {
            "nucleus": nucleus,
            "cytoplasm": cell & ~nucleus,
            "outline": cell & (np.abs(self.to_nucleus) <= RIM),
            "edge": cell & ~nucleus & ((self.to_edge <= RIM) | self.touching),
            "background": ~cell,
        }


def compartments(red: np.ndarray, blue: np.ndarray, yellow: np.ndarray) -> Compartments:
    """Nuclei by Otsu's threshold of the blue channel; cells grow from them, nearest first.

    Channels are (height, width), 0 to 1. A cell reaches as far as red or yellow are above their own
    threshold; where two grow together the watershed of the markers' light is their border.
    """
    nuclei = _nuclei(blue)
    cells = _cells(nuclei, red, yellow)
    inside = ndi.distance_transform_edt(nuclei > 0)
    outside = ndi.distance_transform_edt(nuclei == 0) if nuclei.any() else np.zeros(nuclei.shape)
    to_edge = ndi.distance_transform_edt(cells > 0)
    return Compartments(nuclei, cells, outside - inside, to_edge, _touching(cells))


def _nuclei(blue: np.ndarray) -> np.ndarray:
    # Roots, since one bright dividing nucleus would lift the threshold above all others.
    smooth = np.sqrt(ndi.gaussian_filter(blue, SMOOTH))
    found = ndi.binary_fill_holes(smooth > _threshold(smooth))
    labels, n = ndi.label(found)
    if n:
        sizes = np.bincount(labels.ravel())
        labels[sizes[labels] < SMALLEST_NUCLEUS] = 0
    return _numbered(_apart(labels))


def _apart(nuclei: np.ndarray) -> np.ndarray:
    """Nuclei that touch, told apart by the peaks of the distance to their outline."""
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    if not nuclei.any():
        return nuclei
    depth = ndi.gaussian_filter(ndi.distance_transform_edt(nuclei > 0), 2)
    typical = max(4, int(0.7 * np.percentile(depth[depth > 0], 90)))
    peaks = peak_local_max(depth, min_distance=typical, labels=nuclei, exclude_border=False)
    seeds = np.zeros(nuclei.shape, dtype=np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-depth, seeds, mask=nuclei > 0)


def _cells(nuclei: np.ndarray, red: np.ndarray, yellow: np.ndarray) -> np.ndarray:
    """At half the resolution: outlines need no better one, and it is four times as fast."""
    from skimage.segmentation import watershed

    if not nuclei.any():
        return nuclei
    light = ndi.gaussian_filter((red + yellow)[::2, ::2], SMOOTH)
    seeds = nuclei[::2, ::2]
    mask = (light > 0.6 * _threshold(light)) | (seeds > 0)
    # Pixels are given out by their distance to a nucleus, a little later where it is dark.
    far = ndi.distance_transform_edt(seeds == 0)
    cost = far * (1 - 0.5 * light / max(float(light.max()), 1e-6))
    grown = watershed(cost, seeds, mask=mask)
    whole = np.repeat(np.repeat(grown, 2, axis=0), 2, axis=1)[: nuclei.shape[0], : nuclei.shape[1]]
    return np.where(nuclei > 0, nuclei, whole)


def _touching(cells: np.ndarray) -> np.ndarray:
    """Pixels of a cell within ``RIM`` of another cell."""
    far = np.iinfo(cells.dtype).max
    width = 2 * int(RIM) - 1
    highest = ndi.maximum_filter(cells, width)
    lowest = ndi.minimum_filter(np.where(cells > 0, cells, far), width)
    return (cells > 0) & (highest != lowest)


def _numbered(labels: np.ndarray) -> np.ndarray:
    """The same regions, numbered from 1 without gaps."""
    kept, numbers = np.unique(labels, return_inverse=True)
    first = 1 if kept[0] != 0 else 0
    return (numbers.reshape(labels.shape) + first).astype(np.int32)


def _threshold(picture: np.ndarray) -> float:
    """Otsu's, of 256 levels; of a picture of one value it is above that value."""
    from skimage.filters import threshold_otsu

    low, high = float(picture.min()), float(picture.max())
    if high <= low:
        return high + 1
    levels = ((picture.ravel() - low) * (255 / (high - low))).astype(np.uint8)
    counts = np.bincount(levels, minlength=256)  # a fifth of np.histogram's time
    return float(threshold_otsu(hist=(counts, low + np.arange(256) * (high - low) / 255)))
