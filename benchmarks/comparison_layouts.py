"""What the tables of compare.py's figures in the docs hold."""

from __future__ import annotations

from benchmarks.tables import CrossTable, Table

LEVELS = ("learning", "genes", "depth", "noise", "rare")


def trial(name: str) -> CrossTable:
    """A trial: methods down, its levels across."""
    return CrossTable("comparison", "method", "`{method}`", "shown", "{score:.3f}", ("trial", name))


COMPARISON_TABLES: dict[str, Table | CrossTable] = {
    "comparison_scores": Table(
        "comparison",
        {
            "method": "`{method}`",
            "macro-F1": "{macro_f1_shown}",
            "accuracy": "{accuracy_shown}",
            "MCC": "{mcc_shown}",
            "calibration error": "{ece_shown}",
            "CPU s to learn": "{fit_cpu_seconds:.1f}",
            "CPU s for 1,000 cells": "{predict_cpu_seconds:.2f}",
            "GiB added": "{fit_added_gib:.2f}",
            "training cells": "{n_train:,.0f}",
            "splits": "{n_splits}",
            "": "{quick}",
        },
        ("trial", "plain"),
    ),
    **{
        f"comparison_{name}": trial(name)
        for name in ("learning", "genes", "depth", "noise", "rare")
    },
    "comparison_time": Table(
        "comparison_time",
        {
            "methods": "{methods}",
            "fits": "{fits}",
            "minutes": "{minutes:.1f}",
            "CPU minutes": "{cpu_minutes:.1f}",
            "cores": "{cores}",
        },
    ),
}
