"""Is a cell of a type that the model knows? By entropy, and by its distance from known cells."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from scipy.special import entr
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from cellclassifier.trust.arrays import read_arrays

NOVELTY_FILE = "novelty.npz"
N_COMPONENTS = 20  # more of them measure noise: at 50 fewer cells of unknown types are told
REFUSED_SHARE = 0.05  # of known cells, at most
TAIL_SHARE = 0.1  # of known cells, that say how rare values are that none of them has
LEVELS = np.linspace(0, 1 - TAIL_SHARE, 91)
SLACK = 1e-4  # nats: other digits in another chunk must not refuse the cell that is the threshold
SHRINKAGE_CELLS = 400  # cells of common covariance that a type's own is mixed with


@dataclass(frozen=True)
class Novelty:
    """How novel a cell is, and how novel a cell of a known type may be.

    Two measures are compared with those of known cells that the model was not trained on
    (validation), and the two p-values joined as Fisher did: score = -ln p_entropy - ln p_distance.

        entropy   of the probabilities before calibration, which may sharpen them so far
                  that sure and very sure are no longer told apart
        distance  squared Mahalanobis distance to the nearest type, in the 20 leading components
                  of the model's own features (Lee et al. 2018, arXiv:1807.03888); a type's
                  covariance is its own, shrunk towards the one that is common to all types

    Entropy finds cells between known types; distance those far from all, of which a model may be
    quite sure. In another laboratory all cells are far by this distance, so that entropy is looked
    at alone, too.

    projection: (n_features, n_components) to components that are white within types; centres:
    (n_types, n_components); whitening: (n_types, n_components, n_components), of each type in
    that space; quantiles: (2, 91) of entropy and distance at ``LEVELS``; excess: (2,)
    mean of what is beyond the last of them; thresholds: (n_types,) largest score of a cell that
    passes for the type it was given; entropy_thresholds: (n_types,) the same of entropy alone,
    infinite of models saved before.
    """

    projection: np.ndarray
    centres: np.ndarray
    whitening: np.ndarray
    quantiles: np.ndarray
    excess: np.ndarray
    thresholds: np.ndarray
    entropy_thresholds: np.ndarray

    @classmethod
    def fit(cls, train, labels: np.ndarray, validation, probabilities: np.ndarray) -> Novelty:
        """Learn from features of training cells, and quantiles and thresholds from validation.

        train, validation: (n_cells, n_features) dense or CSR; labels: of the training cells;
        probabilities: uncalibrated ones of the validation cells, (n_cells, n_types).
        """
        with threadpool_limits(1, user_api="blas"):  # the same digits on any number of cores
            projection = _white_projection(train, labels)
            centres, whitening = _types_in(np.asarray(train @ projection), labels)
            space = np.asarray(validation @ projection)
            measures = _entropy(probabilities), _squared_distance(space, centres, whitening)
        quantiles = np.array([np.quantile(values, LEVELS) for values in measures])
        excess = np.array(
            [_mean_excess(v, q[-1]) for v, q in zip(measures, quantiles, strict=True)]
        )
        no_limits = np.full(len(centres), np.inf)
        unlimited = cls(projection, centres, whitening, quantiles, excess, no_limits, no_limits)
        score, predicted = unlimited.score(space, probabilities), probabilities.argmax(axis=1)
        return replace(
            unlimited,
            thresholds=_thresholds(score, predicted, len(centres)),
            entropy_thresholds=_thresholds(measures[0], predicted, len(centres)),
        )

    def place(self, features) -> np.ndarray:
        """Where cells are among the known types, (n_cells, n_components)."""
        return np.asarray(features @ self.projection)

    def score(self, space: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """How novel each cell is, (n_cells,) in nats.

        space: from ``place``; probabilities: before calibration.
        """
        distance = _squared_distance(space, self.centres, self.whitening)
        measures = _entropy(probabilities), distance
        return sum(map(_negative_log_p, measures, self.quantiles, self.excess))

    def is_known(self, score: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Whether cells with these scores pass for the types ``predicted`` (codes), (n_cells,)."""
        return score <= self.thresholds[predicted]

    def hesitates(self, probabilities: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Whether a model is less sure of cells than of 95 % of those it calls alike, (n_cells,).

        probabilities: before calibration; predicted: codes of the types that cells were given.
        """
        return _entropy(probabilities) > self.entropy_thresholds[predicted]

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path, n_features: int, n_types: int) -> Novelty:
        """Read what ``save`` wrote; ValueError where it is damaged or of another model."""
        *names, newest = (field.name for field in fields(cls))
        arrays = read_arrays(path, names, optional=[newest])
        arrays.setdefault(newest, np.full(n_types, np.inf))
        if arrays["projection"].ndim != 2:
            raise ValueError(f"{path.name}: projection is no matrix")
        n_components = arrays["projection"].shape[1]
        of_types = (n_types, n_components), (n_types, n_components, n_components)
        limits = (n_types,), (n_types,)
        shapes = (n_features, n_components), *of_types, (2, len(LEVELS)), (2,), *limits
        for name, shape in zip((*names, newest), shapes, strict=True):
            array = arrays[name]
            if array.shape != shape or array.dtype.kind != "f" or np.isnan(array).any():
                raise ValueError(f"{path.name}: {name} is no array of {shape} numbers")
        return cls(**arrays)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    return entr(probabilities).sum(axis=1)


def _squared_distance(space, centres: np.ndarray, whitening: np.ndarray) -> np.ndarray:
    """To the nearest type, in units of its own spread, (n_cells,)."""
    nearest = np.full(len(space), np.inf)
    for centre, whiten in zip(centres, whitening, strict=True):
        np.minimum(nearest, (((space - centre) @ whiten) ** 2).sum(axis=1), out=nearest)
    return nearest


def _negative_log_p(values: np.ndarray, quantiles: np.ndarray, excess: float) -> np.ndarray:
    """-ln of the share of known cells with larger values, (n_cells,).

    Beyond the last quantile that share falls exponentially, as the tail of the known cells does
    on average, so that no value is beyond compare.
    """
    last = quantiles[-1]
    within = -np.log1p(-np.interp(values, quantiles, LEVELS))
    return np.where(values <= last, within, (values - last) / excess - np.log(TAIL_SHARE))


def _mean_excess(values: np.ndarray, limit: float) -> float:
    beyond = values[values > limit]
    return float((beyond - limit).mean()) if len(beyond) else 1.0


def _white_projection(features, labels: np.ndarray) -> np.ndarray:
    """To components whose covariance within types is the identity, (n_features, n_components)."""
    components = _components(features)
    reduced = np.asarray(features @ components)
    within = reduced - _means(reduced, labels)[np.unique(labels, return_inverse=True)[1]]
    covariance = within.T @ within / len(within)
    # A component without spread within types must not divide by zero.
    floor = max(1e-6 * np.trace(covariance) / len(covariance), 1e-12)
    return components @ _root_of_inverse(covariance + floor * np.eye(len(covariance)))


def _types_in(space: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and whitening of every type, where the common covariance is the identity."""
    centres, whitening = _means(space, labels), []
    for name, centre in zip(np.unique(labels), centres, strict=True):
        own = space[labels == name] - centre
        mixed = own.T @ own + SHRINKAGE_CELLS * np.eye(len(centre))
        whitening.append(_root_of_inverse(mixed / (len(own) + SHRINKAGE_CELLS)))
    return centres, np.array(whitening)


def _means(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of every type, (n_types, n_columns)."""
    return np.array([values[labels == name].mean(axis=0) for name in np.unique(labels)])


def _root_of_inverse(covariance: np.ndarray) -> np.ndarray:
    """The matrix W for which x @ W is white where x has this covariance."""
    return np.linalg.cholesky(np.linalg.inv(covariance))


def _components(features) -> np.ndarray:
    """The leading components of features, (n_features, n_components); few features are all."""
    n_features = features.shape[1]
    if n_features <= N_COMPONENTS:
        return np.eye(n_features)
    n_components = min(N_COMPONENTS, features.shape[0])
    return TruncatedSVD(n_components, random_state=0).fit(features).components_.T


def _thresholds(score: np.ndarray, predicted: np.ndarray, n_types: int) -> np.ndarray:
    """Per predicted type the score that a new cell like its validation cells exceeds in 5 %.

    The quantile of split conformal prediction (Angelopoulos & Bates 2021, arXiv:2107.07511): a new
    cell's rank among n others is anywhere with the same chance, so that the plain quantile of few
    cells would refuse more. Where a type has too few for any, the threshold of all cells together
    counts if it is higher than their largest score.
    """
    of_all, _ = _conformal_quantile(score)
    thresholds = np.full(n_types, of_all)
    for code in np.unique(predicted):
        limit, is_enough = _conformal_quantile(score[predicted == code])
        thresholds[code] = limit if is_enough else max(limit, of_all)
    return thresholds + SLACK


def _conformal_quantile(score: np.ndarray) -> tuple[float, bool]:
    """The score for REFUSED_SHARE, or the largest, and whether there are scores enough for it."""
    rank = math.ceil((len(score) + 1) * (1 - REFUSED_SHARE))
    return np.sort(score)[min(rank, len(score)) - 1], rank <= len(score)
