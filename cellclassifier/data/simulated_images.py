"""Simulated stacks of 14 places in the cell: for tests, demonstration and speed.

What a method scores on them says nothing of its accuracy on real images, and is never quoted as
such: they hold what their author thought of, and the classes differ by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from cellclassifier.data.images import CHANNELS
from cellclassifier.data.locations import LocatedImages
from cellclassifier.data.simulated_cells import (
    PATTERNS,
    Field,
    endoplasmic_reticulum,
    make_field,
    microtubules,
)

VERSION = 1  # raised when the pictures change: embeddings that are kept depend on it
SIMULATED = "simulated images"  # in the first line and on every plot
NAMES = np.array(sorted(PATTERNS))
# Shares of the 31,072 images of Kaggle's training table that show a place.
REAL_SHARES = {
    "Actin filaments": 0.022,
    "Aggresome": 0.010,
    "Centrosome": 0.048,
    "Cytokinetic bridge": 0.017,
    "Cytosol": 0.265,
    "Endoplasmic reticulum": 0.032,
    "Golgi apparatus": 0.091,
    "Lysosomes": 0.001,
    "Microtubules": 0.034,
    "Mitochondria": 0.095,
    "Nuclear membrane": 0.040,
    "Nucleoli": 0.117,
    "Nucleoplasm": 0.415,
    "Plasma membrane": 0.122,
}
FEWEST = 0.035  # a rarer place is as frequent as this, so that 320 images hold enough of it
SHARES_OF_COUNTS = (0.49, 0.40, 0.11)  # of real images with 1, 2, and 3 or more places
DARK, PHOTONS = 0.02, 120.0  # the camera's offset; light at the value 1


@dataclass(frozen=True)
class SimulatedImages:
    """Stacks that are drawn when they are read: image i of a seed is the same every time."""

    n: int
    size: int = 256
    seed: int = 0
    rows: tuple[int, ...] | None = None  # of the n, those that are there

    def __len__(self) -> int:
        return self.n if self.rows is None else len(self.rows)

    @property
    def ids(self) -> np.ndarray:
        """(n_images,) str."""
        return np.array([f"simulated_{i:05d}" for i in self._rows])

    @property
    def source(self) -> dict:
        """That they are simulated, and how."""
        return {
            "file": SIMULATED,
            "n_images": len(self),
            "size": self.size,
            "seed": self.seed,
        }

    @cached_property
    def shown(self) -> np.ndarray:
        """(n_images, 14) bool, which places an image shows, in the order of ``NAMES``."""
        return draw_labels(self.n, np.random.default_rng([self.seed, 1]))[self._rows]

    def read(self, i: int) -> np.ndarray:
        """Stack i, (4, size, size) float32, 0 to 1, of 8 bit each."""
        rng = np.random.default_rng([self.seed, 2, self._rows[i]])
        return make_stack(NAMES[self.shown[i]], self.size, rng)

    def digest(self, i: int) -> str:
        """What image i is known by."""
        return f"simulated-{VERSION}-{self.size}-{self.seed}-{self.n}-{self._rows[i]}"

    def take(self, rows) -> SimulatedImages:
        """Some of them, by indices."""
        kept = tuple(np.array(self._rows)[rows].tolist())
        return SimulatedImages(self.n, self.size, self.seed, kept)

    @property
    def _rows(self) -> list[int]:
        return [*range(self.n)] if self.rows is None else [*self.rows]


def simulated(n: int, size: int = 256, seed: int = 0) -> LocatedImages:
    """Simulated images with the places that they show."""
    images = SimulatedImages(n, size, seed)
    return LocatedImages(images, images.shown, NAMES)


def draw_labels(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 14) bool: one to three places per image, frequent ones as often as in real images."""
    share = np.array([max(REAL_SHARES[name], FEWEST) for name in NAMES])
    counts = rng.choice([1, 2, 3], n, p=SHARES_OF_COUNTS)
    # The largest of these keys are drawn without replacement (Efraimidis and Spirakis 2006).
    keys = np.log(rng.random((n, len(NAMES)))) / share
    place = (-keys).argsort(axis=1).argsort(axis=1)
    return place < counts[:, None]


def make_stack(places: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """One field with a protein at ``places``: (4, size, size) in the order of ``CHANNELS``."""
    field = make_field(size, rng)
    chromatin = field.nucleus * (0.7 + 0.12 * field.noise(2)) * (1 - 0.5 * field.nucleoli)
    markers = {
        "red": microtubules(field) + 0.15 * field.cytoplasm,
        "green": protein(field, places),
        "blue": chromatin,
        "yellow": endoplasmic_reticulum(field),
    }
    return np.stack([_taken(markers[name], rng) for name in CHANNELS]).astype(np.float32)


def protein(field: Field, places: np.ndarray) -> np.ndarray:
    """The green picture: every place with its own strength, every cell with its own."""
    rng = field.rng
    strength = dict(zip(places, rng.uniform(0.35, 1.0, len(places)), strict=True))
    picture = sum(strength[name] * PATTERNS[str(name)](field) for name in places)
    of_cells = rng.lognormal(0, 0.35, len(field.centres))
    diffuse = rng.uniform(0.03, 0.14) * field.body  # antibodies bind a little everywhere
    return (picture + diffuse) * gaussian_filter(of_cells[field.cell], 3)


def _taken(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As a camera sees it: blurred, unevenly lit, with noise of photons and of reading, 8 bit."""
    size = len(picture)
    tilt, centre = rng.normal(0, 0.2, 2), rng.uniform(0.3, 0.7, 2)
    rows, columns = np.mgrid[:size, :size] / size
    off = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    light = np.clip(1 + tilt[0] * (rows - 0.5) + tilt[1] * (columns - 0.5) - 0.5 * off, 0.3, None)
    gain = rng.uniform(0.4, 0.9)
    seen = gaussian_filter(picture, rng.uniform(0.5, 1.1)) * light * gain + DARK
    seen = rng.poisson(np.clip(seen, 0, None) * PHOTONS) / PHOTONS
    seen += rng.normal(0, 0.012, seen.shape)
    return np.rint(np.clip(seen, 0, 1) * 255) / 255
