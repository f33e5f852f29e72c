"""The simulated file: class counts, determinism, labels that an outside Spearman agrees with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from benchmarks.population import CYTOTOXIC_T, HELPER2, MEMORY, NAIVE_CYTOTOXIC, NK, TYPES
from benchmarks.simulate import (
    CELLS_PER_TYPE,
    apply_labelling_rule,
    most_dispersed_genes,
    scale_class_counts,
    simulate_cells,
    write_cells_npy,
)
from cellclassifier.errors import InputError

N_CELLS, N_GENES = 2000, 2000


@pytest.fixture(scope="module")
def simulated():
    return simulate_cells(N_CELLS, N_GENES, seed=3)


def test_class_counts_are_exact(simulated):
    names, counts = np.unique(simulated.labels, return_counts=True)
    assert dict(zip(names, counts, strict=True)) == dict(
        zip(TYPES, scale_class_counts(N_CELLS), strict=True)
    )


@pytest.mark.parametrize("n_cells", [88, 89, 500, 1234, 8000, 65943, 70001])
def test_scaled_class_counts(n_cells):
    counts = scale_class_counts(n_cells)
    assert counts.sum() == n_cells
    assert counts.min() >= 8
    assert (np.diff(counts) <= 0).all()  # the order of the real counts


def test_class_counts_of_the_real_file():
    assert tuple(scale_class_counts(65943)) == CELLS_PER_TYPE


@pytest.mark.slow
def test_same_seed_same_cells():
    first, again, other = (simulate_cells(200, 1000, seed) for seed in (3, 3, 4))
    assert (again.counts != first.counts).nnz == 0
    assert (again.labels == first.labels).all()
    assert (other.counts != first.counts).nnz > 0


def test_counts_look_like_umi_counts(simulated):
    assert simulated.counts.shape == (N_CELLS, N_GENES)
    assert simulated.counts.dtype == np.int32
    assert simulated.counts.data.min() >= 1
    assert len(set(simulated.gene_ids)) == N_GENES


@pytest.mark.slow
def test_full_width_has_about_550_genes_per_cell():
    cells = simulate_cells(300, 16769, seed=0)
    assert 500 < cells.counts.nnz / 300 < 600


def test_labels_by_an_outside_spearman(simulated):
    genes = simulated.rule_genes
    for row in range(0, N_CELLS, 20):
        cell = simulated.counts[row, genes].toarray().ravel()
        match = [spearmanr(cell, profile).statistic for profile in simulated.references[:, genes]]
        ranking = [TYPES[i] for i in np.argsort(match)[::-1]]
        assert simulated.labels[row] == label_in_words(*ranking[:2])


def label_in_words(best, second):
    if best == "CD4+ T Helper2" and second in (
        "CD4+/CD25 T Reg",
        "CD4+/CD45RO+ Memory",
        "CD4+/CD45RA+/CD25- Naive T",
    ):
        return second
    if best == "CD8+ Cytotoxic T" and second == "CD8+/CD45RA+ Naive Cytotoxic":
        return second
    return best


@pytest.mark.parametrize(
    ("best", "second", "label"),
    [
        (HELPER2, MEMORY, MEMORY),
        (HELPER2, CYTOTOXIC_T, HELPER2),
        (CYTOTOXIC_T, NAIVE_CYTOTOXIC, NAIVE_CYTOTOXIC),
        (CYTOTOXIC_T, NK, CYTOTOXIC_T),
        (NAIVE_CYTOTOXIC, CYTOTOXIC_T, NAIVE_CYTOTOXIC),
        (MEMORY, HELPER2, MEMORY),
    ],
)
def test_rule_and_exceptions(best, second, label):
    correlations = np.zeros((1, len(TYPES)))
    correlations[0, [TYPES.index(best), TYPES.index(second)]] = 0.5, 0.4
    assert apply_labelling_rule(correlations) == [label]


def test_rule_genes_are_the_dispersed_genes_of_the_finished_cells(simulated):
    found = most_dispersed_genes(simulated.counts, len(simulated.rule_genes))
    assert np.isin(found, simulated.rule_genes).mean() > 0.9


def test_file_loads_back(simulated, tmp_path):
    path = tmp_path / "folder" / "cells.npy"
    write_cells_npy(simulated, path)
    content = np.load(path, allow_pickle=True).item()
    assert content["UMI"].format == "csc"
    assert (content["UMI"] != simulated.counts).nnz == 0
    assert (content["classes"] == simulated.labels).all()
    assert (content["gene_ids"] == simulated.gene_ids).all()
    assert [file.name for file in path.parent.iterdir()] == ["cells.npy"]


def test_too_few_cells_or_genes_are_named():
    with pytest.raises(InputError, match="80 cells"):
        simulate_cells(80)
    with pytest.raises(InputError, match="10 genes"):
        simulate_cells(500, 10)
