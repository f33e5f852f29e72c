"""The tables of the one-type-or-not forests: scores, importances, expression in and out."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import total_counts
from cellclassifier.models.one_vs_rest.forests import MIN_CELLS, Fit
from cellclassifier.models.one_vs_rest.options import SCHEMES

COLUMN_NAMES = {
    "accuracy": "Accuracy",
    "f1": "F1 Score",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "natural_auprc": "Natural AUPRC",
    "natural_recall": "Natural Recall at 90% Precision",
}
TIDY_NAMES = {
    "accuracy": "balanced_draw_accuracy",
    "f1": "balanced_draw_f1",
    "auroc": "balanced_draw_auroc",
    "auprc": "balanced_draw_auprc",
    "natural_auprc": "natural_auprc",
    "natural_recall": "natural_recall_at_90_precision",
}
RESULT_COLUMNS = (
    "Cell Type",
    "Negative Sampling",
    "Accuracy",
    "F1 Score",
    "AUROC",
    "AUPRC",
    "N Samples",
    "Accuracy Std",
    "F1 Score Std",
    "AUROC Std",
    "AUPRC Std",
    "Natural AUPRC",
    "Natural AUPRC Std",
    "Natural Recall at 90% Precision",
    "Natural Recall at 90% Precision Std",
    "Prevalence",
    "N Held Out",
    "Note",
)
IMPORTANCE_COLUMNS = (
    "cell_type",
    "negative_sampling",
    "gene_id",
    "gene_symbol",
    "mdi_mean",
    "mdi_std",
    "permutation_mean",
    "permutation_std",
    "log1p_cp10k_in",
    "log1p_cp10k_out",
    "expressing_share_in",
    "expressing_share_out",
)
Finished = dict[Fit, dict[str, pd.DataFrame]]


def result_table(labels: np.ndarray, finished: Finished) -> pd.DataFrame:
    """One row per type and scheme: mean and standard deviation of the scores over repeats.

    labels: (n_cells,); columns ``RESULT_COLUMNS``. A type without fits has a row that says why.
    A single repeat has no standard deviation.
    """
    rows = []
    for name, n_cells in zip(*np.unique(labels, return_counts=True), strict=True):
        for scheme in SCHEMES:
            tables = [t for f, t in finished.items() if (f.cell_type, f.scheme) == (name, scheme)]
            row = {"Cell Type": name, "Negative Sampling": scheme}
            row |= {"Prevalence": n_cells / len(labels), "N Samples": 0, "N Held Out": 0}
            if tables:
                row |= _result_row(tables, n_cells, len(labels) - n_cells)
            else:
                row["Note"] = f"skipped: {n_cells} cells, at least {MIN_CELLS} are needed"
            rows.append(row)
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def _result_row(tables: list[dict], n_type: int, n_others: int) -> dict:
    scores = pd.concat([table["scores"] for table in tables])
    mean, std = scores.mean(), scores.std()
    row = {column: mean[name] for name, column in COLUMN_NAMES.items()}
    row |= {f"{column} Std": std[name] for name, column in COLUMN_NAMES.items()}
    row["N Samples"] = round(mean["n_cells"])
    row["N Held Out"] = round(np.mean([len(table["held_out"]) for table in tables]))
    row["Prevalence"] = mean["prevalence"]
    if n_type > n_others:
        row["Note"] = (
            f"positives subsampled to {mean['n_positives']:,.0f} of {n_type:,}: "
            f"there are only {n_others:,} negatives"
        )
    return row


def importance_table(cells: ad.AnnData, finished: Finished) -> pd.DataFrame:
    """All genes of every type and scheme, most important first; columns ``IMPORTANCE_COLUMNS``.

    mdi: mean decrease in impurity, 0 in a repeat that did not select the gene. permutation: AUROC
    lost when the gene is shuffled over held-out cells, the mean over the repeats in which it was
    measured; empty where it never was, exactly 0 where no tree looks at the gene. log1p_cp10k_in
    and _out: mean log(1 + counts per 10,000) in the type and in all other cells;
    expressing_share_in and _out: the shares of cells with any count.
    """
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    tables = []  # of a type and scheme each
    for name, expression in in_and_out(cells.X, labels).items():
        for scheme in SCHEMES:
            genes = [
                table["genes"].set_index("gene_id").reindex(cells.var_names, fill_value=0.0)
                for fit, table in finished.items()
                if (fit.cell_type, fit.scheme) == (name, scheme)
            ]
            if genes:
                table = _importances(genes).join(expression.set_index(cells.var_names))
                table = table.assign(cell_type=name, negative_sampling=scheme)
                table["gene_id"] = cells.var_names
                table["gene_symbol"] = cells.var["gene_symbol"].to_numpy()
                table = table.sort_values(["mdi_mean", "gene_id"], ascending=[False, True])
                tables.append(table[list(IMPORTANCE_COLUMNS)])
    return pd.concat(tables, ignore_index=True)


def _importances(genes: list[pd.DataFrame]) -> pd.DataFrame:
    columns = {}
    for name in ("mdi", "permutation"):
        values = pd.concat([table[name] for table in genes], axis=1).astype(float)
        columns[f"{name}_mean"] = values.mean(axis=1)  # of those that are not NaN
        columns[f"{name}_std"] = values.std(axis=1)  # none of one repeat
    return pd.DataFrame(columns)


def in_and_out(counts: sp.csr_matrix, labels: np.ndarray) -> dict[str, pd.DataFrame]:
    """Per type a table of every gene (rows), the last columns of ``IMPORTANCE_COLUMNS``."""
    types, codes = np.unique(labels, return_inverse=True)
    member = sp.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    expression = log_normalize(counts, total_counts(counts))
    sums = {"log1p_cp10k": (member @ expression).toarray()}
    expression.data[:] = 1
    sums["expressing_share"] = (member @ expression).toarray()  # cells with any count
    n_in = np.bincount(codes)
    tables = {}
    for i, name in enumerate(types):
        columns = {f"{key}_in": values[i] / n_in[i] for key, values in sums.items()}
        for key, values in sums.items():
            rest = np.delete(values, i, axis=0).sum(axis=0)
            columns[f"{key}_out"] = rest / max(1, len(labels) - n_in[i])
        tables[str(name)] = pd.DataFrame(columns)
    return tables


def held_out_predictions(
    cells: ad.AnnData, part: np.ndarray, finished: Finished, scheme: str, seed: int
) -> pd.DataFrame:
    """Every held-out cell of a repeat: part, label, the type whose forest is surest, and one
    column per type with its forest's own probability (a row does not sum to 1).

    part: (n_cells,) "train", "val" or "test".
    """
    held_out = part != "train"
    scores = {
        fit.cell_type: table["held_out"]["probability"].to_numpy(np.float32)
        for fit, table in finished.items()
        if (fit.scheme, fit.seed) == (scheme, seed)
    }
    scores = pd.DataFrame(dict(sorted(scores.items())))
    first = {
        "cell": cells.obs_names[held_out],
        "part": part[held_out],
        "label": cells.obs["cell_type"].to_numpy().astype(str)[held_out],
        "predicted": scores.columns.to_numpy()[scores.to_numpy().argmax(axis=1)],
    }
    return pd.concat([pd.DataFrame(first), scores], axis=1)


def tidy_scores(finished: Finished, scheme: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of one way to draw negatives: (mean over types per repeat, every type's own).

    method, part, split (the repeat's seed), n_cells (held out), ``TIDY_NAMES``; every type's rows
    have cell_type in place of part.
    """
    rows = [
        {"split": fit.seed, "cell_type": fit.cell_type, "n_cells": len(tables["held_out"])}
        | tables["scores"].rename(columns=TIDY_NAMES)[list(TIDY_NAMES.values())].iloc[0].to_dict()
        for fit, tables in finished.items()
        if fit.scheme == scheme
    ]
    per_type = pd.DataFrame(rows).sort_values(["split", "cell_type"], ignore_index=True)
    per_type.insert(0, "method", f"binary_rf_{scheme}")
    means = per_type.groupby(["method", "split"], as_index=False).mean(numeric_only=True)
    means.insert(1, "part", "held_out")
    return means.astype({"n_cells": int}), per_type


def in_short(results: pd.DataFrame) -> pd.DataFrame:
    """The results as a person reads them: mean +- standard deviation over repeats, if several."""
    table = results[["Cell Type", "Negative Sampling"]].copy()
    for name in ("Accuracy", "AUROC", "Natural AUPRC"):
        pairs = results[[name, f"{name} Std"]].to_numpy()
        table[name] = [_in_short(mean, std) for mean, std in pairs]
    return table.assign(**{"N Samples": results["N Samples"], "Note": results["Note"].fillna("")})


def _in_short(mean: float, std: float) -> str:
    if not np.isfinite(mean):
        return ""
    return f"{mean:.3f} +- {std:.3f}" if np.isfinite(std) else f"{mean:.3f}"
