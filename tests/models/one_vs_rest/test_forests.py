"""One fit, and fits side by side: no leak, the right scores, the same with any number of jobs."""

from __future__ import annotations

import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from fitted_forests import OPTIONS, SEEDS, fits_of_small_cells, fitted, labels_of
from threads import watch_threads

from cellclassifier.models.one_vs_rest import forests, side_by_side, tables


def assert_same(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    for fit, of_fit in first.items():
        for name, table in of_fit.items():
            pd.testing.assert_frame_equal(table, second[fit][name], check_exact=True)


def test_no_training_cell_is_scored_and_prevalence_is_natural(small_cells):
    parts, finished = fits_of_small_cells()
    labels = labels_of(small_cells)
    table = tables.result_table(labels, finished)
    for _, row in table.iterrows():
        name, scheme = row["Cell Type"], row["Negative Sampling"]
        auprc, recalls = [], []
        for seed in SEEDS:
            held_out = (parts[seed] != "train").to_numpy()
            probability = finished[forests.Fit(name, scheme, seed)]["held_out"]["probability"]
            assert len(probability) == held_out.sum()
            positive = labels[held_out] == name
            auprc.append(step_average_precision(positive, probability.to_numpy()))
            recalls.append(best_recall(positive, probability.to_numpy(), 0.9))
            assert positive.mean() == pytest.approx(row["Prevalence"])
        assert row["Natural AUPRC"] == pytest.approx(np.mean(auprc))
        assert row["Natural Recall at 90% Precision"] == pytest.approx(np.mean(recalls))
        assert row["Natural AUPRC Std"] == pytest.approx(np.std(auprc, ddof=1))


def step_average_precision(positive, probability) -> float:
    """Sum of precision times gain in recall over all thresholds, written out."""
    total, before = 0.0, 0.0
    for threshold in np.unique(probability)[::-1]:
        called = probability >= threshold
        recall = (called & positive).sum() / positive.sum()
        total += (recall - before) * (called & positive).sum() / called.sum()
        before = recall
    return total


def best_recall(positive, probability, precision) -> float:
    recalls = [0.0]
    for threshold in np.unique(probability):
        called = probability >= threshold
        if (called & positive).sum() >= precision * called.sum():
            recalls.append((called & positive).sum() / positive.sum())
    return max(recalls)


@pytest.mark.parametrize("part", ["counts", "labels"])
def test_held_out_cells_change_nothing_that_is_learned(small_cells, part):
    seed = 42
    parts = forests.parts_of_repeats(small_cells, [seed])
    held_out = (parts[seed] != "train").to_numpy()
    labels = labels_of(small_cells)
    other_cells, other_labels = small_cells.copy(), labels.copy()
    if part == "counts":
        dense = small_cells.X.toarray()
        dense[held_out] = dense[held_out][::-1] * 3
        other_cells.X = sp.csr_matrix(dense)
    else:
        other_labels[held_out] = np.roll(labels[held_out], 1)
    fit = forests.Fit("B", "random", seed)
    first = forests.run_fit(fit, small_cells.X, labels, held_out, OPTIONS)
    second = forests.run_fit(fit, other_cells.X, other_labels, held_out, OPTIONS)
    np.testing.assert_array_equal(first.columns, second.columns)
    np.testing.assert_array_equal(first.mdi, second.mdi)


def test_balanced_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    positive, probability = rng.random(200) < 0.3, rng.random(200).round(2)
    balanced = rng.permutation(200)[:80]
    scores = forests.score(positive, probability, balanced)
    called = probability[balanced] > 0.5
    assert scores["accuracy"] == np.mean(called == positive[balanced])
    hits = (called & positive[balanced]).sum()
    assert scores["f1"] == pytest.approx(2 * hits / (called.sum() + positive[balanced].sum()))
    above = (
        probability[balanced][positive[balanced]][:, None]
        - probability[balanced][~positive[balanced]]
    )
    assert scores["auroc"] == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)))


@pytest.mark.parametrize("jobs", [3])
def test_results_do_not_depend_on_the_number_of_jobs(small_cells, jobs):
    assert_same(fits_of_small_cells()[1], fitted(small_cells, jobs=jobs)[1])


def test_threads_change_nothing_that_belongs_to_the_process(small_cells, monkeypatch):
    seen, filters = watch_threads(monkeypatch), list(warnings.filters)
    fitted(small_cells, jobs=3, seeds=(42,))
    assert not seen
    assert warnings.filters == filters


def test_parallel_config_is_respected(small_cells, monkeypatch):
    seen = []

    class Spy(joblib.Parallel):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            seen.append((self.n_jobs, type(self._backend).__name__))

    monkeypatch.setattr(side_by_side, "Parallel", Spy)
    with joblib.parallel_config(backend="loky", n_jobs=1):
        fitted(small_cells, jobs=3, seeds=(42,))
    fitted(small_cells, jobs=3, seeds=(42,))
    assert seen[0][0] == 1 and seen[1] == (3, "ThreadingBackend")


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_to_the_last_digit(small_cells, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    _, here = fits_of_small_cells()
    threads, run_fit = set(), forests.run_fit

    def spy(*arguments):
        threads.add(threading.current_thread().name)
        return run_fit(*arguments)

    monkeypatch.setattr(forests, "run_fit", spy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about ports and event loops of the test's own cluster
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster),
            joblib.parallel_config(backend="dask"),
        ):
            _, there = fitted(small_cells)
    assert threads and all("Dask" in name for name in threads), threads
    assert_same(here, there)
