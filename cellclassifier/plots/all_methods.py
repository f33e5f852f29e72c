"""Every figure that sets the methods of a run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.calibration import reliability_curves
from cellclassifier.plots.comparison import metric_comparison, score_against_time
from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.plots.style import METRIC_NAMES


class Compared(Protocol):
    """What the figures need of a run."""

    def types(self) -> np.ndarray:
        """The types in the order to show."""

    def predictions(self, method: str) -> pd.DataFrame:
        """A method's test cells, with label and predicted."""

    def reliability(self, method: str) -> pd.DataFrame:
        """The points of a method's reliability curve."""


def comparison_figures(run: Compared, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Names and figures: every metric, score against time, every confusion matrix, calibration.

    summary: mean and std over splits, rows (method, part).
    """
    for metric in METRIC_NAMES:
        yield f"{metric}_comparison", metric_comparison(summary, metric)
    yield "macro_f1_against_seconds", score_against_time(summary)
    types, curves = run.types(), {}
    for method in summary.index.unique("method"):
        test = run.predictions(method)
        figure = confusion_matrix(test["label"], test["predicted"], types, method)
        yield f"confusion_{method}", figure
        curves[method] = run.reliability(method)
    ece = summary["ece"]["mean"].xs("test", level="part").to_dict()
    yield "calibration", reliability_curves(curves, ece)
