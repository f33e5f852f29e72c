"""Columns that had other names once: what an earlier version left is read as if written today."""

from __future__ import annotations

import pandas as pd

NEW_NAMES = {
    "scores": {"data": "data_digest", "options": "options_digest"},
    "trials": {"fit_seconds": "trial_seconds"},
}


def with_new_names(kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table with the columns that one of its kind ("scores", "trials", "history") has today."""
    if kind == "history" and "val_baseline_accuracy" in table:
        return _with_own_columns_of_pretraining(table)
    return table.rename(columns=NEW_NAMES.get(kind, {}))


def _with_own_columns_of_pretraining(history: pd.DataFrame) -> pd.DataFrame:
    """One column held the accuracy of types or that of masked genes, as the stage had it."""
    of_genes = history["stage"] == "pretraining"
    table = history.assign(
        val_accuracy=history["val_accuracy"].mask(of_genes),
        val_masked_gene_accuracy=history["val_accuracy"].where(of_genes),
    )
    return table.rename(columns={"val_baseline_accuracy": "val_masked_gene_baseline_accuracy"})
