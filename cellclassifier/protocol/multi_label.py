"""Several labels per cell: a probability for each, and parts that have their share of every one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit, logit
from sklearn import metrics as sk

from cellclassifier.errors import InputError
from cellclassifier.protocol.metrics import SMALLEST_PROBABILITY
from cellclassifier.protocol.options import HELD_OUT_SHARE, PARTS
from cellclassifier.protocol.targets import Targets

BOOTSTRAP_SAMPLES = 200
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class MultiLabel(Targets):
    """Any number of labels per cell, each with a probability of its own.

    answers: (n_cells, n_names) bool. A label is given where its probability is above its threshold;
    with ``at_least_one`` a cell that would have none is given its most probable one.
    """

    thresholds: np.ndarray | None = None
    """(n_names,), by default a half each; of calibrated probabilities, fixed by the model"""

    at_least_one: bool = False

    kind: ClassVar[str] = "several labels"

    def __getitem__(self, rows) -> MultiLabel:
        """Some of the cells, with the same decision rule."""
        return replace(self, answers=self.answers[rows])

    @classmethod
    def without_answers(cls, names: np.ndarray) -> MultiLabel:
        """The names alone."""
        return cls(np.empty((0, len(names)), dtype=bool), names)

    def alike(self, answers) -> MultiLabel:
        """The same question about other cells, answers (n_cells, n_names)."""
        answers = np.asarray(answers, dtype=bool)
        if answers.ndim != 2 or answers.shape[1] != len(self.names):
            raise InputError(
                f"labels are of shape {answers.shape}: expected a column for each of the "
                f"{len(self.names)} names"
            )
        return replace(self, answers=answers)

    def parts(self, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
        """70 / 15 / 15 % of every label, by iterative stratification."""
        return stratified_parts(self.answers, seed, groups)

    def tempered(self, probabilities: np.ndarray, temperature: float) -> np.ndarray:
        """Each probability's log-odds divided by the temperature."""
        if temperature == 1.0:
            return probabilities
        return expit(_log_odds(probabilities) / temperature)

    def cross_entropy(self, probabilities: np.ndarray, temperature: float) -> float:
        """Binary cross-entropy, summed over cells and labels, in nats."""
        signed = np.where(self.answers, 1, -1) * _log_odds(probabilities) / temperature
        return -float(log_expit(signed).sum())

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Labels of a probability above their thresholds, (n_cells, n_names) bool."""
        given = probabilities > (0.5 if self.thresholds is None else self.thresholds)
        if self.at_least_one and len(given):
            without = np.flatnonzero(~given.any(axis=1))
            given[without, probabilities[without].argmax(axis=1)] = True
        return given

    def texts(self, answers: np.ndarray | None = None) -> np.ndarray:
        """The names of a cell's labels, joined by " | "; empty where it has none."""
        rows = self.answers if answers is None else answers
        return np.array([" | ".join(self.names[row]) for row in rows], dtype=str)

    def score(self, probabilities: np.ndarray) -> dict[str, float]:
        """Macro-F1 (labels that never occur count 0), micro-F1, and threshold-free means."""
        given = self.decide(probabilities)
        return {
            "macro_f1": _f1(self.answers, given, "macro"),
            "micro_f1": _f1(self.answers, given, "micro"),
            **_mean_ranking_scores(self.per_name(probabilities)),
            "ece": self.calibration_error(probabilities),
        }

    def calibration_error(self, probabilities: np.ndarray) -> float:
        """Mean over the labels of the distance between probability and share of cells."""
        columns = zip(self.answers.T, probabilities.T, strict=True)
        return float(np.mean([_binary_calibration_error(*column) for column in columns]))

    def intervals(self, probabilities: np.ndarray, seed: int) -> dict[str, float]:
        """Of macro-F1 and micro-F1."""
        given, rng = self.decide(probabilities), np.random.default_rng(seed)
        draws = [rng.integers(len(self), size=len(self)) for _ in range(BOOTSTRAP_SAMPLES)]
        intervals = {}
        for average in ("macro", "micro"):
            scores = [_f1(self.answers[rows], given[rows], average) for rows in draws]
            low, high = np.quantile(scores, [0.025, 0.975])
            intervals |= {f"{average}_f1_low": float(low), f"{average}_f1_high": float(high)}
        return intervals

    def per_name(self, probabilities: np.ndarray) -> pd.DataFrame:
        """Per label precision, recall, F1, average precision, AUROC and support.

        Average precision and AUROC are empty where a label has no cell, or every one.
        """
        given = self.decide(probabilities)
        columns = sk.precision_recall_fscore_support(self.answers, given, zero_division=0)
        names = ("precision", "recall", "f1", "support")
        table = pd.DataFrame(dict(zip(names, columns, strict=True)))
        both = self.answers.any(axis=0) & ~self.answers.all(axis=0)
        rankings = (("average_precision", sk.average_precision_score), ("auroc", sk.roc_auc_score))
        for name, ranking in rankings:
            table[name] = np.nan
            for column in np.flatnonzero(both):
                value = ranking(self.answers[:, column], probabilities[:, column])
                table.loc[column, name] = value
        table.insert(0, "label", self.names)
        return table


def stratified_parts(
    answers: np.ndarray, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Iterative stratification of cells, or of whole groups, 70 / 15 / 15 % of every label.

    answers: (n_cells, n_names) bool; returns (n_cells,) "train", "val" or "test".
    """
    shares = np.array([1 - 2 * HELD_OUT_SHARE, HELD_OUT_SHARE, HELD_OUT_SHARE])
    return np.array(PARTS)[_given_out(answers, shares, seed, groups)]


def stratified_folds(
    answers: np.ndarray, n_folds: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """The same of folds of one size: the fold of every cell, (n_cells,) 0 to n_folds - 1."""
    return _given_out(answers, np.full(n_folds, 1 / n_folds), seed, groups)


def _given_out(
    answers: np.ndarray, shares: np.ndarray, seed: int, groups: np.ndarray | None
) -> np.ndarray:
    """Iterative stratification; shares: (n_parts,), sum to 1; returns (n_cells,) int.

    Sechidis et al. 2011 (doi 10.1007/978-3-642-23808-6_10): the label with the fewest cells left is
    given out first, each of its cells to the part that still wants most of that label. (The package
    iterative-stratification does so for cells, not for groups, and had its last release in 2024.)
    """
    units = np.arange(len(answers)) if groups is None else np.unique(groups, return_inverse=True)[1]
    held = np.zeros((units.max() + 1, answers.shape[1]))  # labels of every unit
    np.add.at(held, units, answers)
    sizes = np.bincount(units).astype(float)
    wanted, room = shares[:, None] * held.sum(axis=0), shares * len(answers)
    part_of, order = np.full(len(held), -1), np.random.default_rng(seed).permutation(len(held))
    for unit in _rarest_label_first(held, order):
        label = held[unit] > 0
        need = wanted[:, label].min(axis=1) if label.any() else room
        part = np.lexsort((-room, -need))[0]
        part_of[unit] = part
        wanted[part] -= held[unit]
        room[part] -= sizes[unit]
    return part_of[units]


def _rarest_label_first(held: np.ndarray, order: np.ndarray):
    """Units in the order in which they are given out; those without labels come last."""
    left = list(order)
    while left:
        rows = held[left] > 0
        counts = rows.sum(axis=0)
        if not counts.any():
            yield from left
            return
        rarest = np.where(counts > 0, counts, np.inf).argmin()
        chosen = rows[:, rarest]
        yield from np.array(left)[chosen]
        left = np.array(left)[~chosen].tolist()


def _f1(answers: np.ndarray, given: np.ndarray, average: str) -> float:
    return float(sk.f1_score(answers, given, average=average, zero_division=0))


def _mean_ranking_scores(per_name: pd.DataFrame) -> dict[str, float]:
    return {name: float(per_name[name].mean()) for name in ("average_precision", "auroc")}


def _binary_calibration_error(label: np.ndarray, probability: np.ndarray) -> float:
    bins = np.clip((probability * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1)
    gap = np.bincount(bins, label, CALIBRATION_BINS) - np.bincount(
        bins, probability, CALIBRATION_BINS
    )
    return float(np.abs(gap).sum() / len(label))


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    p = probabilities.astype(np.float64)
    return logit(np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
