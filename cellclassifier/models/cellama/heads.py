"""What names a cell by its vector: its neighbours, a regression, a network or boosted trees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.trust.arrays import read_arrays

STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse penalties that the validation cells choose from
STRENGTH = 0.01  # without validation cells
SAME = 1e-6  # cosine distance below which a training cell is the cell itself
CELLS_AT_A_TIME = 1024


class Head(ABC):
    """Vectors in, probabilities out; ``fit`` gets validation cells for choices, or None."""

    file = "head.npz"

    def __init__(self, options: CellamaOptions, seed: int = 0, jobs: int = 1):
        self.options, self.seed, self.jobs = options, seed, jobs

    @abstractmethod
    def fit(self, vectors: np.ndarray, codes: np.ndarray, n_types: int, validation) -> None:
        """Learn from (n_cells, width) and codes of types; validation: the same of others."""

    @abstractmethod
    def outputs(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n_cells, n_types), and features in which novelty is measured."""

    def n_features(self, width: int) -> int:
        """Columns of the features."""
        return width

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, by name."""

    @classmethod
    @abstractmethod
    def of_arrays(cls, options: CellamaOptions, arrays: dict, width: int, n_types: int) -> Self:
        """From ``arrays``; ValueError where they do not fit."""

    names: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        np.savez(folder / self.file, **self.arrays())

    @classmethod
    def load(cls, folder: Path, options: CellamaOptions, width: int, n_types: int) -> Self:
        """Read them; ValueError where damaged or of another model."""
        return cls.of_arrays(options, read_arrays(folder / cls.file, cls.names), width, n_types)


class Scaling:
    """Vectors less the mean of the training cells', over their standard deviations.

    All vectors of a model of language lie in one corner: their cosines say little before this.
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray):
        self.mean, self.scale = mean, scale

    @classmethod
    def centring(cls, vectors: np.ndarray) -> Scaling:
        """Less the mean alone: leading components of an LSA are to weigh more than later ones."""
        return cls(vectors.mean(axis=0, dtype=np.float64), np.ones(vectors.shape[1]))

    @classmethod
    def learn(cls, vectors: np.ndarray) -> Scaling:
        """From training cells; a column without spread is left as it is."""
        spread = vectors.std(axis=0, dtype=np.float64)
        scale = np.where(spread > 1e-9, spread, 1)
        return cls(vectors.mean(axis=0, dtype=np.float64), scale)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """(n_cells, width) float64."""
        return (vectors - self.mean) / self.scale


class Regression(Head):
    """Multinomial logistic regression; validation cells choose its penalty by cross-entropy."""

    names = ("mean", "scale", "coefficients", "intercepts")

    def fit(self, vectors, codes, n_types, validation) -> None:
        """One fit per strength, of which the best is kept."""
        self.scaling = Scaling.learn(vectors)
        x, found = self.scaling(vectors), {}
        for strength in STRENGTHS if validation else (STRENGTH,):
            model = LogisticRegression(C=strength, max_iter=500)
            with threadpool_limits(1):
                model.fit(x, codes)
            self.coefficients, self.intercepts = _of_every_type(model)
            loss = self._loss(validation, n_types) if validation else 0.0
            found[loss] = self.coefficients, self.intercepts
        self.coefficients, self.intercepts = found[min(found)]

    def take(self, coefficients: np.ndarray, intercepts: np.ndarray) -> None:
        """Be the softmax that an encoder has learned together with its vectors.

        One that is fitted to the finished vectors of training cells, which the encoder has drawn
        apart, names new cells worse: by 5 points on validation cells.
        """
        width = coefficients.shape[1]
        self.scaling = Scaling(np.zeros(width), np.ones(width))
        self.coefficients = coefficients.astype(np.float64)
        self.intercepts = intercepts.astype(np.float64)

    def outputs(self, vectors):
        """Softmax of linear scores; features are the scaled vectors."""
        return self._probabilities(vectors), self.scaling(vectors)

    def _loss(self, validation, n_types: int) -> float:
        found = self._probabilities(validation[0])
        return log_loss(validation[1], found, labels=np.arange(n_types))

    def _probabilities(self, vectors: np.ndarray) -> np.ndarray:
        return softmax(self.scaling(vectors) @ self.coefficients.T + self.intercepts, axis=1)

    def arrays(self):
        """Scaling, coefficients (n_types, width) and intercepts (n_types,)."""
        return {
            "mean": self.scaling.mean,
            "scale": self.scaling.scale,
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
        }

    @classmethod
    def of_arrays(cls, options, arrays, width, n_types):
        """From ``arrays``."""
        shapes = (width,), (width,), (n_types, width), (n_types,)
        check_arrays(arrays, dict(zip(cls.names, shapes, strict=True)))
        head = cls(options)
        head.scaling = Scaling(arrays["mean"], arrays["scale"])
        head.coefficients, head.intercepts = arrays["coefficients"], arrays["intercepts"]
        return head


def _of_every_type(model: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts, a row for each type, of two types, too."""
    if len(model.coef_) > 1:
        return model.coef_, model.intercept_
    return np.vstack([0 * model.coef_, model.coef_]), np.append(0, model.intercept_)


class Neighbours(Head):
    """The k training cells of highest cosine, after centring; their agreement is the probability.

    How far they are is one more feature, of as much spread as the vectors' leading component, so
    that a cell unlike all training cells is told as novel whatever its neighbours agree upon.
    """

    names = ("mean", "scale", "directions", "codes", "spread")

    def fit(self, vectors, codes, n_types, validation) -> None:
        """Keep the directions of the training cells."""
        self.scaling = Scaling.centring(vectors)
        self.directions, self.codes = self._directions(vectors), codes.astype(np.int64)
        self.n_types, self.spread = n_types, np.ones(1)
        scaled = self.scaling(vectors)
        with threadpool_limits(1):
            leading = np.sqrt(
                np.linalg.eigvalsh(np.cov(scaled.T).reshape(2 * [scaled.shape[1]]))[-1]
            )
        own = self.outputs(vectors)[1][:, -1].std()
        self.spread = np.array([leading / own if own > 0 else 1.0])

    def outputs(self, vectors):
        """Shares of votes; features are the scaled vectors and the mean distance."""
        directions, k = self._directions(vectors), min(self.options.k, len(self.codes))
        votes = np.zeros((len(vectors), self.n_types))
        distance = np.zeros(len(vectors))
        for start in range(0, len(vectors), CELLS_AT_A_TIME):
            rows = slice(start, start + CELLS_AT_A_TIME)
            with threadpool_limits(1):
                cosine = directions[rows] @ self.directions.T
            near = np.argsort(-cosine.round(6), axis=1, kind="stable")[:, : k + 1]
            found = np.take_along_axis(cosine, near, axis=1)
            votes[rows] = (self.codes[near[:, :k], None] == np.arange(self.n_types)).mean(axis=1)
            distance[rows] = _mean_distance(1 - found, k)
        features = np.column_stack([self.scaling(vectors), distance * self.spread])
        return votes, features

    def n_features(self, width: int) -> int:
        """One for the distance."""
        return width + 1

    def _directions(self, vectors: np.ndarray) -> np.ndarray:
        return normalize(self.scaling(vectors)).astype(np.float32)

    def arrays(self):
        """Scaling, and the directions (n_cells, width) and codes of the training cells."""
        return {
            "mean": self.scaling.mean,
            "scale": self.scaling.scale,
            "directions": self.directions,
            "codes": self.codes,
            "spread": self.spread,
        }

    @classmethod
    def of_arrays(cls, options, arrays, width, n_types):
        """From ``arrays``."""
        n_cells = len(np.atleast_1d(arrays["codes"]))
        shapes = (width,), (width,), (n_cells, width), (n_cells,), (1,)
        check_arrays(arrays, dict(zip(cls.names, shapes, strict=True)))
        codes = arrays["codes"]
        if codes.dtype != np.int64 or not n_cells or codes.min() < 0 or codes.max() >= n_types:
            raise ValueError(f"{cls.file}: neighbours of unknown types")
        head = cls(options)
        head.scaling = Scaling(arrays["mean"], arrays["scale"])
        head.directions, head.codes, head.spread = arrays["directions"], codes, arrays["spread"]
        head.n_types = n_types
        return head


def _mean_distance(distances: np.ndarray, k: int) -> np.ndarray:
    """Of the nearest k of k + 1 to each cell, but of itself, where it is among them, (n_cells,)."""
    itself = distances[:, 0] < SAME
    others = np.where(itself[:, None], np.roll(distances, -1, axis=1), distances)
    return others[:, : max(1, min(k, distances.shape[1] - 1))].mean(axis=1)


def check_arrays(arrays: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise ValueError unless arrays have these shapes and hold numbers."""
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind not in "fi" or not np.isfinite(array).all():
            raise ValueError(f"{name} is no array of {shape} numbers")
