"""A field of simulated cells, and what a protein at each place looks like in it.

Geometry, no physics: nuclei are deformed ellipses, cells what lies nearest to them. A pattern is a
function of a field that gives the protein's picture, 0 to about 1, before blur, light and noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

NUCLEUS = 15.0  # pixels, mean radius
CELL = 2.5  # radii of its nucleus to which a cell reaches
SPACING = 4.6  # radii of a nucleus between neighbours
WOBBLE = 0.12  # relative, of outlines


@dataclass(frozen=True)
class Field:
    """Cells in a square of ``size`` pixels.

    distance: (size, size) to the nearest nucleus's centre, 1 on its outline; cell: (size, size)
    index of that nucleus; second: (size, size) the distance to the second nearest; centres:
    (n_cells, 2) pixels, row and column; angles: (n_cells,) of the long axis; poles: (n_cells, 2)
    pixels, the centrosomes; nucleoli: (size, size) 0 to 1; rng: for what patterns draw.
    """

    distance: np.ndarray
    second: np.ndarray
    cell: np.ndarray
    centres: np.ndarray
    angles: np.ndarray
    poles: np.ndarray
    nucleoli: np.ndarray
    rng: np.random.Generator

    @property
    def size(self) -> int:
        """Pixels along an edge."""
        return len(self.distance)

    @property
    def nucleus(self) -> np.ndarray:
        """(size, size), 1 within nuclei, with a soft edge."""
        return _step(1 - self.distance, 0.05)

    @property
    def body(self) -> np.ndarray:
        """(size, size), 1 within cells, with a soft edge."""
        return _step(CELL - self.distance, 0.06)

    @property
    def cytoplasm(self) -> np.ndarray:
        """(size, size), 1 within cells and outside of nuclei."""
        return self.body * (1 - self.nucleus)

    @cached_property
    def threads(self) -> np.ndarray:
        """(size, size) the microtubules: one and the same, whichever channel shows them."""
        starts = np.repeat(self.poles, 26, axis=0)
        points = _walks(self, starts, steps=48, bend=0.1)
        return np.clip(self.spots(points, 0.8, 0.3), 0, 1.2) * self.body

    @cached_property
    def net(self) -> np.ndarray:
        """(size, size) the endoplasmic reticulum, likewise."""
        tubes = np.clip(1 - 1.4 * np.abs(self.noise(1.6)), 0, 1)
        nearness = np.exp(-0.9 * np.clip(self.distance - 1, 0, None))
        return self.cytoplasm * (0.25 + tubes) * nearness

    def noise(self, sigma: float) -> np.ndarray:
        """(size, size) smooth noise of mean 0 and standard deviation 1."""
        drawn = gaussian_filter(self.rng.standard_normal((self.size,) * 2), sigma, mode="wrap")
        return drawn / drawn.std()

    def spots(self, places: np.ndarray, sigma: float, strength=1.0) -> np.ndarray:
        """(size, size) round spots at places, (n, 2) pixels; those outside the field are lost."""
        at = np.rint(places).astype(int)
        inside = ((at >= 0) & (at < self.size)).all(axis=1)
        picture = np.zeros((self.size,) * 2)
        strength = np.broadcast_to(strength, len(places))[inside]
        np.add.at(picture, tuple(at[inside].T), strength)
        return gaussian_filter(picture, sigma) * 2 * np.pi * sigma**2

    def around(self, n: int, nearest: float, farthest: float) -> np.ndarray:
        """(n_cells * n, 2) places about every nucleus, between two distances in its radii."""
        angle = self.rng.uniform(0, 2 * np.pi, (len(self.centres), n))
        radius = self.rng.uniform(nearest, farthest, angle.shape) * NUCLEUS
        offset = radius[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        return (self.centres[:, None] + offset).reshape(-1, 2)


def make_field(size: int, rng: np.random.Generator) -> Field:
    """Cells at random places that do not overlap, some cut off by the edge."""
    centres = _places(size, rng)
    n = len(centres)
    angles, stretch = rng.uniform(0, np.pi, n), rng.uniform(1.0, 1.5, n)
    radius = NUCLEUS * rng.uniform(0.85, 1.15, n)
    rows, columns = np.mgrid[:size, :size]
    wobble = gaussian_filter(rng.standard_normal((size, size)), 12, mode="wrap")
    wobble *= WOBBLE / wobble.std()
    distance = np.full((size, size), np.inf)
    second, cell = distance.copy(), np.zeros((size, size), dtype=int)
    for i in range(n):
        down, right = rows - centres[i, 0], columns - centres[i, 1]
        along = np.cos(angles[i]) * right + np.sin(angles[i]) * down
        across = np.cos(angles[i]) * down - np.sin(angles[i]) * right
        own = np.hypot(along / stretch[i] ** 0.5, across * stretch[i] ** 0.5) / radius[i]
        own = own * (1 + wobble)
        nearer = own < distance
        second = np.where(nearer, distance, np.minimum(second, own))
        distance, cell = np.where(nearer, own, distance), np.where(nearer, i, cell)
    poles = centres + _direction(rng.uniform(0, 2 * np.pi, n)) * 1.25 * NUCLEUS
    field = Field(distance, second, cell, centres, angles, poles, np.zeros(()), rng)
    blobs = field.spots(field.around(3, 0.1, 0.6), 2.2, rng.uniform(0.5, 1.2, 3 * n))
    return replace(field, nucleoli=np.clip(blobs, 0, 1) * field.nucleus)


def _places(size: int, rng: np.random.Generator) -> np.ndarray:
    """As many centres as fit at random, (n, 2), none nearer to another than ``SPACING``."""
    apart = SPACING * NUCLEUS * 0.75
    tried = rng.uniform(0, size, (30 * max(1, int((size / apart) ** 2)), 2))
    kept = [tried[0]]
    for place in tried[1:]:
        if min(np.hypot(*(place - other)) for other in kept) > apart:
            kept.append(place)
    return np.array(kept)


def _direction(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def _step(values: np.ndarray, width: float) -> np.ndarray:
    """0 below, 1 above zero, with a soft edge."""
    return 1 / (1 + np.exp(-np.clip(values / width, -30, 30)))


def nucleoplasm(field: Field) -> np.ndarray:
    """Nuclei but for their nucleoli, finely grained."""
    return field.nucleus * (1 - 0.8 * field.nucleoli) * (0.8 + 0.12 * field.noise(1.2))


def nuclear_membrane(field: Field) -> np.ndarray:
    """A rim on the nuclei's outline."""
    return np.exp(-(((field.distance - 1) / 0.09) ** 2)) + 0.15 * field.nucleus


def nucleoli(field: Field) -> np.ndarray:
    """A few round bodies in every nucleus."""
    return field.nucleoli + 0.1 * field.nucleus


def cytosol(field: Field) -> np.ndarray:
    """Smooth, all over the cell outside of the nucleus, less towards its edge."""
    return (
        field.cytoplasm * np.clip(1.25 - 0.3 * field.distance, 0, 1) * (0.8 + 0.1 * field.noise(4))
    )


def endoplasmic_reticulum(field: Field) -> np.ndarray:
    """A net of tubes, densest about the nucleus."""
    return field.net


def golgi(field: Field) -> np.ndarray:
    """A cluster of pieces beside the nucleus, where the centrosome is."""
    n = 14
    spread = field.rng.normal(0, 0.28 * NUCLEUS, (len(field.poles), n, 2))
    return np.clip(field.spots((field.poles[:, None] + spread).reshape(-1, 2), 1.5, 0.6), 0, 1.2)


def mitochondria(field: Field) -> np.ndarray:
    """Short worms all over the cytoplasm."""
    starts = field.around(28, 1.1, 2.2)
    worms = _walks(field, starts, steps=9, bend=0.35)
    return np.clip(field.spots(worms, 1.1, 0.35), 0, 1.2) * field.cytoplasm


def microtubules(field: Field) -> np.ndarray:
    """Long curved threads that start at the centrosome."""
    return field.threads


def actin(field: Field) -> np.ndarray:
    """Straight parallel fibres along the cell's long axis, and a thin rim."""
    n = 12
    starts = field.around(n, 0.2, 2.2)
    angle = np.repeat(field.angles, n) + field.rng.normal(0, 0.08, len(starts))
    steps = np.arange(-14, 15)[:, None, None]
    fibres = (starts + steps * _direction(angle)).reshape(-1, 2)
    return np.clip(field.spots(fibres, 0.8, 0.28), 0, 1.2) * field.body + 0.3 * plasma_membrane(
        field
    )


def plasma_membrane(field: Field) -> np.ndarray:
    """The outline of cells, brighter where two touch."""
    outline = np.exp(-(((field.distance - CELL) / 0.12) ** 2))
    touching = np.exp(-(((field.second - field.distance) / 0.14) ** 2)) * field.body
    return 0.7 * outline + touching + 0.12 * field.cytoplasm


def centrosome(field: Field) -> np.ndarray:
    """One or two points beside every nucleus."""
    pair = field.poles + field.rng.normal(0, 2.5, field.poles.shape)
    shown = field.rng.random(len(pair)) < 0.5
    return field.spots(np.concatenate([field.poles, pair[shown]]), 1.3)


def lysosomes(field: Field) -> np.ndarray:
    """Round vesicles scattered over the cytoplasm."""
    places = field.around(22, 1.1, 2.2)
    strength = field.rng.uniform(0.3, 1.0, len(places))
    return field.spots(places, 1.4, strength) * field.cytoplasm


def aggresome(field: Field) -> np.ndarray:
    """One large lump beside the nucleus, in most cells."""
    n = 9
    shown = field.rng.random(len(field.poles)) < 0.8
    spread = field.rng.normal(0, 0.12 * NUCLEUS, (int(shown.sum()), n, 2))
    places = (field.poles[shown][:, None] + spread).reshape(-1, 2)
    return np.clip(field.spots(places, 2.6, 0.5), 0, 1.3)


def cytokinetic_bridge(field: Field) -> np.ndarray:
    """A short bar between the two cells of one or two pairs; the others show little."""
    n = len(field.centres)
    gaps = np.linalg.norm(field.centres[:, None] - field.centres, axis=-1) + np.eye(n) * 1e9
    picture = np.zeros((field.size,) * 2)
    for i in field.rng.permutation(n)[: 1 + n // 5]:
        j = gaps[i].argmin()
        if n > 1:
            share = np.linspace(0.38, 0.62, 30)[:, None]
            bar = field.centres[i] * share + field.centres[j] * (1 - share)
            picture += np.clip(field.spots(bar, 1.1, 0.4), 0, 1.2)
    return picture + 0.12 * field.body


def _walks(field: Field, starts: np.ndarray, steps: int, bend: float) -> np.ndarray:
    """Points of walks of one pixel a step that keep their direction but for a bend, (n, 2)."""
    turns = field.rng.normal(0, bend, (steps, len(starts)))
    angle = field.rng.uniform(0, 2 * np.pi, len(starts)) + turns.cumsum(axis=0)
    return (starts + _direction(angle).cumsum(axis=0)).reshape(-1, 2)


PATTERNS: dict[str, Callable[[Field], np.ndarray]] = {
    "Actin filaments": actin,
    "Aggresome": aggresome,
    "Centrosome": centrosome,
    "Cytokinetic bridge": cytokinetic_bridge,
    "Cytosol": cytosol,
    "Endoplasmic reticulum": endoplasmic_reticulum,
    "Golgi apparatus": golgi,
    "Lysosomes": lysosomes,
    "Microtubules": microtubules,
    "Mitochondria": mitochondria,
    "Nuclear membrane": nuclear_membrane,
    "Nucleoli": nucleoli,
    "Nucleoplasm": nucleoplasm,
    "Plasma membrane": plasma_membrane,
}
