"""Tables of a run, put together from the parts of its splits."""

from __future__ import annotations

import pandas as pd


def history(parts: list[dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """The histories of all splits, one below the other, split first."""
    rows = [row for part in parts for row in part["history"].to_dict("records")]
    table = pd.DataFrame(rows)
    return table[["split", *table.columns.drop("split")]]


def in_short(summary: pd.DataFrame) -> str:
    """Test scores as a person reads them: mean +- standard deviation."""
    test = summary.xs("test", level="dataset")
    names = ("accuracy", "macro_f1", "mcc", "ece_raw", "ece", "fit_seconds")
    scores = [f"{n} {test[n]['mean'].iloc[0]:.3f} +- {test[n]['std'].iloc[0]:.3f}" for n in names]
    return "test cells: " + ", ".join(scores)
