from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import make_cells
from scipy.stats import spearmanr
from threads import watch_threads

from benchmarks.simulate import simulate_cells
from cellclassifier.data.features import log_normalize, total_counts, within_cell_ranks
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview import label_origin as labelling


def as_cells(simulated) -> ad.AnnData:
    obs = pd.DataFrame({"cell_type": pd.Categorical(simulated.labels)})
    obs.index = obs.index.astype(str)
    var = pd.DataFrame(index=simulated.gene_ids)
    return ad.AnnData(sp.csr_matrix(simulated.counts, dtype=np.float32), obs=obs, var=var)


def real_cells(shared, name: str) -> ad.AnnData:
    return read_cells(CellsOptions(cells=shared / "data" / name))


def every_third(cells: ad.AnnData) -> ad.AnnData:
    return cells[np.arange(cells.n_obs) % 3 == 0].copy()


def relabelled(cells: ad.AnnData) -> ad.AnnData:
    """The same counts, labelled by the rule with the old types' mean profiles as references."""
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    counts = cells.X[:, labelling._rule_genes(cells.X, labels)]
    expression = log_normalize(counts, total_counts(cells.X))
    everything = np.arange(len(labels))
    arguments = within_cell_ranks(counts), expression, labels, everything, everything
    result = cells.copy()
    result.obs["cell_type"] = pd.Categorical(labelling.spearman_match(*arguments))
    return result


def test_spearman_match_is_that_of_scipy():
    cells = make_cells(90)
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    expression = log_normalize(cells.X, total_counts(cells.X))
    train, test = np.arange(60), np.arange(60, 90)
    ours = labelling.spearman_match(within_cell_ranks(cells.X), expression, labels, train, test)
    types = np.unique(labels)
    profiles = [expression.toarray()[train][labels[train] == t].mean(axis=0) for t in types]
    for cell, name in zip(test, ours, strict=True):
        counts = cells.X[cell].toarray().ravel()
        assert types[np.argmax([spearmanr(counts, p)[0] for p in profiles])] == name


@pytest.mark.slow
def test_labels_of_the_simulated_rule_are_called_computed():
    cells = as_cells(simulate_cells(2000, 3000, seed=3))
    origin = labelling.origin_of_labels(cells, jobs=2)
    assert origin.verdict == "computed"
    assert "look computed from these counts" in origin.sentence
    assert origin.majority < origin.rank_match < origin.rank_rule
    largest = cells.obs["cell_type"].value_counts().iloc[0]
    assert origin.majority == pytest.approx(largest / origin.n_cells, abs=0.01)


@pytest.mark.slow
def test_a_few_simulated_cells_are_never_called_measured():
    origin = labelling.origin_of_labels(as_cells(simulate_cells(500, 2000, seed=0)))
    assert origin.verdict != "measured"


def test_sorted_cells_are_called_measured(shared):
    cells = real_cells(shared, "cells.npy")
    origin = labelling.origin_of_labels(cells, jobs=2)
    assert origin.verdict == "measured"
    assert "look measured independently" in origin.sentence


def test_the_rule_on_real_counts_is_never_called_measured(shared):
    cells = relabelled(every_third(real_cells(shared, "cells.npy")))
    assert labelling.origin_of_labels(cells).verdict != "measured"


def test_other_peoples_labels_are_never_called_computed(shared):
    cells = every_third(real_cells(shared, "pbmc3k.h5ad"))
    assert labelling.origin_of_labels(cells).verdict != "computed"


def test_an_open_sentence_says_how_far_from_decided_it_is():
    """At z = +2.4, as for ifnb, "no difference beyond chance" would be wrong at 5 %."""
    sentence = labelling.Origin(2792, 14053, 0.33, 0.76, 0.898, 0.910, 2.4).sentence
    assert "too small a difference to decide (z within ±3);" in sentence


def test_the_embedded_sample_leaves_it_open():
    cells = read_cells(CellsOptions())
    origin = labelling.origin_of_labels(cells)
    assert origin.verdict == "open"
    assert "692 cells and 765 genes leave open" in origin.sentence


def test_the_same_figures_for_any_number_of_jobs(small_cells):
    first = labelling.origin_of_labels(small_cells, jobs=1)
    assert first == labelling.origin_of_labels(small_cells, jobs=3)


def test_threads_change_nothing_that_belongs_to_the_process(small_cells, monkeypatch):
    seen, filters = watch_threads(monkeypatch), list(warnings.filters)
    labelling.origin_of_labels(small_cells, jobs=3)
    assert not seen
    assert warnings.filters == filters
    assert pd.get_option("mode.chained_assignment") == "warn"


def test_small_types_are_left_out_and_two_must_remain(small_cells):
    labels = small_cells.obs["cell_type"].astype(str).to_numpy()
    labels[:9] = "rare"
    small_cells.obs["cell_type"] = pd.Categorical(labels)
    assert labelling.origin_of_labels(small_cells).n_cells == 111
    small_cells.obs["cell_type"] = pd.Categorical(["all"] * 111 + ["rare"] * 9)
    with pytest.raises(InputError, match="fewer than 2 types have 10 cells"):
        labelling.origin_of_labels(small_cells)
