"""A file in numbers: the tables of the interview."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellclassifier.data import features
from cellclassifier.data.gene_names import ENSEMBL, kind_of_ids
from cellclassifier.interview.inspect import Inspected, mitochondrial_share


def data_summary(inspected: Inspected) -> pd.DataFrame:
    """The file in numbers: columns quantity and value (text), one row each."""
    cells = inspected.cells
    per_cell = features.total_counts(cells.X)
    n_genes = np.diff(cells.X.indptr)
    unseen = cells.n_vars - len(np.unique(cells.X.indices))
    kind = kind_of_ids(cells.var_names)
    nameless = (cells.var["gene_symbol"] == cells.var_names).sum() if kind == ENSEMBL else 0
    share = mitochondrial_share(cells) if inspected.has_counts else None
    values = "counts" if inspected.has_counts else "sum of values"
    rows = {
        "file": inspected.source["file"],
        "cells": f"{cells.n_obs:,}",
        "genes": f"{cells.n_vars:,} ({kind})",
        "types": f"{cells.obs['cell_type'].nunique()}",
        "zeros": f"{1 - cells.X.nnz / np.prod(cells.shape, dtype=float):.1%} of all entries",
        f"{values} per cell": _spread(per_cell),
        "genes per cell": _spread(n_genes),
        "largest entry": f"{cells.X.data.max():,.6g}" if cells.X.nnz else "0",
        "genes in no cell": f"{unseen:,}",
        "genes without a symbol": f"{nameless:,}",
        "mitochondrial share": _mitochondrial(share, inspected.has_counts),
    }
    rows |= {f"suspicious {i}": text for i, text in enumerate(inspected.suspicious, start=1)}
    return pd.DataFrame(rows.items(), columns=["quantity", "value"])


def _mitochondrial(share: np.ndarray | None, has_counts: bool) -> str:
    if share is None:
        return f"unknown ({'no gene is named MT-...' if has_counts else 'no raw counts'})"
    return f"{np.median(share):.1%} of a cell's counts (median), {share.max():.1%} at most"


def _spread(values: np.ndarray) -> str:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{median:,.0f} (median), {low:,.0f} to {high:,.0f} (5 % to 95 %)"


def cells_per_type(inspected: Inspected) -> pd.DataFrame:
    """One row per type, largest first: cell_type, n_cells, share, median counts and genes."""
    cells = inspected.cells
    table = pd.DataFrame(
        {
            "cell_type": cells.obs["cell_type"].to_numpy().astype(str),
            "median_counts": features.total_counts(cells.X),
            "median_genes": np.diff(cells.X.indptr),
            "median_mitochondrial_share": mitochondrial_share(cells)
            if inspected.has_counts
            else None,
        }
    )
    grouped = table.groupby("cell_type")
    medians = grouped.median(numeric_only=True)
    result = grouped.size().rename("n_cells").to_frame()
    result["share"] = result["n_cells"] / len(table)
    result = result.join(medians).reset_index()
    return result.sort_values(["n_cells", "cell_type"], ascending=[False, True], ignore_index=True)
