"""Made-up results to draw, and what a figure shows of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from cellclassifier.protocol.metrics import METRICS

METHODS = ("random_forest", "rank_regression", "logistic_regression", "gbdt", "majority")
LONG_TYPES = [f"CD8+/CD45RA+ Naive Cytotoxic {i}" for i in range(13)]


def summary_of(methods, seed=0, n_splits=3) -> pd.DataFrame:
    """Mean and standard deviation of every metric, by method and part."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [methods, ["train", "val", "test"]], names=["method", "part"]
    )
    names = [*METRICS, "ece", "fit_seconds"]
    columns = pd.MultiIndex.from_product([names, ["mean", "std"]])
    table = pd.DataFrame(rng.uniform(0.1, 0.9, (len(index), len(columns))), index, columns)
    table.loc[:, (slice(None), "std")] *= 0.05
    for name in [*METRICS, "ece"]:
        table[name, "low"], table[name, "high"] = (
            table[name, "mean"] - 0.04,
            table[name, "mean"] + 0.03,
        )
    if n_splits == 1:
        table.loc[:, (slice(None), "std")] = np.nan
    return table.assign(n_splits=n_splits, n_cells=312 if n_splits > 1 else 104)


def pairs_of(methods, apart=()) -> pd.DataFrame:
    """Every pair of methods in every metric; those of ``apart`` are told apart."""
    found = {frozenset(pair) for pair in apart}
    rows = [
        (a, b, metric, 0.001 if frozenset((a, b)) in found else 0.4)
        for a, b in combinations(methods, 2)
        for metric in [*METRICS, "ece"]
    ]
    return pd.DataFrame(rows, columns=["method_a", "method_b", "metric", "p_holm"])


def predictions_of(n_types, seed=0, skill=0.7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Types, labels and predictions."""
    rng = np.random.default_rng(seed)
    types = np.array(LONG_TYPES[:n_types])
    codes = np.arange(60 * n_types) % n_types
    wrong = rng.uniform(size=len(codes)) > skill
    guesses = np.where(wrong, rng.integers(n_types, size=len(codes)), codes)
    return types, types[codes], types[guesses]


def reliability_of(seed) -> pd.DataFrame:
    """Twelve points of a reliability curve."""
    confidence = np.linspace(0.1, 0.98, 12)
    accuracy = confidence * np.random.default_rng(seed).uniform(0.6, 1, 12)
    return pd.DataFrame({"confidence": confidence, "accuracy": accuracy, "n_cells": 50})


def texts_of(figure: Figure) -> list[Text]:
    """Every visible text, the titles at the left and right of axes included."""
    found = figure.findobj(Text)
    return [text for text in found if text.get_visible() and text.get_text().strip()]
