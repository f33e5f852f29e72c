"""A file in sentences, for people; and how many cells there are of each type."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellclassifier.data import features
from cellclassifier.data.gene_names import kind_of_ids
from cellclassifier.interview.inspect import Inspected, mitochondrial_share
from cellclassifier.interview.label_origin import Origin
from cellclassifier.interview.numbers import Numbers


def data_summary(inspected: Inspected, numbers: Numbers) -> pd.DataFrame:
    """The file as it is printed: columns quantity and value (text), one row each.

    numbers: ``numbers_of_file``.
    """
    what = ("counts", "counts") if inspected.has_counts else ("values", "sum of values")
    zeros, largest = numbers["entries", "zero_share"], numbers["entries", "largest"]
    rows = {
        "file": inspected.source["file"],
        "cells": f"{numbers['cells', 'number']:,}",
        "genes": f"{numbers['genes', 'number']:,} ({kind_of_ids(inspected.cells.var_names)})",
        "types": f"{numbers['types', 'number']}",
        "zeros": f"{zeros:.1%} of all entries",
        f"{what[1]} per cell": _spread(numbers, f"{what[0]}_per_cell"),
        "genes per cell": _spread(numbers, "genes_per_cell"),
        "largest entry": f"{largest:,.6g}",
        "genes in no cell": f"{numbers['genes_in_no_cell', 'number']:,}",
        "genes without a symbol": f"{numbers['genes_without_symbol', 'number']:,}",
        "mitochondrial share": _mitochondrial(numbers, inspected.has_counts),
    }
    rows |= {f"suspicious {i}": text for i, text in enumerate(inspected.suspicious, start=1)}
    return pd.DataFrame(rows.items(), columns=["quantity", "value"])


def label_rows(origin: Origin) -> list[tuple[str, str]]:
    """Rows of the same table on where the labels come from."""
    return [
        ("labels, largest type", f"{origin.majority:.1%} of cells"),
        ("labels, best Spearman match", f"{origin.rank_match:.1%} right"),
        ("labels, learned rank rule", f"{origin.rank_rule:.1%} right"),
        ("labels, model of all genes", f"{origin.all_genes:.1%} right (z = {origin.z:+.1f})"),
        ("labels", origin.sentence),
    ]


def data_remarks(inspected: Inspected, rows: list[tuple[str, str]]) -> pd.DataFrame:
    """What is known of the file and is no number: columns topic and remark.

    rows: of the printed table, beyond those of ``data_summary``; those of numbers are left out.
    """
    remarks = [("file", inspected.source["file"])]
    remarks += [("gene_ids", kind_of_ids(inspected.cells.var_names))]
    remarks += [("suspicious", text) for text in inspected.suspicious]
    rows = [row for row in rows if not row[0].startswith("labels, ")]
    remarks += [(topic.replace(" ", "_"), text) for topic, text in rows]
    return pd.DataFrame(remarks, columns=["topic", "remark"])


def _mitochondrial(numbers: Numbers, has_counts: bool) -> str:
    median, largest = (numbers["mitochondrial_share", name] for name in ("median", "largest"))
    if np.isnan(median):
        return f"unknown ({'no gene is named MT-...' if has_counts else 'no raw counts'})"
    return f"{median:.1%} of a cell's counts (median), {largest:.1%} at most"


def _spread(numbers: Numbers, quantity: str) -> str:
    names = ("median", "quantile_05", "quantile_95")
    median, low, high = (numbers[quantity, name] for name in names)
    return f"{median:,.0f} (median), {low:,.0f} to {high:,.0f} (5 % to 95 %)"


def cells_per_type(inspected: Inspected) -> pd.DataFrame:
    """One row per type, largest first: cell_type, n_cells, cell_share, and medians."""
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
    result["cell_share"] = result["n_cells"] / len(table)
    result = result.join(medians).reset_index()
    return result.sort_values(["n_cells", "cell_type"], ascending=[False, True], ignore_index=True)
