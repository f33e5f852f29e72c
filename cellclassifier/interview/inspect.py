"""What a file of cells holds and what is suspicious about it, also where it cannot be used."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata.utils import make_index_unique

from cellclassifier.data import features
from cellclassifier.data.gene_symbols import drop_unmapped, symbols_of
from cellclassifier.data.labels import MISSING, with_type
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import described
from cellclassifier.data.studies import at_level, open_studies
from cellclassifier.data.validate import (
    as_csr,
    check_groups,
    check_labels,
    check_names,
    drop_or_refuse_empty,
)
from cellclassifier.errors import InputError

NO_GROUP = "(no group)"
SMALL_TYPE = 10  # cells
FEWEST_CELLS = 30  # that a picture of types, or a word about labels, can be drawn from
FEWEST_GENES = 3  # whose share of the counts differs between cells: a plane needs two dimensions
SOME_CELLS = 1000
FEW_COUNTS = 100  # of a cell, fewer than any sequencing of whole cells that is of use has
WHOLE_GENOME = 5000  # genes, so that few counts are no matter of few genes
HIGH_MITOCHONDRIAL = 0.2  # share of a cell's counts, above which it is taken for a dying cell


@dataclass(frozen=True)
class Inspected:
    """A file's cells, repaired so far that they can be shown, and what had to be repaired."""

    cells: ad.AnnData
    source: dict  # the file's name, SHA-256 and shape
    suspicious: list[str]
    has_counts: bool  # False: the values are no raw counts, so only their extent can be shown

    def comparable(self) -> ad.AnnData:
        """The cells that have a type and any counts: the others have no profile to compare.

        Raises InputError, saying what is missing, where types cannot be compared.
        """
        totals = features.total_counts(self.cells.X)
        cells = self.cells[(totals > 0) & self.cells.obs["has_type"].to_numpy()]
        if not self.has_counts:
            raise InputError("the values are no raw counts")
        if cells.obs["cell_type"].nunique() < 2:
            raise InputError("fewer than 2 types have counts")
        if cells.n_obs < FEWEST_CELLS:
            raise InputError(f"{cells.n_obs} cells have counts, at least {FEWEST_CELLS} are needed")
        first = cells.X[:SOME_CELLS]  # which nearly always are enough to see it
        if n_varying(first) < FEWEST_GENES and n_varying(cells.X) < FEWEST_GENES:
            raise InputError(f"fewer than {FEWEST_GENES} genes differ between cells")
        return cells.copy()


def inspect_cells(options: CellsOptions) -> Inspected:
    """Read cells that need not be usable; every flaw is a sentence in ``suspicious``.

    Duplicate names get a suffix, cells whose labels are no types stay, and so do empty ones (with
    --drop-empty-cells they go). Raises InputError only where there is nothing to show: no
    file, no cells file, a matrix that does not fit its names.
    """
    source = open_studies(options)
    obs, var = source.obs(options.label_key, options.group_key), source.var
    suspicious: list[str] = []
    matrix = _tried(suspicious, source.counts)
    has_counts = matrix is not None
    if not has_counts:
        matrix = _finite_values(source.whole())
    _tried(suspicious, check_names, obs.index, "cell name")
    _tried(suspicious, check_groups, obs)
    _tried(suspicious, check_names, var.index, "gene id")
    typed, others = with_type(obs["cell_type"], options.keep_labels, options.ignore_labels)
    if others:
        suspicious.append(f"{others}; training leaves them out (--keep-labels)")
    if typed.any():
        obs.loc[typed, "cell_type"] = at_level(obs["cell_type"][typed], options)
        _tried(suspicious, check_labels, obs[typed])
    cells = ad.AnnData(matrix, obs=_shown(obs, typed))
    cells.var_names = _unique(var.index)
    cells.var["gene_symbol"] = symbols_of(cells.var_names.to_numpy(str), options.ask_mygene)
    if has_counts and options.drop_empty_cells:
        cells = drop_or_refuse_empty(cells, True)
    if options.drop_unmapped_genes:
        cells = drop_unmapped(cells)
    return Inspected(cells, described(source), suspicious + _odd(cells, has_counts), has_counts)


def _shown(obs: pd.DataFrame, typed: np.ndarray) -> pd.DataFrame:
    """cell_type, group where asked for, and whether the label is a type, of every cell."""
    shown = {"cell_type": pd.Categorical(obs["cell_type"].fillna(MISSING).astype(str))}
    if "group" in obs:
        shown["group"] = pd.Categorical(obs["group"].fillna(NO_GROUP).astype(str))
    return pd.DataFrame(shown | {"has_type": typed}, index=_unique(obs.index))


def _tried(suspicious: list[str], check, *arguments):
    try:
        return check(*arguments)
    except InputError as error:
        suspicious.append(str(error))


def _finite_values(counts) -> sp.csr_matrix:
    """The values that are no counts, so far as they can be shown; zeros where not finite."""
    values = as_csr(counts).astype(np.float32, copy=True)
    values.data[~np.isfinite(values.data)] = 0
    values.eliminate_zeros()
    return values


def _unique(names: pd.Index) -> pd.Index:
    """Names as texts; the second and later of a name get a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that end in such a number already
        return make_index_unique(pd.Index(names.astype(str).to_numpy()))


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
    few = (totals < FEW_COUNTS).mean()
    if few > 0.05 and cells.n_vars >= WHOLE_GENOME:
        found.append(f"{few:.0%} of cells have under {FEW_COUNTS} counts: empty droplets?")
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


def n_varying(counts: sp.csr_matrix) -> int:
    """Genes whose log-normalised expression is not the same in all cells."""
    return int(features.varying(counts).sum())


def mitochondrial_share(cells: ad.AnnData) -> np.ndarray | None:
    """Share of each cell's counts in genes named MT-..., or None without such a gene."""
    is_mitochondrial = cells.var["gene_symbol"].astype(str).str.upper().str.startswith("MT-")
    if not is_mitochondrial.any():
        return None
    counts = features.total_counts(cells.X[:, is_mitochondrial.to_numpy()])
    return counts / np.maximum(features.total_counts(cells.X), 1)
