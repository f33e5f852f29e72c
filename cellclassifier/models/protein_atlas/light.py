"""How much green light is where, and which marker's light it goes with."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from cellclassifier.models.protein_atlas.masks import Compartments

QUANTILES = (5, 25, 50, 75, 95, 99)
FROM_NUCLEUS = (-np.inf, -8, -4, -1, 2, 5, 10, 20, 40, np.inf)  # pixels from its outline
FROM_EDGE = (0, 2, 4, 8, 16, np.inf)  # pixels into the cell
FINE = 4.0  # pixels: what a picture has beyond its blurred self is its fine structure
EPSILON = 1e-4  # of the light: what is darker is dark
Features = dict[str, float]


def of_whole(green: np.ndarray) -> Features:
    """Mean, quantiles and shape of the distribution of all pixels."""
    mean, sd = float(green.mean()), float(green.std())
    centred = (green - mean) / (sd + EPSILON)
    quantiles = np.percentile(green, QUANTILES)
    return {
        "field_mean": mean,
        "field_variation": sd / (mean + EPSILON),
        "field_skewness": float((centred**3).mean()),
        "field_kurtosis": float((centred**4).mean()),
        "field_dark_share": float((green < mean / 2).mean()),
        **{
            f"field_q{q}": value / (mean + EPSILON)
            for q, value in zip(QUANTILES, quantiles, strict=True)
        },
    }


def of_compartments(green: np.ndarray, masks: dict[str, np.ndarray]) -> Features:
    """Mean of each compartment relative to the cells', its share of the light, its spread."""
    cell = masks["nucleus"] | masks["cytoplasm"]
    mean, total = _mean(green, cell), green[cell].sum()
    features: Features = {
        "cell_share": float(cell.mean()),
        "nucleus_share": masks["nucleus"].mean(),
    }
    for name, mask in masks.items():
        own = green[mask]
        own_mean = _mean(green, mask)
        features[f"{name}_mean"] = own_mean / (mean + EPSILON)
        features[f"{name}_light"] = own.sum() / (total + EPSILON)
        features[f"{name}_variation"] = (own.std() if len(own) else 0) / (own_mean + EPSILON)
    for name in ("nucleus", "cytoplasm"):
        own = green[masks[name]]
        values = np.percentile(own, QUANTILES) if len(own) else np.zeros(len(QUANTILES))
        for q, value in zip(QUANTILES, values, strict=True):
            features[f"{name}_q{q}"] = value / (_mean(green, masks[name]) + EPSILON)
    return features


def along_distances(green: np.ndarray, parts: Compartments) -> Features:
    """Means by distance from the nucleus, and from the cell's edge, relative to the cells'."""
    cell = parts.cells > 0
    mean = _mean(green, cell) + EPSILON
    features: Features = {}
    outside = cell & (parts.nuclei == 0)
    for kind, distance, steps, within in (
        ("from_nucleus", parts.to_nucleus, FROM_NUCLEUS, cell),
        ("from_edge", parts.to_edge, FROM_EDGE, outside),
    ):
        values, at = green[within], np.searchsorted(steps, distance[within], side="right") - 1
        n = len(steps) - 1
        at = np.clip(at, 0, n - 1)
        sums, counts = np.bincount(at, values, n), np.bincount(at, minlength=n)
        for i in range(n):
            features[f"{kind}_{i}"] = sums[i] / max(counts[i], 1) / mean
    features["touching_mean"] = _mean(green, parts.touching & outside) / mean
    features["touching_q99"] = _quantile(green, parts.touching & outside, 99) / mean
    return features


def with_markers(
    green: np.ndarray, markers: dict[str, np.ndarray], masks: dict[str, np.ndarray]
) -> Features:
    """Correlation of green with every marker in every compartment, whole and of fine structure."""
    fine_green = green - ndi.gaussian_filter(green, FINE)
    features: Features = {}
    for marker, picture in markers.items():
        fine = picture - ndi.gaussian_filter(picture, FINE)
        for name, mask in masks.items():
            features[f"{marker}_in_{name}"] = _correlation(green[mask], picture[mask])
            features[f"fine_{marker}_in_{name}"] = _correlation(fine_green[mask], fine[mask])
    return features


def of_cells(green: np.ndarray, parts: Compartments) -> Features:
    """How cells of one field differ, and how the light lies in each: (mean and spread over cells).

    off_centre: pixels from the nucleus's centre to that of the cell's light; brightest: the
    brightest pixel over the mean; to_nucleus: where it is.
    """
    n = parts.n_cells
    names = ("level", "off_centre", "brightest", "brightest_to_nucleus")
    if not n:
        kinds = [f"{name}_{kind}" for name in names for kind in ("mean", "spread")]
        return {f"cells_{kind}": 0.0 for kind in ("n", *kinds, "highest")}
    index = np.arange(1, n + 1)
    smooth = ndi.gaussian_filter(green, 1)
    level = np.asarray(ndi.mean(green, parts.cells, index))
    nucleus = np.array(ndi.center_of_mass(np.ones_like(green), parts.nuclei, index))
    lit = np.array(ndi.center_of_mass(green + EPSILON, parts.cells, index))
    at = np.array(ndi.maximum_position(smooth, parts.cells, index)).astype(int)
    peaks = smooth[tuple(at.T)]
    values = {
        "level": level / (level.mean() + EPSILON),
        "off_centre": np.linalg.norm(nucleus - lit, axis=1),
        "brightest": peaks / (level + EPSILON),
        "brightest_to_nucleus": parts.to_nucleus[tuple(at.T)],
    }
    features: Features = {"cells_n": float(n)}
    for name in names:
        features[f"cells_{name}_mean"] = float(values[name].mean())
        features[f"cells_{name}_spread"] = float(values[name].std())
    features["cells_highest"] = float(peaks.max() / (np.median(peaks) + EPSILON))
    return features


def _mean(picture: np.ndarray, mask: np.ndarray) -> float:
    return float(picture[mask].mean()) if mask.any() else 0.0


def _quantile(picture: np.ndarray, mask: np.ndarray, q: float) -> float:
    return float(np.percentile(picture[mask], q)) if mask.any() else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, 0 where one does not vary."""
    if len(a) < 2:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0
