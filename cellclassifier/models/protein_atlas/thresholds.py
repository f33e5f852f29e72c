"""Calibrated probabilities, and the threshold of every place: learned within the training images.

Both come from inner folds, in which every training image is judged by forests that have not seen
it. Not from out-of-bag rows: scikit-learn draws bootstraps in proportion to sample weights, so that
rare positives are in nearly every bag, and a row that never is out of bag counts as 0 there.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

SMALLEST = 1e-3  # share of positives in leaves below which forests of 100 trees cannot count
PULL = 2.0  # towards "as the forest says, at the place's prevalence", in squared log-odds
OWN_THRESHOLD_FROM = 50  # positives, below which a threshold is pulled to the common one
CANDIDATES = np.linspace(0.02, 0.9, 89)  # common thresholds that are tried
NEVER = 2.0  # a threshold that nothing reaches, of places that no training image shows
STEEPEST = 20.0


def log_odds(share: np.ndarray) -> np.ndarray:
    """Of a forest's shares, which may be 0 or 1."""
    return logit(np.clip(share, SMALLEST, 1 - SMALLEST))


def fit_scale(share: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """(slope, shift) of log-odds that make shares of balanced forests probabilities.

    Platt's method (1999), pulled towards slope 1 and the shift of the class's own log-odds, which
    undoes the balance: a place of five images is calibrated by its prevalence more than by those.

    share: (n,) of images that the forests had not seen; label: (n,) bool.
    """
    prior = float(logit((label.sum() + 0.5) / (len(label) + 1)))
    odds, sign = log_odds(share), np.where(label, 1.0, -1.0)

    def loss(scale: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = scale
        signed = sign * (slope * odds + shift)
        off = np.array([slope - 1, shift - prior])
        pulled = -sign * expit(-signed)
        gradient = np.array([pulled @ odds, pulled.sum()]) + 2 * PULL * off
        return PULL * float(off @ off) - float(log_expit(signed).sum()), gradient

    found = minimize(loss, [1.0, prior], jac=True, bounds=[(0.05, STEEPEST), (None, None)])
    return float(found.x[0]), float(found.x[1])


def scaled(share: np.ndarray, slope: float, shift: float) -> np.ndarray:
    """Calibrated probability of a forest's shares."""
    return expit(slope * log_odds(share) + shift)


def fit_thresholds(probabilities: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """The threshold of every place, (n_names,), for the best F1 of images not seen before.

    A place of fewer than ``OWN_THRESHOLD_FROM`` positives has a mixture of its own and of the
    common one, which is best for the mean over places. Places without any have ``NEVER``.

    probabilities: (n, n_names) calibrated, from inner folds; answers: (n, n_names) bool.
    """
    n_positives = answers.sum(axis=0)
    shown = n_positives > 0
    common = _best_common(probabilities[:, shown], answers[:, shown])
    thresholds = np.full(answers.shape[1], NEVER)
    for place in np.flatnonzero(shown):
        own = _best_own(probabilities[:, place], answers[:, place])
        weight = min(1.0, n_positives[place] / OWN_THRESHOLD_FROM)
        mixed = weight * logit(own) + (1 - weight) * logit(common)
        thresholds[place] = expit(mixed)
    return thresholds


def f1_at(probability: np.ndarray, label: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """F1 of "above the threshold", (n_thresholds,)."""
    given = probability[:, None] > thresholds
    right = (given & label[:, None]).sum(axis=0)
    return 2 * right / np.maximum(given.sum(axis=0) + label.sum(), 1)


def _best_common(probabilities: np.ndarray, answers: np.ndarray) -> float:
    columns = zip(probabilities.T, answers.T, strict=True)
    mean = np.mean([f1_at(*column, CANDIDATES) for column in columns], axis=0)
    return float(CANDIDATES[mean.argmax()])


def _best_own(probability: np.ndarray, label: np.ndarray) -> float:
    """In the middle of the best step between neighbouring probabilities."""
    order = np.argsort(-probability, kind="stable")
    sorted_p, hits = probability[order], label[order].cumsum()
    f1 = 2 * hits / (np.arange(1, len(label) + 1) + label.sum())
    f1[:-1][sorted_p[:-1] == sorted_p[1:]] = -1  # no threshold lies between equal ones
    best = int(f1.argmax())
    below = sorted_p[best + 1] if best + 1 < len(sorted_p) else 0.0
    return float(np.clip((sorted_p[best] + below) / 2, SMALLEST, 1 - SMALLEST))
