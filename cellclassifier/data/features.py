"""From raw counts of all genes to the numbers a model sees; what is learned comes from train."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.cluster import hierarchy
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import f_classif

from cellclassifier.data.gene_counts import GeneCounts, total_counts
from cellclassifier.data.pearson_residuals import residual_variances
from cellclassifier.errors import InputError

TARGET_COUNTS = 10_000  # counts per cell after library-size normalisation
LARGEST_VALUE = 5.0  # standard deviations from the mean that a network is shown
SELECTIONS = ("anova", "dispersion", "pearson")
VALUES = ("log", "rank")


class CountFeatures(TransformerMixin, BaseEstimator):
    """Selected genes of raw counts, as log-normalised values or as within-cell ranks.

    Parameters
    ----------
    n_genes : how many genes are kept (all, when there are fewer).
    selection : "anova" keeps the genes whose mean log expression differs most between the types
        (F statistic); "dispersion" those of highest normalised dispersion, labels unseen; "pearson"
        those whose Pearson residuals vary most, labels unseen.
    values : "log" is log(1 + counts per 10,000); "rank" is ``within_cell_ranks``.
    scale : divide every gene by its standard deviation over the training cells (no centring, so
        that zeros stay zeros and the matrix sparse).

    Learned from the training cells alone: ``genes_`` (kept var_names, in matrix order) and
    ``scale_`` (their standard deviations, ones when ``scale`` is off).
    """

    def __init__(self, n_genes=2000, selection="anova", values="log", scale=True):
        self.n_genes = n_genes
        self.selection = selection
        self.values = values
        self.scale = scale

    def fit(self, cells: ad.AnnData, labels: np.ndarray) -> CountFeatures:
        """Choose genes and learn their spread from cells x genes raw counts."""
        self._learn(cells, labels)
        return self

    def fit_transform(self, cells: ad.AnnData, labels: np.ndarray) -> sp.csr_matrix:
        """Fit, and return what ``transform`` would, without computing it twice."""
        return self._scaled(self._learn(cells, labels))

    def transform(self, cells: GeneCounts) -> sp.csr_matrix:
        """Features of any cells, (n_cells, n_genes) float32, from their counts of ``genes_``.

        Columns of genes that the cells' file does not have are zeros.
        """
        return self._scaled(self._unscaled(cells))

    def _learn(self, cells: ad.AnnData, labels: np.ndarray) -> sp.csr_matrix:
        columns = best_genes(cells.X, labels, self.n_genes, self.selection)
        self.genes_ = np.asarray(cells.var_names[columns], dtype=str)
        features = self._unscaled(GeneCounts.of(cells, self.genes_))
        self.scale_ = standard_deviations(features) if self.scale else np.ones(len(self.genes_))
        return features

    def _unscaled(self, cells: GeneCounts) -> sp.csr_matrix:
        if self.values == "rank":
            return ranks_among(cells.counts, cells.present)
        return log_normalize(cells.counts, cells.totals)

    def _scaled(self, features: sp.csr_matrix) -> sp.csr_matrix:
        features.data /= self.scale_.astype(np.float32)[features.indices]
        return features


def normalize(counts: sp.csr_matrix, totals: np.ndarray) -> sp.csr_matrix:
    """Counts per 10,000 counts of each cell, as a new float32 matrix."""
    factors = (TARGET_COUNTS / np.maximum(totals, 1)).astype(np.float32)
    data = counts.data * np.repeat(factors, np.diff(counts.indptr))
    return sp.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def log_normalize(counts: sp.csr_matrix, totals: np.ndarray) -> sp.csr_matrix:
    """log(1 + counts per 10,000), as a new float32 matrix that stays sparse."""
    normalized = normalize(counts, totals)
    np.log1p(normalized.data, out=normalized.data)
    return normalized


def within_cell_ranks(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Ranks of the genes within each cell, ties averaged, shifted and scaled to stay sparse.

    A gene's value is (rank - rank of an unexpressed gene) / norm, where norm makes the centred
    ranks of a cell have unit length times sqrt(n_genes): a dot product of centred values is a
    Spearman correlation, so any correlation with a profile is linear in these values. The shift
    is the same for all genes of a cell; it moves every type's score by (shift x sum of weights),
    which a model whose weights sum to zero over genes does not see.
    """
    n_genes = counts.shape[1]
    n_expressed = np.diff(counts.indptr)
    cell = np.repeat(np.arange(counts.shape[0]), n_expressed)  # of every stored count
    above_zeros = _ranks_above_zeros(counts, cell, n_genes - n_expressed)
    mean = np.bincount(cell, above_zeros, minlength=counts.shape[0]) / n_genes
    mean_square = np.bincount(cell, above_zeros**2, minlength=counts.shape[0]) / n_genes
    variance = mean_square - mean**2
    norm = np.sqrt(np.where(variance > 1e-3, variance, np.inf))  # where all genes tie: zeros
    data = (above_zeros / norm[cell]).astype(np.float32)
    return sp.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def ranks_among(counts: sp.csr_matrix, present: np.ndarray) -> sp.csr_matrix:
    """``within_cell_ranks`` among the genes that are ``present``, (n_genes,) bool; others are 0."""
    if present.all():
        return within_cell_ranks(counts)
    columns = np.flatnonzero(present)
    ranks = within_cell_ranks(sp.csr_matrix(counts[:, columns]))
    return sp.csr_matrix((ranks.data, columns[ranks.indices], ranks.indptr), shape=counts.shape)


def _ranks_above_zeros(counts: sp.csr_matrix, cell: np.ndarray, n_zeros: np.ndarray) -> np.ndarray:
    """Average rank of every stored count in its cell, minus the average rank of its zeros."""
    order = np.lexsort((counts.data, cell))
    value, owner = counts.data[order], cell[order]
    is_first = np.ones(len(order), dtype=bool)  # of a run of equal counts in one cell
    is_first[1:] = (value[1:] != value[:-1]) | (owner[1:] != owner[:-1])
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(order)) - 1
    within = (first + last) / 2 - counts.indptr[owner[first]] + 1  # 1 for the smallest count
    run = np.cumsum(is_first) - 1
    ranks = np.empty(len(order))
    ranks[order] = (within + (n_zeros[owner[first]] - 1) / 2)[run]
    return ranks


def best_genes(
    counts: sp.csr_matrix, labels: np.ndarray, n_genes: int, selection: str
) -> np.ndarray:
    """Columns of the (at most) ``n_genes`` genes of highest ``gene_scores``, sorted.

    Where none has a score, as a handful of genes has no dispersion among genes of like mean: the
    first ones that could have. Raises InputError where no gene is expressed in three cells and
    differs between them.
    """
    scores = gene_scores(counts, labels, selection)
    if not np.isfinite(scores).any():
        scores[_expressed(counts) & varying(counts)] = 0
    best = np.sort(np.argsort(-scores, kind="stable")[:n_genes])
    best = best[np.isfinite(scores[best])]
    if not len(best):
        raise InputError(
            f"none of {counts.shape[1]} genes is expressed in 3 or more of the {counts.shape[0]} "
            "training cells and differs between them: use more cells"
        )
    return best


def gene_scores(counts: sp.csr_matrix, labels: np.ndarray, selection: str) -> np.ndarray:
    """How informative each gene is, (n_genes,); minus infinity for genes in under 3 cells."""
    scores = np.full(counts.shape[1], -np.inf)
    seen = np.flatnonzero(_expressed(counts))
    if not len(seen):
        return scores
    totals = total_counts(counts)
    if selection == "anova":
        with np.errstate(divide="ignore", invalid="ignore"):
            seen_scores, _ = f_classif(log_normalize(counts, totals)[:, seen], labels)
    elif selection == "dispersion":
        seen_scores = normalized_dispersion(normalize(counts, totals)[:, seen])
    elif selection == "pearson":
        seen_scores = residual_variances(counts)[seen]
    else:
        raise ValueError(f"selection is {selection!r}, expected one of {SELECTIONS}")
    scores[seen] = np.nan_to_num(seen_scores, nan=-np.inf, posinf=np.finfo(float).max)
    return scores


def varying(counts: sp.csr_matrix) -> np.ndarray:
    """Whether a gene's log-normalised expression is not the same in all cells, (n_genes,) bool."""
    values = log_normalize(counts, total_counts(counts))
    spread = values.max(axis=0).toarray() - values.min(axis=0).toarray()
    return spread.ravel() > 1e-5  # single precision rounds


def _expressed(counts: sp.csr_matrix) -> np.ndarray:
    """Whether a gene is expressed in three cells or more, (n_genes,) bool."""
    return np.bincount(counts.indices, minlength=counts.shape[1]) >= 3


def normalized_dispersion(normalized: sp.csr_matrix) -> np.ndarray:
    """Variance over mean of each gene, standardised among genes of like mean, (n_genes,).

    The statistic of Zheng et al. 2017 (doi 10.1038/ncomms14049), by scanpy's "cell_ranger"
    flavour on library-size normalised counts. Raises InputError where over 5 % of the genes share
    one mean, as in cells downsampled to the same few counts: bins of like mean are then none.
    """
    from scanpy.preprocessing import highly_variable_genes  # slow to import

    cells = ad.AnnData(normalized)
    try:
        table = highly_variable_genes(cells, flavor="cell_ranger", inplace=False)
    except ValueError as error:
        if "Bin edges" not in str(error):
            raise
        raise InputError(
            f"of {normalized.shape[1]} genes, over 5 % have one and the same mean, so that genes "
            "cannot be ranked by dispersion: are the counts downsampled, or too few?"
        ) from error
    return table["dispersions_norm"].to_numpy()


def standard_deviations(features: sp.csr_matrix) -> np.ndarray:
    """Standard deviation of every column, (n_features,) float64, 1 where a column is constant."""
    mean = np.asarray(features.mean(axis=0, dtype=np.float64)).ravel()
    squares = sp.csr_matrix(
        (features.data.astype(np.float64) ** 2, features.indices, features.indptr), features.shape
    )
    variance = np.asarray(squares.mean(axis=0)).ravel() - mean**2
    return np.where(variance > 1e-12, np.sqrt(np.maximum(variance, 1e-12)), 1.0)


def mean_profiles(cells: ad.AnnData, labels: np.ndarray) -> pd.DataFrame:
    """Mean log-normalised expression of every gene in every type, types x genes."""
    types, codes = np.unique(labels, return_inverse=True)
    member = sp.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    sums = (member @ log_normalize(cells.X, total_counts(cells.X))).toarray()
    means = sums / np.bincount(codes)[:, None]
    return pd.DataFrame(means, index=types, columns=cells.var_names)


def similarity_order(profiles: pd.DataFrame) -> np.ndarray:
    """Types (rows) in an order that puts those of alike profile side by side."""
    if len(profiles) < 3:
        return profiles.index.to_numpy()
    with np.errstate(invalid="ignore"):
        correlation = np.corrcoef(profiles.to_numpy())  # NaN for a profile without ups and downs
    distances = np.clip(1 - np.nan_to_num(correlation), 0, 2)
    condensed = distances[np.triu_indices(len(profiles), k=1)]
    tree = hierarchy.linkage(condensed, method="average", optimal_ordering=True)
    return profiles.index.to_numpy()[hierarchy.leaves_list(tree)]


def types_by_similarity(cells: ad.AnnData) -> np.ndarray:
    """The types of obs["cell_type"], those of alike mean profile side by side."""
    return similarity_order(mean_profiles(cells, cells.obs["cell_type"].to_numpy().astype(str)))


def expression_of(cells: ad.AnnData, genes: dict[str, list[str]], types: np.ndarray) -> ad.AnnData:
    """Log-normalised values of some genes, with obs["cell_type"] in the order of ``types``.

    genes: var_names, by any heading.
    """
    shown = np.unique(np.concatenate([list(names) for names in genes.values()]))
    columns = cells.var_names.get_indexer(shown)
    values = log_normalize(cells.X, total_counts(cells.X))[:, columns]
    labels = pd.Categorical(cells.obs["cell_type"].astype(str), types)
    obs = cells.obs[["cell_type"]].assign(cell_type=labels)
    return ad.AnnData(values, obs=obs, var=cells.var.loc[shown, ["gene_symbol"]])
