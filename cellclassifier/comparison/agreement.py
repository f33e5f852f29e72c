"""What methods get wrong together: agreement, cells that all get wrong, how far errors go."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from cellclassifier.data.cell_types import CellTypes, known_cell_types
from cellclassifier.data.features import log_normalize, total_counts
from cellclassifier.protocol.answers import KEYS

N_TOP_GENES = 5
Predictions = Mapping[str, pd.DataFrame]
"""Of every method, rows of the same test cells in the same order."""


def agreement(predictions: Predictions) -> pd.DataFrame:
    """Cohen's kappa of every two methods, and how often both are wrong, alike or not.

    Columns method_a, method_b, kappa, both_wrong, same_error: shares of the cells.
    """
    rows = []
    for a, b in combinations(predictions, 2):
        first, second = (predictions[name]["predicted"].to_numpy(str) for name in (a, b))
        labels = predictions[a]["label"].to_numpy(str)
        wrong = (first != labels) & (second != labels)
        kappa = 1.0 if (first == second).all() else cohen_kappa_score(first, second)
        rows.append((a, b, kappa, wrong.mean(), (wrong & (first == second)).mean()))
    columns = ["method_a", "method_b", "kappa", "both_wrong", "same_error"]
    return pd.DataFrame(rows, columns=columns)


def hard_cells(predictions: Predictions, cells: ad.AnnData, train: np.ndarray) -> pd.DataFrame:
    """Test cells that every method gets wrong: suspects of a wrong label, or of two cells in one.

    train: rows of the training cells, whose mean profiles genes are compared with. Columns cell,
    cell_type (the label), called (by most methods), n_called (how many say so), second (the second
    most probable type of the method of highest confidence), confidence, top_genes: the genes that
    stand out most from the mean of the labelled type.
    """
    first = next(iter(predictions.values()))
    labels = first["label"].to_numpy(str)
    called = np.stack([table["predicted"].to_numpy(str) for table in predictions.values()])
    rows = np.flatnonzero((called != labels).all(axis=0))
    found = [_about(row, predictions, called[:, row]) for row in rows]
    columns = ["cell", "cell_type", "called", "n_called", "second", "confidence"]
    table = pd.DataFrame(found, columns=columns)
    table["top_genes"] = _top_genes(cells, table, train)
    return table.sort_values("confidence", ascending=False, kind="stable", ignore_index=True)


def _about(row: int, predictions: Predictions, called: np.ndarray) -> tuple:
    names, counts = np.unique(called, return_counts=True)
    most = names[counts.argmax()]
    surest, confidence, second = None, -1.0, ""
    for table in predictions.values():
        types = table.columns.drop(KEYS)
        values = table.iloc[row][types].to_numpy(float)
        order = np.argsort(-values, kind="stable")
        if table["predicted"].iloc[row] == most and values[order[0]] > confidence:
            surest, confidence, second = table, float(values[order[0]]), str(types[order[1]])
    row_of = surest.iloc[row]
    return row_of["cell"], row_of["label"], most, int(counts.max()), second, confidence


def _top_genes(cells: ad.AnnData, table: pd.DataFrame, train: np.ndarray) -> list[str]:
    """Of each of some cells the genes that stand out most, as "LYZ, CST3"."""
    if table.empty:
        return []
    values = log_normalize(cells.X, total_counts(cells.X))
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    symbols = cells.var.get("gene_symbol", pd.Series(cells.var_names, cells.var_names))
    symbols = symbols.to_numpy().astype(str)
    of_train = labels[train]
    means = {
        name: np.asarray(values[train[of_train == name]].mean(axis=0)).ravel()
        for name in table["cell_type"].unique()
    }
    places = pd.Series(np.arange(cells.n_obs), cells.obs_names)
    found = []
    for cell, label in table[["cell", "cell_type"]].to_numpy(str):
        excess = values[places[cell]].toarray().ravel() - means[label]
        found.append(", ".join(symbols[np.argsort(-excess, kind="stable")[:N_TOP_GENES]]))
    return found


def distance_of_errors(predictions: Predictions) -> pd.DataFrame:
    """How far errors go: method, distance, n_cells, error_share.

    distance: ``steps_between`` the label and what the cell was called, NaN where the ontology does
    not know one of them.
    """
    types = known_cell_types()
    tables = []
    for method, rows in predictions.items():
        wrong = rows.loc[rows["label"] != rows["predicted"], ["label", "predicted"]]
        pairs = wrong.groupby(["label", "predicted"]).size().rename("n_cells").reset_index()
        pairs["distance"] = [
            steps_between(a, b, types) for a, b in pairs[["label", "predicted"]].to_numpy(str)
        ]
        counts = pairs.groupby("distance", dropna=False)["n_cells"].sum().reset_index()
        counts["error_share"] = counts["n_cells"] / max(1, counts["n_cells"].sum())
        tables.append(counts.assign(method=method))
    columns = ["method", "distance", "n_cells", "error_share"]
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )


def steps_between(a: str, b: str, types: CellTypes) -> float:
    """Steps up from one label's term and down to the other's, by their nearest common ancestor.

    Rada et al. 1989, doi 10.1109/21.24528. NaN where a label has no term.
    """
    terms = types.term_of(a), types.term_of(b)
    if None in terms:
        return float("nan")
    above_a, above_b = (types.ancestors(term) for term in terms)
    return float(min(above_a[term] + above_b[term] for term in above_a.keys() & above_b.keys()))
