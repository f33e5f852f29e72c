"""What the green light looks like from near: grain, fibres, spots, co-occurrence, patterns."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from cellclassifier.models.protein_atlas.light import EPSILON
from cellclassifier.models.protein_atlas.masks import Compartments

SCALES = (1.0, 2.0, 4.0, 8.0)  # pixels, of differences of blurred pictures
OPENINGS = (3, 5, 9, 17)  # pixels, edges of squares that grains must hold to stay
LEVELS = 32  # of grey, for co-occurrence
DISTANCES = (1, 4)  # pixels: two scales of co-occurrence
RADII = (1, 3)  # pixels: two scales of local binary patterns
NEIGHBOURS = 8
N_PATTERNS = NEIGHBOURS + 2  # of uniform local binary patterns
SPOT_SIGMAS = (1.2, 3.0)  # pixels: points and lumps
SPOT_HEIGHT = 4.0  # median absolute deviations above which a pixel belongs to a spot
HARALICK = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
Features = dict[str, float]


def of_picture(green: np.ndarray, masks: dict[str, np.ndarray]) -> Features:
    """Every texture of every compartment, and co-occurrence of the whole field."""
    return (
        _bands(green, masks)
        | _granularity(green, masks)
        | _fibres(green, masks)
        | _haralick(green)
        | _local_patterns(green, masks)
    )


def _bands(green: np.ndarray, masks: dict[str, np.ndarray]) -> Features:
    """Structure between one scale and the next: its mean size and its highest per cent."""
    features: Features = {}
    blurred = [green, *(ndi.gaussian_filter(green, sigma) for sigma in SCALES)]
    for i in range(len(SCALES)):
        band = blurred[i] - blurred[i + 1]
        for name, mask in masks.items():
            own, mean = band[mask], _mean(green[mask])
            features[f"band{i}_size_{name}"] = _mean(np.abs(own)) / mean
            features[f"band{i}_top_{name}"] = (np.percentile(own, 99) if len(own) else 0) / mean
    return features


def _granularity(green: np.ndarray, masks: dict[str, np.ndarray]) -> Features:
    """Share of the light that each opening takes away, beyond the one before."""
    features: Features = {}
    smooth = ndi.gaussian_filter(green, 0.7)
    before = smooth
    for i, edge in enumerate(OPENINGS):
        opened = ndi.maximum_filter(ndi.minimum_filter(smooth, edge), edge)
        for name, mask in masks.items():
            taken = _mean((before - opened)[mask])
            features[f"grain{i}_{name}"] = taken / _mean(smooth[mask])
        before = opened
    return features


def _fibres(green: np.ndarray, masks: dict[str, np.ndarray]) -> Features:
    """Ridges against blobs (curvatures), and how far neighbouring directions agree (coherence)."""
    down, right = (ndi.gaussian_filter(green, 1, order=order) for order in ((1, 0), (0, 1)))
    products = [ndi.gaussian_filter(p, 3) for p in (down * down, right * right, down * right)]
    coherence = np.hypot(products[0] - products[1], 2 * products[2]) / (
        products[0] + products[1] + EPSILON**2
    )
    orders = ((2, 0), (0, 2), (1, 1))
    rr, cc, rc = (ndi.gaussian_filter(green, 1.5, order=order) for order in orders)
    half, root = (rr + cc) / 2, np.hypot((rr - cc) / 2, rc)
    steep, flat = np.maximum(root - half, 0), np.maximum(-half - root, 0)
    features: Features = {}
    for name, mask in masks.items():
        weight = steep[mask]
        features[f"coherence_{name}"] = _mean(coherence[mask])
        features[f"ridge_coherence_{name}"] = _mean(coherence[mask] * weight) / _mean(weight)
        features[f"blobness_{name}"] = _mean(flat[mask]) / _mean(weight)
        features[f"ridges_{name}"] = _mean(weight) / _mean(green[mask])
    return features


def _haralick(green: np.ndarray) -> Features:
    """Co-occurrence of grey levels (Haralick et al. 1973), mean and range over four directions."""
    from skimage.feature import graycomatrix, graycoprops

    top = max(float(np.percentile(green, 99.8)), EPSILON)
    levels = np.clip(green / top * LEVELS, 0, LEVELS - 1).astype(np.uint8)
    angles = np.arange(4) * np.pi / 4
    counts = graycomatrix(levels, DISTANCES, angles, LEVELS, symmetric=True, normed=True)
    features: Features = {}
    for name in HARALICK:
        values = graycoprops(counts, name)  # (n_distances, n_angles)
        for distance, row in zip(DISTANCES, values, strict=True):
            features[f"haralick_{name}_{distance}"] = row.mean()
            features[f"haralick_{name}_{distance}_range"] = np.ptp(row)
    logs = np.log2(np.where(counts > 0, counts, 1))
    entropy = -(counts * logs).sum(axis=(0, 1)).mean(axis=1)
    return features | {
        f"haralick_entropy_{d}": value for d, value in zip(DISTANCES, entropy, strict=True)
    }


def _local_patterns(green: np.ndarray, masks: dict[str, np.ndarray]) -> Features:
    """Shares of uniform local binary patterns (Ojala et al. 2002) in every compartment."""
    from skimage.feature import local_binary_pattern

    features: Features = {}
    for radius in RADII:
        smooth = ndi.gaussian_filter(green, radius / 2)
        grey = np.clip(smooth * 65535, 0, 65535).astype(np.uint16)  # as it warns of floats
        codes = local_binary_pattern(grey, NEIGHBOURS, radius, "uniform").astype(int)
        for name, mask in masks.items():
            counts = np.bincount(codes[mask], minlength=N_PATTERNS)
            for i, share in enumerate(counts / max(counts.sum(), 1)):
                features[f"pattern{i}_{radius}_{name}"] = share
    return features


def of_spots(green: np.ndarray, red: np.ndarray, parts: Compartments) -> Features:
    """Points and lumps that stand out: how many a cell, how large, how bright, and where.

    Of every cell's sharpest point also how much red is there: microtubules start at the centrosome.
    """
    features: Features = {}
    cell = parts.cells > 0
    red = ndi.gaussian_filter(red, 2)
    for i, sigma in enumerate(SPOT_SIGMAS):
        sharp = -(sigma**2) * ndi.gaussian_laplace(green, sigma)
        found = _spots(sharp, green, cell, parts) | _sharpest(sharp, red, cell, parts)
        features |= {f"spots{i}_{name}": value for name, value in found.items()}
    return features


def _sharpest(
    sharp: np.ndarray, red: np.ndarray, cell: np.ndarray, parts: Compartments
) -> Features:
    """Of the sharpest point outside of each cell's nucleus: (median and spread over cells)."""
    names = ("height", "over_next", "to_nucleus", "red")
    keys = [f"sharpest_{name}_{kind}" for name in names for kind in ("median", "spread")]
    around = np.where(parts.to_nucleus > -2, parts.cells, 0)
    index = np.setdiff1d(np.unique(around), 0)
    if not len(index):
        return dict.fromkeys(keys, 0.0)
    at = tuple(np.array(ndi.maximum_position(sharp, around, index)).astype(int).T)
    rest = around.copy()
    taken = np.zeros(sharp.shape, dtype=bool)
    taken[at] = True
    rest[ndi.maximum_filter(taken, 13)] = 0
    typical = np.median(np.abs(sharp[cell])) + EPSILON
    second = np.maximum(np.asarray(ndi.maximum(sharp, rest, index)), typical)
    red_of_cells = np.asarray(ndi.mean(red, parts.cells, index)) + EPSILON
    values = (
        sharp[at] / typical,
        sharp[at] / second,
        parts.to_nucleus[at],
        red[at] / red_of_cells,
    )
    pairs = [summary for value in values for summary in (np.median(value), value.std())]
    return dict(zip(keys, map(float, pairs), strict=True))


def _spots(sharp: np.ndarray, green: np.ndarray, cell: np.ndarray, parts: Compartments) -> Features:
    names = (
        "n",
        "area",
        "largest",
        "light",
        "height",
        "to_nucleus",
        "spread",
        "in_nucleus",
        "long",
    )
    if not cell.any():
        return dict.fromkeys(names, 0.0)
    typical = np.median(np.abs(sharp[cell])) + EPSILON
    labels, n = ndi.label((sharp > SPOT_HEIGHT * typical) & cell)
    if not n:
        return dict.fromkeys(names, 0.0)
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=n + 1)[1:]
    mass = np.bincount(flat, sharp.ravel(), n + 1)[1:]
    where = np.bincount(flat, parts.to_nucleus.ravel(), n + 1)[1:] / sizes
    peaks = np.asarray(ndi.maximum(sharp, labels, np.arange(1, n + 1)))
    nuclear = np.bincount(flat, (parts.nuclei > 0).ravel(), n + 1)[1:] / sizes > 0.5
    per_cell = max(parts.n_cells, 1)
    values = (
        n / per_cell,
        np.average(sizes, weights=mass),
        sizes.max(),
        green[labels > 0].sum() / (green[cell].sum() + EPSILON),
        np.average(peaks, weights=mass) / typical,
        np.average(where, weights=mass),
        np.sqrt(np.average((where - np.average(where, weights=mass)) ** 2, weights=mass)),
        np.average(nuclear, weights=mass),
        np.average(_lengths(labels, n, sizes), weights=mass),
    )
    return dict(zip(names, map(float, values), strict=True))


def _lengths(labels: np.ndarray, n: int, sizes: np.ndarray) -> np.ndarray:
    """How much longer than a disc of its area every region is, from its second moments, (n,)."""
    rows, columns = np.nonzero(labels)
    at = labels[rows, columns]
    means = [np.bincount(at, values, n + 1)[1:] / sizes for values in (rows, columns)]
    r, c = rows - means[0][at - 1], columns - means[1][at - 1]
    rr, cc, rc = (np.bincount(at, v, n + 1)[1:] / sizes for v in (r * r, c * c, r * c))
    largest = (rr + cc) / 2 + np.hypot((rr - cc) / 2, rc)
    return 4 * np.sqrt(largest + 1 / 12) / np.sqrt(4 * sizes / np.pi)


def _mean(values: np.ndarray) -> float:
    """Never 0, so that it can be divided by."""
    return float(values.mean()) + EPSILON if len(values) else EPSILON
