"""Tables of a run, put together from the parts of its splits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def history(parts: list[dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """The histories of all splits, one below the other, split first."""
    rows = [row for part in parts for row in part["history"].to_dict("records")]
    table = pd.DataFrame(rows)
    return table[["split", *table.columns.drop("split")]]


def beside_other_methods(types: pd.DataFrame, output: Path) -> pd.DataFrame:
    """With the rows that other methods left in per_type_results.csv, if they are of these types.

    The table is written by more than one script; each replaces its own rows.
    """
    path = output / "results" / "per_type_results.csv"
    if not path.exists():
        return types
    others = pd.read_csv(path).query("method not in @types.method")
    same = set(others["cell_type"]) == set(types["cell_type"])
    return pd.concat([others, types], ignore_index=True) if same else types


def in_short(summary: pd.DataFrame) -> str:
    """Test scores as a person reads them: mean +- standard deviation."""
    test = summary.xs("test", level="dataset")
    names = ("accuracy", "macro_f1", "mcc", "ece_raw", "ece", "fit_seconds")
    scores = [f"{n} {test[n]['mean'].iloc[0]:.3f} +- {test[n]['std'].iloc[0]:.3f}" for n in names]
    return "test cells: " + ", ".join(scores)
