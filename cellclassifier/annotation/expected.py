"""What is to be expected of a file that lacks some of a model's genes, from measured curves."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from cellclassifier.data.cell_types import TABLES

FILE = "missing_genes.csv"  # benchmarks/incomplete.py writes it
LEAST_MISSING = 0.02  # share of the genes, of which something is said
MEASURED_ON = "FACS-sorted PBMC, genes missing at random"


@cache
def curves() -> pd.DataFrame:
    """Columns method, missing (share of the genes), macro_f1, rows of one method in order."""
    return pd.read_csv(TABLES / FILE).sort_values(["method", "missing"])


def what_to_expect(method: str, missing: float, measured: pd.DataFrame | None = None) -> str | None:
    """A sentence on a model of this method without a share of its genes, or None.

    missing: 0 to 1; measured: as ``curves``, which is the default. None where hardly a gene is
    missing, or the method was not measured. Beyond the largest share that was measured it says so.
    """
    curve = curves() if measured is None else measured
    curve = curve[curve["method"] == method]
    if missing < LEAST_MISSING or curve.empty:
        return None
    shares, scores = curve["missing"].to_numpy(), curve["macro_f1"].to_numpy()
    most = "" if missing <= shares[-1] else f" at {shares[-1]:.0%}, the most that was measured"
    kept = np.interp(missing, shares, scores)
    return (
        f"{missing:.0%} of the model's genes are missing: {method} kept a macro-F1 of {kept:.2f} "
        f"of {scores[0]:.2f} where that was measured{most} ({MEASURED_ON}). If those are "
        "missing that tell types apart, expect less."
    )
