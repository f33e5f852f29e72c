"""Every figure that sets the methods of a summary side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.calibration import reliability_curves
from cellclassifier.plots.comparison import metric_comparison, score_against_time
from cellclassifier.plots.confusion import confusion_matrix
from cellclassifier.plots.style import METRIC_NAMES


def comparison_figures(
    summary: pd.DataFrame,
    types: np.ndarray,
    predictions: Callable[[str], pd.DataFrame],
    reliability: Callable[[pd.DataFrame], pd.DataFrame],
) -> Iterator[tuple[str, Figure]]:
    """Names and figures: every metric, score against time, every confusion matrix, calibration.

    summary: mean and std over splits, rows (method, dataset); types: in the order to show;
    predictions: of a method's test cells, with label and predicted; reliability: of such a table,
    the points of a reliability curve.
    """
    for metric in METRIC_NAMES:
        yield f"{metric}_comparison", metric_comparison(summary, metric)
    yield "macro_f1_against_seconds", score_against_time(summary)
    curves = {}
    for method in summary.index.unique("method"):
        test = predictions(method)
        figure = confusion_matrix(test["label"], test["predicted"], types, method)
        yield f"confusion_{method}", figure
        curves[method] = reliability(test)
    ece = summary["ece"]["mean"].xs("test", level="dataset").to_dict()
    yield "calibration", reliability_curves(curves, ece)
