"""Variances of Pearson residuals against scanpy's residuals, whatever the chunks."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp
from conftest import make_cells

from cellclassifier.data import pearson_residuals
from cellclassifier.data.features import gene_scores
from cellclassifier.data.pearson_residuals import residual_variances


def by_scanpy(counts: sp.csr_matrix) -> np.ndarray:
    """The variances of the whole matrix of residuals, of genes that have any count."""
    cells = ad.AnnData(counts.toarray().astype(np.float64))
    return sc.experimental.pp.normalize_pearson_residuals(cells, inplace=False)["X"].var(axis=0)


def counted(seed: int, n_cells: int = 150, n_genes: int = 60) -> sp.csr_matrix:
    """Counts of cells of very different depth, with genes up to thousands of counts."""
    rng = np.random.default_rng(seed)
    mean = np.outer(rng.lognormal(0, 1, n_cells), rng.lognormal(-1, 2.5, n_genes))
    counts = rng.negative_binomial(2, 2 / (2 + mean))
    counts[0] += 1  # so that no gene is without counts
    return sp.csr_matrix(counts.astype(np.float32))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("chunk", [50, 10**6])
def test_they_are_scanpys(seed, chunk, monkeypatch):
    monkeypatch.setattr(pearson_residuals, "CHUNK_VALUES", chunk)
    counts = counted(seed)
    np.testing.assert_allclose(residual_variances(counts), by_scanpy(counts), rtol=1e-9)


def test_clipping_of_few_cells_is_scanpys():
    counts = counted(5, n_cells=12)
    assert residual_variances(counts).max() > 1
    np.testing.assert_allclose(residual_variances(counts), by_scanpy(counts), rtol=1e-9)


def test_a_gene_without_counts_does_not_vary():
    counts = counted(1).toarray()
    counts[:, 3] = 0
    found = residual_variances(sp.csr_matrix(counts))
    assert found[3] == 0
    np.testing.assert_allclose(
        np.delete(found, 3), by_scanpy(sp.csr_matrix(np.delete(counts, 3, 1)))
    )


def test_genes_are_ranked_by_them():
    cells = make_cells(n_cells=80)
    scores = gene_scores(cells.X, np.zeros(80), "pearson")
    seen = np.isfinite(scores)
    np.testing.assert_allclose(scores[seen], residual_variances(cells.X)[seen])
