"""What is known of a file as a table to compute with: quantity, statistic, value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellclassifier.data import features
from cellclassifier.data.gene_names import ENSEMBL, kind_of_ids
from cellclassifier.interview.inspect import Inspected, mitochondrial_share
from cellclassifier.interview.label_origin import Origin

QUANTILES = {"quantile_05": 0.05, "median": 0.5, "quantile_95": 0.95}
Numbers = dict[tuple[str, str], float]  # by quantity and statistic


def numbers_of_file(inspected: Inspected) -> Numbers:
    """Sizes, zeros, and what a cell holds; NaN where it cannot be known.

    Values that are no counts are summed as ``values_per_cell``.
    """
    cells = inspected.cells
    share = mitochondrial_share(cells) if inspected.has_counts else None
    per_cell = "counts_per_cell" if inspected.has_counts else "values_per_cell"
    return {
        ("cells", "number"): cells.n_obs,
        ("genes", "number"): cells.n_vars,
        ("types", "number"): cells.obs["cell_type"][cells.obs["has_type"]].nunique(),
        ("entries", "zero_share"): 1 - cells.X.nnz / np.prod(cells.shape, dtype=float),
        ("entries", "largest"): cells.X.data.max() if cells.X.nnz else 0,
        **_spread(per_cell, features.total_counts(cells.X)),
        **_spread("genes_per_cell", np.diff(cells.X.indptr)),
        ("genes_in_no_cell", "number"): cells.n_vars - len(np.unique(cells.X.indices)),
        ("genes_without_symbol", "number"): _nameless(cells),
        ("mitochondrial_share", "median"): np.nan if share is None else np.median(share),
        ("mitochondrial_share", "largest"): np.nan if share is None else share.max(),
    }


def numbers_of_labels(origin: Origin) -> Numbers:
    """Shares of labels that each explanation recovers, and McNemar's z."""
    return {
        ("labels_recovered_by_largest_type", "share"): origin.majority,
        ("labels_recovered_by_best_spearman_match", "share"): origin.rank_match,
        ("labels_recovered_by_learned_rank_rule", "share"): origin.rank_rule,
        ("labels_recovered_by_model_of_all_genes", "share"): origin.all_genes,
        ("labels_recovered_by_model_of_all_genes", "z_against_rank_rule"): origin.z,
    }


def as_table(numbers: Numbers) -> pd.DataFrame:
    """One row per number: quantity, statistic, value."""
    rows = [(*key, float(value)) for key, value in numbers.items()]
    return pd.DataFrame(rows, columns=["quantity", "statistic", "value"])


def _spread(quantity: str, values: np.ndarray) -> Numbers:
    found = np.quantile(values, list(QUANTILES.values()))
    return {(quantity, name): value for name, value in zip(QUANTILES, found, strict=True)}


def _nameless(cells) -> int:
    if kind_of_ids(cells.var_names) != ENSEMBL:
        return 0
    return int((cells.var["gene_symbol"] == cells.var_names).sum())
