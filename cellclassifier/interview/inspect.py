"""What a file of cells holds and what is suspicious about it, also where it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

from cellclassifier.data import features
from cellclassifier.data import gene_symbols as genes
from cellclassifier.data.open import open_file
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import described
from cellclassifier.data.validate import (
    check_counts,
    check_labels,
    check_names,
    drop_or_refuse_empty,
)
from cellclassifier.errors import InputError
from cellclassifier.protocol.splits import subsample

NO_LABEL = "(no label)"
SMALL_TYPE = 10  # cells
HIGH_MITOCHONDRIAL = 0.2  # share of a cell's counts, above which it is taken for a dying cell
MAX_SHOWN = 20_000  # cells in a PCA or UMAP
N_SHOWN_GENES = 2000  # of highest dispersion, that a PCA looks at
N_NEIGHBORS = 15
N_QUERIES = 2000  # cells whose neighbours are looked up


@dataclass(frozen=True)
class Inspected:
    """A file's cells, repaired so far that they can be shown, and what had to be repaired."""

    cells: ad.AnnData
    source: dict  # the file's name, SHA-256 and shape
    suspicious: list[str]
    has_counts: bool  # False: the values are no raw counts, so only their extent can be shown


def inspect_cells(options: CellsOptions) -> Inspected:
    """Read cells that need not be usable; every flaw is a sentence in ``suspicious``.

    Duplicate names get a suffix, missing labels become a type of their own, empty cells stay
    (with --drop-empty-cells they go). Raises InputError only where there is nothing to show: no
    file, no cells file, a matrix that does not fit its names.
    """
    source = open_file(options.cells, options.layer)
    obs, var = source.obs(options.label_key, options.group_key), source.var
    counts = source.whole()
    suspicious: list[str] = []
    matrix = _tried(suspicious, check_counts, counts, len(obs), len(var))
    has_counts = matrix is not None
    if not has_counts:
        matrix = _finite_values(counts)
    _tried(suspicious, check_names, obs.index, "cell name")
    _tried(suspicious, check_names, var.index, "gene id")
    _tried(suspicious, check_labels, obs)
    labels = pd.Categorical(obs["cell_type"].fillna(NO_LABEL).astype(str))
    cells = ad.AnnData(matrix, obs=pd.DataFrame({"cell_type": labels}, index=_unique(obs.index)))
    cells.var_names = _unique(var.index)
    cells.var["gene_symbol"] = genes.symbols_of(cells.var_names.to_numpy(str))
    if has_counts and options.drop_empty_cells:
        cells = drop_or_refuse_empty(cells, True)
    if options.drop_unmapped_genes:
        cells = genes.drop_unmapped(cells)
    return Inspected(cells, described(source), suspicious + _odd(cells, has_counts), has_counts)


def _tried(suspicious: list[str], check, *arguments):
    try:
        return check(*arguments)
    except InputError as error:
        suspicious.append(str(error))


def _finite_values(counts) -> sp.csr_matrix:
    """The values that are no counts, so far as they can be shown; zeros where not finite."""
    values = sp.csr_matrix(counts, dtype=np.float32, copy=True)
    values.data[~np.isfinite(values.data)] = 0
    values.eliminate_zeros()
    return values


def _unique(names: pd.Index) -> pd.Index:
    """Names as texts; the second and later of a name get a number."""
    texts = names.astype(str).to_series()
    number = texts.groupby(texts.to_numpy()).cumcount().to_numpy()
    return pd.Index([f"{t}-{n}" if n else t for t, n in zip(texts, number, strict=True)])


def _odd(cells: ad.AnnData, has_counts: bool) -> list[str]:
    """Sentences about what no check refuses, but a person should look at."""
    found = []
    labels = cells.obs["cell_type"].astype(str)
    sizes = labels.value_counts()
    small = sizes[sizes < SMALL_TYPE]
    if len(small):
        named = ", ".join(f"{name} ({n})" for name, n in small.items())
        found.append(f"types with fewer than {SMALL_TYPE} cells: {named}")
    alike = sizes.groupby(sizes.index.str.strip().str.casefold()).size()
    if (alike > 1).any():
        found.append(f"types whose names differ in case or blanks only: {alike.idxmax()!r}")
    if has_counts:
        found += _odd_counts(cells)
    return found


def _odd_counts(cells: ad.AnnData) -> list[str]:
    found = []
    totals = features.total_counts(cells.X)
    if (totals == 0).any():
        found.append(f"{(totals == 0).sum():,} cells have no counts (--drop-empty-cells)")
    if len(totals) > 1 and np.ptp(totals) == 0:
        found.append(f"every cell has {totals[0]:,.0f} counts: downsampled or normalised before")
    if cells.X.nnz and cells.X.data.max() == 1:
        found.append("no count is above 1: the data seem to be presence and absence only")
    copies = n_duplicates(cells.X)
    if copies:
        found.append(f"{copies:,} cells have exactly the counts of another cell: duplicates?")
    share = mitochondrial_share(cells)
    if share is not None and (share > HIGH_MITOCHONDRIAL).mean() > 0.05:
        many = (share > HIGH_MITOCHONDRIAL).mean()
        found.append(f"{many:.0%} of cells have over {HIGH_MITOCHONDRIAL:.0%} mitochondrial counts")
    return found


def n_duplicates(counts: sp.csr_matrix) -> int:
    """Cells with any count whose counts are all equal to those of an earlier cell."""
    seen, copies = set(), 0
    for start, stop in zip(counts.indptr[:-1], counts.indptr[1:], strict=True):
        if stop > start:
            row = hash(counts.indices[start:stop].tobytes() + counts.data[start:stop].tobytes())
            copies += row in seen
            seen.add(row)
    return copies


def mitochondrial_share(cells: ad.AnnData) -> np.ndarray | None:
    """Share of each cell's counts in genes named MT-..., or None without such a gene."""
    is_mitochondrial = cells.var["gene_symbol"].astype(str).str.upper().str.startswith("MT-")
    if not is_mitochondrial.any():
        return None
    counts = features.total_counts(cells.X[:, is_mitochondrial.to_numpy()])
    return counts / np.maximum(features.total_counts(cells.X), 1)


def data_summary(inspected: Inspected) -> pd.DataFrame:
    """The file in numbers: columns quantity and value (text), one row each."""
    cells = inspected.cells
    per_cell = features.total_counts(cells.X)
    n_genes = np.diff(cells.X.indptr)
    unseen = cells.n_vars - len(np.unique(cells.X.indices))
    kind = genes.kind_of_ids(cells.var_names)
    nameless = (cells.var["gene_symbol"] == cells.var_names).sum() if kind == genes.ENSEMBL else 0
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


def embedded(cells: ad.AnnData, seed: int, umap: bool) -> tuple[ad.AnnData, float]:
    """A PCA (and UMAP) of the cells by scanpy, and how many neighbours share a cell's type.

    Looks at no more than ``MAX_SHOWN`` cells, drawn within the types, and their ``N_SHOWN_GENES``
    genes of highest dispersion, log-normalised, as a sparse matrix. Returns cells with
    obsm["X_pca"] (and obsm["X_umap"]), and the mean share of the ``N_NEIGHBORS`` nearest cells (in
    the PCA's space) that have the same type.
    """
    import scanpy as sc

    labels = cells.obs["cell_type"].to_numpy().astype(str)
    shown = cells[subsample(labels, MAX_SHOWN, seed)]
    labels = shown.obs["cell_type"].to_numpy().astype(str)
    values = features.log_normalize(shown.X, features.total_counts(shown.X))
    dispersion = features.gene_scores(shown.X, labels, "dispersion")
    best = np.sort(np.argsort(-dispersion, kind="stable")[:N_SHOWN_GENES])
    result = ad.AnnData(values[:, best], obs=shown.obs[["cell_type"]].copy())
    sc.pp.pca(result, n_comps=min(50, *(np.array(result.shape) - 1)), random_state=seed)
    if umap:
        sc.pp.neighbors(result, n_neighbors=N_NEIGHBORS, use_rep="X_pca", random_state=seed)
        sc.tl.umap(result, random_state=seed)
    return result, _neighbour_agreement(result.obsm["X_pca"], labels, seed)


def _neighbour_agreement(space: np.ndarray, labels: np.ndarray, seed: int) -> float:
    queries = np.random.default_rng(seed).permutation(len(labels))[:N_QUERIES]
    k = min(N_NEIGHBORS, len(labels) - 1)
    found = NearestNeighbors(n_neighbors=k + 1).fit(space).kneighbors(space[queries])[1]
    others = [row[row != query][:k] for row, query in zip(found, queries, strict=True)]
    return float(np.mean(labels[np.stack(others)] == labels[queries][:, None]))
