"""The columns of <method>_results.csv: a row per grid point and split."""

from __future__ import annotations

import pandas as pd

from cellclassifier.protocol.metrics import METRICS

# Their tables have the original author's header, which his notebooks read; ours stands behind it.
WITH_AUTHORS_HEADER = ("random_forest", "gbdt")
SCORES = [f"{part}_{name}" for part in ("train", "val", "test") for name in METRICS]
KEYS = ["method", "split", "selected"]
TIME = "trial_seconds"


def grid_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Keys, hyperparameters and seconds, then scores; of two methods in the author's order.

    trials: ``trial_table`` of every split of one method, also one that an earlier version made.
    """
    trials = trials.rename(columns=_snake_case)
    hyperparameters = [name for name in trials if name not in {*KEYS, TIME, *SCORES}]
    if trials["method"].isin(WITH_AUTHORS_HEADER).all():
        return trials[[*SCORES, "method", *hyperparameters, "split", "selected", TIME]]
    return trials[[*KEYS, *hyperparameters, TIME, *SCORES]]


def _snake_case(name: str) -> str:
    """Names of scikit-learn's parameters, "regression__C" of a step's, as columns are called."""
    return name.replace("__", "_").lower()
