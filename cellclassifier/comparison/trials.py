"""Cells made harder, alike for every method: what is drawn depends on split, trial and level."""

from __future__ import annotations

import zlib

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.augment import thinned_to
from cellclassifier.data.gene_counts import GeneCounts, total_counts
from cellclassifier.data.lineages import relatives_of
from cellclassifier.errors import InputError


def generator(split: int, trial: str, level: str) -> np.random.Generator:
    """Random numbers of one trial, the same for every method."""
    return np.random.default_rng([split, zlib.crc32(f"{trial} {level}".encode())])


def fewer_cells(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Sorted rows of a share of the cells of every type, two at least (all of fewer)."""
    kept = []
    for name in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == name))
        kept.append(rows[: max(2, round(share * len(rows)))])
    return np.sort(np.concatenate(kept))


def rare_types(labels: np.ndarray, largest: int) -> np.ndarray:
    """Which types are cut: every second one by size, of those with more than ``largest`` cells."""
    sizes = pd.Series(labels).value_counts()
    order = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    return np.array([name for name in order[1::2] if sizes[name] > largest], dtype=str)


def cut_types(
    labels: np.ndarray, names: np.ndarray, n_cells: int, rng: np.random.Generator
) -> np.ndarray:
    """Sorted rows of all cells but those of the named types beyond ``n_cells`` each."""
    kept = np.ones(len(labels), dtype=bool)
    for name in names:
        rows = rng.permutation(np.flatnonzero(labels == name))
        kept[rows[n_cells:]] = False
    return np.flatnonzero(kept)


def swapped_labels(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The labels with a share of them swapped for another type of the same lineage.

    A type that is alone in its lineage is swapped for any other, as is one that the Cell Ontology
    does not know.
    """
    names = np.unique(labels)
    if len(names) < 2:
        raise InputError(f"labels cannot be swapped: all are {', '.join(names)}, expected two")
    relatives = relatives_of(names)
    swapped = labels.astype(names.dtype, copy=True)
    for row in np.sort(rng.permutation(len(labels))[: round(share * len(labels))]):
        swapped[row] = rng.choice(relatives[labels[row]])
    return swapped


def without_genes(cells: ad.AnnData, share: float, rng: np.random.Generator) -> ad.AnnData:
    """A file that lacks a share of the genes.

    From the same state of ``rng`` a larger share lacks those of a smaller one, and more.
    """
    missing = rng.permutation(cells.n_vars)[: round(share * cells.n_vars)]
    kept = np.setdiff1d(np.arange(cells.n_vars), missing)
    return cells[:, kept].copy()


def with_fewer_counts(cells: ad.AnnData, share: float, rng: np.random.Generator) -> ad.AnnData:
    """The same cells, every count kept with this probability (binomial thinning).

    A cell of which nothing is left keeps its largest count.
    """
    counts = sp.csr_matrix(cells.X)
    whole = GeneCounts(counts, total_counts(counts), np.ones(cells.n_vars, dtype=bool))
    left = thinned_to(whole, np.full(cells.n_obs, share), rng).counts
    kept = left.data
    starts = counts.indptr[:-1][np.diff(counts.indptr) > 0]
    sums = np.add.reduceat(kept, starts) if len(starts) else np.zeros(0)
    for start in starts[sums == 0]:
        end = counts.indptr[np.searchsorted(counts.indptr, start, side="right")]
        largest = start + int(counts.data[start:end].argmax())
        kept[largest] = counts.data[largest]
    left.eliminate_zeros()
    return ad.AnnData(left, obs=cells.obs.copy(), var=cells.var.copy())
