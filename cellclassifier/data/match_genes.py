"""A model's genes in a new matrix, whatever its order and naming."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier.data.gene_counts import GeneCounts, picked, total_counts
from cellclassifier.data.gene_names import are_genes, kind_of_ids, species_of, strip_version
from cellclassifier.data.gene_table import with_symbols
from cellclassifier.errors import InputError

log = logging.getLogger(__name__)
NO_GENE = -2  # an antibody, a peak, a guide
# Columns of var in which people keep a second name of a gene, ids first: ids tell genes apart.
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl_ids", "ensembl", "feature_id")
SYMBOL_COLUMNS = (
    "gene_symbols",
    "gene_symbol",
    "symbol",
    "gene_name",
    "gene_names",
    "feature_name",
    "gene_short_name",
)


@dataclass(frozen=True)
class GeneMatch:
    """Which gene of a model every column of a new file is."""

    genes: np.ndarray
    """(n_genes,) str, the model's gene names"""

    target: np.ndarray
    """(n_columns,) int64, the index of the model's gene that a column is, -1 for none, -2
    (``NO_GENE``) where the column is no gene at all"""

    n_folded: int = 0
    """columns that are the model's genes only if upper and lower case are the same"""

    counted: np.ndarray | None = None
    """(n_columns,) bool, of which columns a cell's total is the sum; None: of all that are genes"""

    counted_share: float = 1.0
    """share of a cell's total that these columns hold, 0 < share <= 1"""

    @property
    def found(self) -> np.ndarray:
        """Which of the model's genes the file has, (n_genes,) bool."""
        found = np.zeros(len(self.genes), dtype=bool)
        found[self.target[self.target >= 0]] = True
        return found

    def share_found(self, importance: np.ndarray) -> float:
        """Share of the genes that are found, each weighted by its importance, 0 to 1.

        importance: (n_genes,), non-negative, on any scale; if all are 0 every gene weighs alike.
        Raises ValueError for any other importance.
        """
        importance = np.asarray(importance, dtype=np.float64)
        if importance.shape != self.genes.shape:
            raise ValueError(f"importance is {importance.shape}, expected {self.genes.shape}")
        if not np.isfinite(importance).all() or (importance < 0).any():
            raise ValueError("importance is negative or not finite")
        largest = importance.max(initial=0)
        # Divided first, so that the sum of very large values stays finite.
        weights = importance / largest if largest > 0 else np.ones(len(importance))
        return float(weights[self.found].sum() / weights.sum())

    def align(self, counts: sp.csr_matrix) -> GeneCounts:
        """Counts of the model's genes, in the model's order; columns of one gene are summed.

        counts: (n_cells, n_columns) float32. Totals are estimates where ``counted_share`` is below
        1: what the file lacks is taken to be in proportion.
        """
        if counts.shape[1] != len(self.target):
            raise ValueError(f"{counts.shape[1]} columns, expected {len(self.target)}")
        columns = np.flatnonzero(self.target >= 0)
        shape = len(self.target), len(self.genes)
        aligned = picked(counts, columns, self.target[columns], shape)
        is_counted = self.target != NO_GENE if self.counted is None else self.counted
        counted = counts if is_counted.all() else counts[:, is_counted]
        return GeneCounts(aligned, total_counts(counted) / self.counted_share, self.found)


def match_genes(genes: np.ndarray, symbols: np.ndarray, var: pd.DataFrame) -> GeneMatch:
    """Find a model's genes among the columns of a new file, the surest way first.

    A column is the model's gene that has its name; else its name without an Ensembl version; else
    the model's gene that has its symbol; and last each of these whatever the case of letters. Its
    names are ``var``'s index, then what ``ID_COLUMNS`` and ``SYMBOL_COLUMNS`` of ``var`` hold; the
    symbol of an Ensembl id, the file's or the model's, is known from the bundled table, too. What
    could be two of the model's genes is none. A gene that was found one way gets no more columns
    another way; columns that are the same gene in the same way are summed by ``align``.

    genes: (n_genes,) ids or symbols, as in the model's training file, unique.
    symbols: (n_genes,) their symbols, the gene itself where none is known.
    """
    genes, symbols = np.asarray(genes, dtype=str), np.asarray(symbols, dtype=str)
    if genes.shape != symbols.shape:
        raise ValueError(f"{symbols.shape} symbols for {genes.shape} genes: expected one each")
    symbols = np.where(symbols == genes, with_symbols(symbols), symbols)
    target = np.where(are_genes(var), np.int64(-1), NO_GENE)
    exact = 0
    taken = np.zeros(len(genes), dtype=bool)
    names = list(_names_of_columns(var))
    for keys, spell, fold_case in _ways(genes, symbols):
        index = _unambiguous(keys)
        for column_names in names:
            hits = np.array([index.get(key, -1) for key in spell(column_names)], dtype=np.int64)
            new = (target == -1) & (hits >= 0) & ~taken[hits]
            target[new] = hits[new]
            taken[hits[new]] = True
        exact = exact if fold_case else int((target >= 0).sum())
    return GeneMatch(genes, target, int((target >= 0).sum() - exact))


def _ways(genes: np.ndarray, symbols: np.ndarray) -> Iterator[tuple[np.ndarray, Callable, bool]]:
    """The model's keys, how to spell a file's names to find them, and whether case is ignored."""
    for fold, ignored in ((_as_is, False), (np.char.upper, True)):
        yield fold(genes), fold, ignored
        yield strip_version(fold(genes)), partial(_without_version, fold), ignored
        yield fold(symbols), partial(_as_symbols, fold), ignored


def _without_version(fold: Callable, names: np.ndarray) -> np.ndarray:
    return strip_version(fold(names))


def _as_symbols(fold: Callable, names: np.ndarray) -> np.ndarray:
    return fold(with_symbols(names))


def _as_is(names: np.ndarray) -> np.ndarray:
    return names


def _unambiguous(keys: np.ndarray) -> dict[str, int]:
    """Position of every key that occurs once; the empty text is no key."""
    unique, first, counts = np.unique(keys, return_index=True, return_counts=True)
    once = (counts == 1) & (unique != "")
    return dict(zip(unique[once].tolist(), first[once].tolist(), strict=True))


def _names_of_columns(var: pd.DataFrame) -> Iterator[np.ndarray]:
    """Every kind of name that a gene table has, each (n_columns,) str, empty where missing."""
    yield _texts(var.index.to_series())
    lower = [str(name).lower() for name in var.columns]
    for wanted in (*ID_COLUMNS, *SYMBOL_COLUMNS):
        for place in np.flatnonzero([name == wanted for name in lower]):
            column = var.iloc[:, place]
            if (
                isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype)
                or column.dtype == "O"
            ):
                yield _texts(column)


def _texts(column: pd.Series) -> np.ndarray:
    texts = column.astype(object)
    return texts.where(texts.notna(), "").to_numpy(str)


def require_genes(
    match: GeneMatch, importance: np.ndarray, min_share: float, var: pd.DataFrame
) -> float:
    """Share of the model's genes found, weighted by importance, having reported it in one line.

    importance: (n_genes,) as ``GeneMatch.share_found`` takes it; min_share: 0 to 1.
    Raises InputError if the share is below ``min_share``, or if no gene is found at all.
    """
    share, n_found = match.share_found(importance), match.found.sum()
    found = f"{n_found:,} of the model's {len(match.genes):,} found ({100 * share:.1f} % of their"
    log.info(f"Genes: {found} importance).")
    if (match.target == NO_GENE).any():
        log.info(
            f"{(match.target == NO_GENE).sum():,} columns are no genes (feature_types): left out."
        )
    if match.n_folded:
        log.log(
            logging.WARNING if match.n_folded > n_found / 2 else logging.INFO,
            f"{_species(match.genes, var.index)}{match.n_folded:,} of them only if upper and lower "
            "case are the same.",
        )
    if n_found and share >= min_share:
        return share
    raise InputError(
        f"{_species(match.genes, var.index)}genes: {found} importance), at least "
        f"{100 * min_share:g} % expected; the model has {_kind(match.genes)}, the file has "
        f"{_kind(var.index)}: use counts of the same species whose gene names, or a column of var "
        "such as gene_ids or gene_symbols, are of the model's kind (human Ensembl ids and symbols "
        "are translated), or accept fewer with --min-genes-found"
    )


def _kind(names) -> str:
    return f"{kind_of_ids(names)} (first: {names[0]})"


def _species(genes, names) -> str:
    """A question, where most of a file's genes look like another species' than the model's."""
    model, file = species_of(genes), species_of(names)
    if model is None or file in (None, model):
        return ""
    return f"{file.capitalize()} genes? This model is {model}: "
