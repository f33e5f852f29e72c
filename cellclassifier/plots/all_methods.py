"""Every figure that sets the methods of a run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.against_time import score_against_time
from cellclassifier.plots.calibration import reliability_curves
from cellclassifier.plots.comparison import all_metrics, metric_comparison
from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.plots.findings import of_test_cells
from cellclassifier.plots.style import METRIC_NAMES, NO_GENES, short


class Pairs(Protocol):
    """What the figures need of a comparison."""

    pairs: pd.DataFrame
    """method_a, method_b, metric, p_holm"""


class Compared(Protocol):
    """What the figures need of a run."""

    compared: Pairs
    source: dict
    """of the cells: file"""

    def types(self) -> np.ndarray:
        """The types in the order to show."""

    def predictions(self, method: str) -> pd.DataFrame:
        """A method's test cells, with label and predicted."""

    def reliability(self, method: str) -> pd.DataFrame:
        """The points of a method's reliability curve."""


def comparison_figures(run: Compared, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Names and figures: all metrics, each metric, score against time, confusion, calibration.

    summary: mean, std, low and high, n_splits and n_cells, rows (method, part). The method that
    looks at no gene has no confusion matrix: all its cells are in one column.
    """
    pairs, data = run.compared.pairs, short(run.source["file"])
    yield "metrics", all_metrics(summary, pairs, data)
    for metric in METRIC_NAMES:
        yield f"{metric}_comparison", metric_comparison(summary, pairs, metric, data)
    yield "macro_f1_against_seconds", score_against_time(summary, pairs, data)
    types = run.types()
    methods = of_test_cells(summary).index
    for method in methods.drop(NO_GENES, errors="ignore"):
        test = run.predictions(method)
        figure = confusion_matrix(test["label"], test["predicted"], types, method)
        yield f"confusion_{method}", figure
    curves = {method: run.reliability(method) for method in methods}
    ece = of_test_cells(summary)["ece"]["mean"].to_dict()
    yield "calibration", reliability_curves(curves, ece, pairs, data)
