"""What a matrix of cells must fulfil; every violation has a sentence of its own."""

from __future__ import annotations

import logging
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.sparse_checks import usable
from cellclassifier.errors import InputError

CHUNK = 4_000_000  # stored values looked at together, so that a check needs little memory
LONGEST_LABEL = 200  # characters
# Tables of predictions have these columns beside one for each type.
RESERVED_LABELS = ("cell", "part", "label", "predicted")
LARGEST_COUNT = 2**24  # float32 holds every integer up to here

log = logging.getLogger(__name__)


def check_counts(counts, n_cells: int, n_genes: int) -> sp.csr_matrix:
    """Counts of any layout as CSR float32 without stored zeros; InputError if they are no counts.

    Needs at most one copy beside ``counts``.
    """
    if not hasattr(counts, "shape") or len(counts.shape) != 2 or counts.dtype.kind not in "iufb":
        raise InputError("the counts are no numeric matrix: expected cells x genes")
    if counts.shape != (n_cells, n_genes):
        raise ValueError(f"{counts.shape} counts, expected {(n_cells, n_genes)}")
    csr = as_csr(counts)
    for start in range(0, csr.nnz, CHUNK):
        _check_values(csr.data[start : start + CHUNK], csr)
    if csr.dtype != np.float32:
        csr = sp.csr_matrix((csr.data.astype(np.float32), csr.indices, csr.indptr), csr.shape)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr


def as_csr(counts) -> sp.csr_matrix:
    """The same values as CSR in a type that scipy knows; no copy if they are that already."""
    if not sp.issparse(counts):
        return sp.csr_matrix(usable(np.asarray(counts)))
    if counts.format == "csr" and counts.dtype.isnative and counts.dtype != np.float16:
        return sp.csr_matrix(counts)
    return sp.csr_matrix(counts.astype(usable(counts.data[:0]).dtype, copy=False))


def check_fit(path: Path, shape: tuple[int, ...], n_names: int, n_genes: int, names: str) -> None:
    """A matrix, cells x genes, of which there is any, has as many rows and columns as names.

    names: what the ``n_names`` are: "cell names", "labels".
    """
    if len(shape) != 2:
        raise InputError(f"{path} holds no numeric matrix: expected cells x genes")
    if shape != (n_names, n_genes):
        transposed = shape[0] == n_genes
        hint = "it looks transposed" if transposed else "the file does not fit together"
        raise InputError(
            f"{path}: shapes disagree: the matrix is {shape[0]} x {shape[1]}, but there are "
            f"{n_names} {names} and {n_genes} gene ids; expected cells x genes: {hint}"
        )
    if 0 in shape:
        raise InputError(
            f"{path} is empty ({shape[0]} cells x {shape[1]} genes): expected at least one of each"
        )


def check_labels(obs: pd.DataFrame) -> None:
    """Every label can be held by tables, and there are at least two types; none is missing."""
    types = obs["cell_type"].unique()
    for name in types:
        _check_label(str(name))
    if len(types) < 2:
        raise InputError(
            f"all {len(obs)} cells have the label {types[0]!r}: expected at least 2 types"
        )


def _check_label(name: str) -> None:
    if len(name) > LONGEST_LABEL:
        raise InputError(
            f"a label has {len(name)} characters ({name[:30]}...): expected at most "
            f"{LONGEST_LABEL}, as names of types are headers and legends"
        )
    if name in RESERVED_LABELS:
        raise InputError(
            f"a type is called {name!r}, as is another column of the predictions: rename it"
        )


def check_groups(obs: pd.DataFrame) -> None:
    """Every cell has a group, where groups are asked for: none of them would be one more group."""
    if "group" in obs and obs["group"].isna().any():
        raise InputError(
            f"groups are missing for {obs['group'].isna().sum()} of {len(obs)} cells "
            f"(first: {obs.index[obs['group'].isna()][0]}): choose another --group-key"
        )


def check_names(names: pd.Index, what: str) -> None:
    """Names (of cells, of genes) are present and unique."""
    check_present(names, what)
    duplicated = names[names.duplicated()]
    if len(duplicated):
        raise InputError(
            f"duplicate {what}s: {duplicated.nunique()} occur more than once "
            f"(first: {duplicated[0]}): make them unique or merge them"
        )


def check_present(names: pd.Index, what: str) -> None:
    """Names are present; two may be alike."""
    missing = names.isna() | (names.astype(str).str.strip() == "")
    if missing.any():
        raise InputError(f"{missing.sum()} of {len(names)} {what}s are missing: give each a {what}")


def drop_or_refuse_empty(cells: ad.AnnData, drop: bool) -> ad.AnnData:
    """Cells without any count have no profile to classify: refuse them, or leave them out."""
    empty = np.diff(cells.X.indptr) == 0
    if not empty.any():
        return cells
    found = f"{empty.sum()} of {len(empty)} cells have no counts"
    if empty.all():
        raise InputError("no cell has any count: the matrix holds zeros only")
    if not drop:
        first = cells.obs_names[empty][0]
        raise InputError(f"{found} (first: {first}): remove them or pass --drop-empty-cells")
    log.info(f"{found}: left out (--drop-empty-cells).")
    kept = cells[~empty].copy()
    kept.obs["cell_type"] = kept.obs["cell_type"].cat.remove_unused_categories()
    check_labels(kept.obs)
    return kept


def _check_values(values: np.ndarray, counts: sp.csr_matrix) -> None:
    if values.dtype.kind == "f":
        if np.isnan(values).any():
            raise InputError("the counts hold NaN: expected non-negative integers")
        if np.isinf(values).any():
            raise InputError("the counts hold infinite values: expected non-negative integers")
    if values.dtype.kind in "if" and values.min() < 0:
        raise InputError(
            f"the counts hold negative values ({values.min():g}): expected raw counts; "
            "scaled data cannot be used"
        )
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        raise InputError(_sentence_about_fractions(values, counts))
    if values.dtype.kind in "iuf" and values.max() > LARGEST_COUNT:
        raise InputError(f"a count of {values.max():g} is no UMI count: expected at most 2**24")


def _sentence_about_fractions(values: np.ndarray, counts: sp.csr_matrix) -> str:
    """Name log-normalised and normalised data as what they are."""
    remedy = "expected raw integer counts: use the file's raw matrix (--layer for .h5ad)"
    some = counts[:500]
    totals = np.asarray(some.sum(axis=1, dtype=np.float64)).ravel()
    if np.ptp(totals) < 0.02 * np.median(totals):
        return f"the values look normalised to {np.median(totals):,.0f} counts per cell; {remedy}"
    if values.max() < 30 and some.nnz:
        log_totals = np.asarray(np.expm1(some.astype(np.float64)).sum(axis=1)).ravel()
        if np.ptp(log_totals) < 0.02 * np.median(log_totals):
            per_cell = f"log1p of counts per {np.median(log_totals):,.0f}"
            return f"the values look log-normalised ({per_cell}); {remedy}"
        return f"the values look log-normalised (fractions up to {values.max():.2f}); {remedy}"
    first = values[values != np.rint(values)][0]
    return f"the counts hold fractions (first: {first:g}); {remedy}"
