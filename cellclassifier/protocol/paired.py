"""Are two methods told apart, or would other cells and splits turn their order round?

A paired bootstrap in two stages. Of every resample, splits are drawn with replacement, and of each
drawn split its test cells: the same cells for all methods, so that cells that are hard for all of
them do not blur the difference. A resample's score is the mean over its splits. Of the differences
of two methods come a 95 % percentile interval and a two-sided p-value, which Holm's method corrects
for the number of pairs of a metric.

Sources: Efron and Tibshirani 1993, chapters 13 and 16; two stages: Davison and Hinkley 1997,
section 3.8; pairs of cells: Berg-Kirkpatrick et al. 2012 (https://aclanthology.org/D12-1091); Holm
1979, Scandinavian Journal of Statistics 6, 65.

What it can and cannot say:

- Splits are resampled since a method's luck with its training cells is part of the noise. Two
  stages overstate the noise of cells (by a half with three splits), so that two equal methods are
  told apart in fewer than 5 % of cases; three splits that disagree tell nothing apart.
- With one split only its test cells are resampled: the luck of that one training is not in it.
- Splits share cells: training parts overlap by about 70 %, which makes splits look more alike than
  new cells would (Nadeau and Bengio 2003, doi 10.1023/A:1024068626366).
- A resample's calibration error is larger than that of the data, since its noise counts as error:
  it has no interval; differences, from which that cancels, have one.
- It is about these cells. Another donor or laboratory is another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cellclassifier.errors import InputError
from cellclassifier.protocol.answers import COMPARED, Answers
from cellclassifier.protocol.metrics import LOWER_IS_BETTER

N_SAMPLES = 4000  # enough for 5 % after the correction for 45 pairs, those of ten methods
AT_ONCE = 100  # resamples in memory: 8 MB for 10,000 test cells
LEVEL = 0.05
KEYS = ["method_a", "method_b", "metric"]
IS_UNBIASED = np.array(COMPARED) != "ece"
PAIRS = [*KEYS, "difference", "low", "high", "p_value", "p_holm", "n_splits", "n_cells"]
SCORES = ["method", "metric", "mean", "low", "high", "n_splits", "n_cells"]

AnswersOf = Mapping[str, Mapping[int, Answers]]
"""Of every method, of every split that it was scored on."""


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` found.

    scores: a row per method and metric, over all its splits: their mean, its 95 % interval; columns
    ``SCORES``. pairs: a row per pair and metric, over the splits that both were scored on: the
    difference of method_a minus method_b, its interval; columns ``PAIRS``. Pairs without a common
    split have no row. n_cells: test cells of all these splits.
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame

    def groups(self) -> pd.DataFrame:
        """Neighbours in the ranking of which no two are told apart: metric, group, method, mean.

        A method is in several groups where they overlap, as in the diagrams of Demšar 2006
        (https://jmlr.org/papers/v7/demsar06a.html); group 1 holds the best.
        """
        rows = []
        means = self.scores.pivot(index="method", columns="metric", values="mean")
        for metric in COMPARED:
            ranked = means[metric].sort_values(ascending=metric in LOWER_IS_BETTER, kind="stable")
            runs = _runs(list(ranked.index), told_apart(self.pairs, metric))
            for i, group in enumerate(runs, start=1):
                rows += [(metric, i, method, ranked[method]) for method in group]
        return pd.DataFrame(rows, columns=["metric", "group", "method", "mean"])


def compare(answers: AnswersOf, n_samples: int = N_SAMPLES) -> Comparison:
    """Every method's metrics and those of every two methods, over other cells and splits.

    The same answers give the same numbers; a further method changes nothing but p_holm. Raises
    InputError where two methods answered to different cells.
    """
    scores, pairs = [], []
    for splits, couples in _couples_by_splits(answers).items():
        chosen = {method: answers[method] for couple in couples for method in couple}
        about = {"n_splits": len(splits), "n_cells": _require_the_same_cells(chosen, splits)}
        plain, drawn = observed(chosen, splits), resampled(chosen, splits, n_samples)
        for a, b in couples:
            if a == b:
                ends = _interval(drawn[a][:, IS_UNBIASED], IS_UNBIASED)
                columns = {"metric": COMPARED, "mean": plain[a], **ends, **about}
                scores.append(pd.DataFrame({"method": a, **columns}))
            else:
                columns = _differences(plain[a] - plain[b], drawn[a] - drawn[b]) | about
                pairs.append(pd.DataFrame({"method_a": a, "method_b": b, **columns}))
    table = _stacked(pairs, PAIRS)
    table["p_holm"] = table.groupby("metric")["p_value"].transform(holm)
    return Comparison(_stacked(scores, SCORES), table)


def told_apart(table: pd.DataFrame, metric: str) -> set[frozenset[str]]:
    """The pairs of methods whose difference in a metric is beyond the noise."""
    rows = table[(table["metric"] == metric) & (table["p_holm"] < LEVEL)]
    return {frozenset(pair) for pair in zip(rows["method_a"], rows["method_b"], strict=True)}


def observed(answers: AnswersOf, splits: Sequence[int]) -> dict[str, np.ndarray]:
    """The mean over splits of every method's metrics, (n_metrics,) each."""
    return {
        method: np.mean([_plain(of_splits[split]) for split in splits], axis=0)
        for method, of_splits in answers.items()
    }


def resampled(
    answers: AnswersOf, splits: Sequence[int], n_samples: int = N_SAMPLES
) -> dict[str, np.ndarray]:
    """Every method's metrics in the same resamples, (n_samples, n_metrics) each.

    The draws depend on the splits and the numbers of their test cells alone.
    """
    rng = np.random.default_rng(splits)
    n_cells = [len(next(iter(answers.values()))[split].cells) for split in splits]
    drawn = rng.integers(len(splits), size=(n_samples, len(splits)))
    totals = {method: np.zeros((n_samples, len(COMPARED))) for method in answers}
    with threadpool_limits(1, user_api="blas"):  # small products: threads would only wait
        for i, split in enumerate(splits):
            samples = np.nonzero(drawn == i)[0]  # twice where the split was drawn twice
            for start in range(0, len(samples), AT_ONCE):
                some = samples[start : start + AT_ONCE]
                weights = _weights(rng, n_cells[i], len(some))
                for method, total in totals.items():
                    np.add.at(total, some, answers[method][split].scores(weights))
    return {method: total / len(splits) for method, total in totals.items()}


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's step-down correction for the number of tests."""
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def _weights(rng: np.random.Generator, n_cells: int, n_samples: int) -> np.ndarray:
    """How often each cell was drawn, (n_samples, n_cells)."""
    cells = rng.integers(n_cells, size=(n_samples, n_cells))
    places = cells + n_cells * np.arange(n_samples)[:, None]
    counts = np.bincount(places.ravel(), minlength=n_samples * n_cells)
    return counts.reshape(n_samples, n_cells).astype(float)


def _stacked(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True).reindex(columns=columns)


def _plain(answers: Answers) -> np.ndarray:
    return answers.scores(np.ones((1, len(answers.cells))))[0]


def _interval(drawn: np.ndarray, of: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Ends of the columns of ``drawn``; of: (n_metrics,) bool, whose they are, NaN for others."""
    of = np.ones(drawn.shape[1], dtype=bool) if of is None else of
    ends = np.full((2, len(of)), np.nan)
    ends[:, of] = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return {"low": ends[0], "high": ends[1]}


def _differences(plain: np.ndarray, drawn: np.ndarray) -> dict[str, object]:
    """Columns of pairs, a row per metric; plain: (n_metrics,), drawn: (n_samples, n_metrics).

    The p-value counts the data themselves as a resample, so that it is never 0 (Davison and Hinkley
    1997, section 4.2).
    """
    beyond = np.minimum((drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0))
    p_value = np.minimum(2 * (beyond + 1) / (len(drawn) + 1), 1)
    return {"metric": COMPARED, "difference": plain, **_interval(drawn), "p_value": p_value}


def _couples_by_splits(answers: AnswersOf) -> dict[tuple[int, ...], list[tuple[str, str]]]:
    """Every two methods, and each with itself, by the splits that they have in common."""
    found: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for a, b in combinations_with_replacement(answers, 2):
        if splits := tuple(sorted(answers[a].keys() & answers[b].keys())):
            found.setdefault(splits, []).append((a, b))
    return found


def _require_the_same_cells(answers: AnswersOf, splits: Sequence[int]) -> int:
    """The number of test cells of all splits; InputError where methods saw different ones."""
    first, *others = answers
    for method in others:
        for split in splits:
            if not np.array_equal(answers[first][split].cells, answers[method][split].cells):
                raise InputError(
                    f"predictions of {first} and {method} for split {split} are of different test "
                    "cells, so that they cannot be compared: run both again with --fresh"
                )
    return sum(len(answers[first][split].cells) for split in splits)


def _runs(ranked: list[str], apart: set[frozenset[str]]) -> list[list[str]]:
    """The longest runs of neighbours of which no two are told apart."""
    runs, last = [], 0
    for start in range(len(ranked)):
        end = start + 1
        while end < len(ranked) and not any(
            frozenset((ranked[end], method)) in apart for method in ranked[start:end]
        ):
            end += 1
        if end > last:
            runs.append(ranked[start:end])
            last = end
    return runs
