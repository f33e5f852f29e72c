from __future__ import annotations

import threading
import warnings

import anndata as ad
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import make_cells
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as scikit_permutation
from threads import watch_threads

from cellclassifier.data.features import log_normalize, total_counts
from cellclassifier.errors import InputError
from cellclassifier.models.one_vs_rest import forests as binary
from cellclassifier.models.one_vs_rest import permutation, random_forest
from cellclassifier.models.one_vs_rest import tables as binary_tables
from cellclassifier.plots import one_vs_rest as binary_plots
from cellclassifier.protocol.splits import split_cells

SEEDS = (42, 43)
OPTIONS = binary.ForestOptions(n_trees=12, n_genes=25)
cell_counts = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def fitted(cells, jobs=1, seeds=SEEDS, options=OPTIONS):
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    parts = binary.parts_of_repeats(cells, seeds)
    fits = binary.plan_fits(labels, seeds)
    done = dict(binary.fit_all(fits, cells, parts, options, jobs))
    return parts, {fit: done[fit] for fit in fits}


@pytest.fixture(scope="module")
def done():
    """Parts and fits of the small cells, by one job."""
    return fitted(make_cells())


def assert_same(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    for fit, tables in first.items():
        for name, table in tables.items():
            pd.testing.assert_frame_equal(table, second[fit][name], check_exact=True)


def named(types_and_numbers: dict) -> np.ndarray:
    return np.repeat(list(types_and_numbers), list(types_and_numbers.values()))


# Drawing negatives


@given(cell_counts, st.data())
def test_even_quotas_are_as_equal_as_possible(available, data):
    available = np.array(available)
    n = data.draw(st.integers(0, int(available.sum())))
    quotas = binary.even_quotas(available, n, np.random.default_rng(0))
    assert quotas.sum() == n
    assert (quotas <= available).all()
    # A type that gives fewer than another by two or more has no cell left to give.
    has_surplus = quotas < available
    if has_surplus.any():
        assert quotas.max() - quotas[has_surplus].min() <= 1


def test_surplus_rule_in_plain_numbers():
    quotas = binary.even_quotas(np.array([3, 100, 100]), 43, np.random.default_rng(0))
    assert quotas.tolist() == [3, 20, 20]


def test_the_remainder_is_not_always_the_same_type():
    drawn = [binary.even_quotas(np.full(4, 9), 5, np.random.default_rng(i)) for i in range(40)]
    assert (np.sum(drawn, axis=0) > 40).all()  # every type gets the odd one now and then


@given(st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 30), min_size=2), st.data())
def test_draws_are_balanced_and_without_repetition(sizes, data):
    labels = np.random.default_rng(0).permutation(named(sizes))
    scheme = data.draw(st.sampled_from(binary.SCHEMES))
    name = data.draw(st.sampled_from(sorted(sizes)))
    drawn = binary.draw_balanced(labels, name, scheme, np.random.default_rng(1))
    n = min(sizes[name], len(labels) - sizes[name])
    assert len(np.unique(drawn)) == len(drawn) == 2 * n
    assert (labels[drawn] == name).sum() == n


def test_random_negatives_follow_the_other_types_shares():
    labels = named({"A": 100, "B": 900, "C": 100})
    rng = np.random.default_rng(0)
    draws = [labels[binary.draw_balanced(labels, "A", "random", rng)] for _ in range(200)]
    shares = [np.mean(drawn[drawn != "A"] == "B") for drawn in draws]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.01)
    even = labels[binary.draw_balanced(labels, "A", "even", rng)]
    assert (even == "B").sum() == (even == "C").sum() == 50


# Parts and plan


def test_parts_are_those_of_the_base_and_tiny_types_train():
    cells = make_cells(120)
    cells.obs["cell_type"] = pd.Categorical(
        np.where(np.arange(120) < 2, "tiny", cells.obs["cell_type"].astype(str))
    )
    parts = binary.parts_of_repeats(cells, SEEDS)
    assert (parts.iloc[:2] == "train").all().all()
    expected = split_cells(cells.obs["cell_type"].astype(str).to_numpy()[2:], 43)
    assert (parts[43].to_numpy()[2:] == expected).all()


def test_groups_stay_whole():
    cells = make_cells(300)
    cells.obs["group"] = np.repeat([f"donor{i}" for i in range(10)], 30)
    parts = binary.parts_of_repeats(cells, SEEDS)
    for seed in SEEDS:
        assert (pd.crosstab(cells.obs["group"], parts[seed]) > 0).sum(axis=1).max() == 1


def test_small_types_have_no_fit_but_a_row_that_says_why():
    cells = make_cells(120)
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    labels[[0, 3, 6]] = "rare"  # cells that were of type B
    cells.obs["cell_type"] = pd.Categorical(labels)
    _, finished = fitted(cells, seeds=(42,))
    assert "rare" not in {fit.cell_type for fit in finished}
    table = binary_tables.result_table(labels, finished).set_index("Cell Type")
    assert table.loc["rare", "Note"].eq("skipped: 3 cells, at least 10 are needed").all()
    assert table.loc["rare", "AUROC"].isna().all()
    assert table.drop("rare")[["AUROC", "AUROC Std"]].notna().all().all()


def test_no_type_with_enough_cells_is_bad_input():
    with pytest.raises(InputError, match="no type has 10 cells"):
        binary.plan_fits(named({"A": 9, "B": 4}), SEEDS)


# One fit


def test_no_training_cell_is_scored_and_prevalence_is_natural(small_cells, done):
    parts, finished = done
    labels = small_cells.obs["cell_type"].to_numpy().astype(str)
    table = binary_tables.result_table(labels, finished)
    for _, row in table.iterrows():
        name, scheme = row["Cell Type"], row["Negative Sampling"]
        auprc, recalls = [], []
        for seed in SEEDS:
            held_out = (parts[seed] != "train").to_numpy()
            probability = finished[binary.Fit(name, scheme, seed)]["held_out"]["probability"]
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
    parts = binary.parts_of_repeats(small_cells, [seed])
    held_out = (parts[seed] != "train").to_numpy()
    labels = small_cells.obs["cell_type"].to_numpy().astype(str)
    other_cells, other_labels = small_cells.copy(), labels.copy()
    if part == "counts":
        dense = small_cells.X.toarray()
        dense[held_out] = dense[held_out][::-1] * 3
        other_cells.X = sp.csr_matrix(dense)
    else:
        other_labels[held_out] = np.roll(labels[held_out], 1)
    fit = binary.Fit("B", "random", seed)
    first = binary.run_fit(fit, small_cells.X, labels, held_out, OPTIONS)
    second = binary.run_fit(fit, other_cells.X, other_labels, held_out, OPTIONS)
    np.testing.assert_array_equal(first.columns, second.columns)
    np.testing.assert_array_equal(first.mdi, second.mdi)


def test_balanced_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    positive, probability = rng.random(200) < 0.3, rng.random(200).round(2)
    balanced = rng.permutation(200)[:80]
    scores = binary.score(positive, probability, balanced)
    called = probability[balanced] > 0.5
    assert scores["accuracy"] == np.mean(called == positive[balanced])
    hits = (called & positive[balanced]).sum()
    assert scores["f1"] == pytest.approx(2 * hits / (called.sum() + positive[balanced].sum()))
    above = (
        probability[balanced][positive[balanced]][:, None]
        - probability[balanced][~positive[balanced]]
    )
    assert scores["auroc"] == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)))


def test_more_positives_than_negatives_are_subsampled_and_noted():
    cells = make_cells(120)
    labels = np.where(cells.obs["cell_type"] == "NK", "NK", "other")
    cells.obs["cell_type"] = pd.Categorical(labels)
    _, finished = fitted(cells)
    table = binary_tables.result_table(labels, finished).set_index("Cell Type")
    notes = table.loc["other", "Note"]
    assert notes.eq("positives subsampled to 40 of 80: there are only 40 negatives").all()
    assert table["N Samples"].eq(80).all()
    assert table.loc["NK", "Note"].isna().all()


def test_prevalence_is_that_of_the_file_not_of_the_draw():
    cells = make_cells(300)
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    labels[np.flatnonzero(labels == "B")[20:]] = "T/x"
    cells.obs["cell_type"] = pd.Categorical(labels)
    _, finished = fitted(cells, seeds=(42,))
    table = binary_tables.result_table(labels, finished).set_index("Cell Type")
    assert table.loc["B", "Prevalence"].to_numpy() == pytest.approx(20 / 300, abs=0.01)
    assert table.loc["B", "N Samples"].eq(40).all()
    assert table.loc["B", "N Held Out"].eq(90).all()


# Importances


def forest_data(n_genes=8):
    rng = np.random.default_rng(0)
    label = rng.random(300) < 0.5
    values = rng.poisson(1.0 + 2.0 * np.outer(label, np.arange(n_genes) < 3)).astype(np.float32)
    values[:, -1] = 1.0  # no tree can split a constant
    return values[:150], label[:150], values[150:], label[150:]


def theirs_and_ours(n_trees=15, seed=0) -> tuple:
    """scikit-learn's forest and ours, of the same cells, and other cells."""
    values, label, other_values, other_label = forest_data()
    theirs = RandomForestClassifier(
        n_trees,
        min_samples_leaf=random_forest.MIN_CELLS_PER_LEAF,
        max_samples=min(len(label), random_forest.CELLS_PER_TREE),
        random_state=seed,
    )
    ours = random_forest.Forest.grow(values, label, n_trees, seed)
    return theirs.fit(values, label), ours, other_values, other_label


@pytest.mark.parametrize("cells_per_tree", [10_000, 60])
def test_a_forest_is_that_of_scikit_learn_to_the_last_digit(monkeypatch, cells_per_tree):
    monkeypatch.setattr(random_forest, "CELLS_PER_TREE", cells_per_tree)
    theirs, ours, values, _ = theirs_and_ours(seed=5)
    np.testing.assert_array_equal(ours.probability(values), theirs.predict_proba(values)[:, 1])
    np.testing.assert_array_equal(ours.importances, theirs.feature_importances_)


def test_a_forest_that_cannot_split_has_no_important_gene():
    values, label = np.ones((20, 3), np.float32), np.arange(20) < 10
    forest = random_forest.Forest.grow(values, label, 4, seed=0)
    assert forest.importances.tolist() == [0, 0, 0]
    assert len(np.unique(forest.probability(values))) == 1


def test_permutation_importance_is_that_of_the_whole_forest_asked_anew():
    forest, ours, values, label = theirs_and_ours()
    losses = permutation.permutation_importance(ours, values, label, np.random.default_rng(7))
    rng = np.random.default_rng(7)
    full = sk.roc_auc_score(label, forest.predict_proba(values)[:, 1])
    for gene in np.argsort(-forest.feature_importances_, kind="stable"):
        after = []
        for _ in range(permutation.N_SHUFFLES):
            shuffled = values.copy()
            shuffled[:, gene] = rng.permutation(values[:, gene])
            after.append(sk.roc_auc_score(label, forest.predict_proba(shuffled)[:, 1]))
        assert losses[gene] == pytest.approx(full - np.mean(after), abs=1e-12)


def test_permutation_importance_agrees_with_scikit_learn():
    forest, ours, values, label = theirs_and_ours()
    losses = permutation.permutation_importance(ours, values, label, np.random.default_rng(0))
    theirs = scikit_permutation(
        forest, values, label, scoring="roc_auc", n_repeats=30, random_state=0
    )
    tolerance = 4 * theirs.importances_std / np.sqrt(permutation.N_SHUFFLES) + 1e-3
    assert (np.abs(losses - theirs.importances_mean) <= tolerance).all()


def test_importance_table_holds_every_gene_and_the_right_means(small_cells, done):
    _, finished = done
    table = binary_tables.importance_table(small_cells, finished)
    assert table.columns.tolist() == list(binary_tables.IMPORTANCE_COLUMNS)
    sizes = table.groupby(["cell_type", "scheme"]).size()
    assert len(sizes) == 6 and (sizes == small_cells.n_vars).all()
    assert table.groupby(["cell_type", "scheme"])["mdi_mean"].sum().to_numpy() == pytest.approx(1)
    dense = log_normalize(small_cells.X, total_counts(small_cells.X)).toarray()
    is_type = (small_cells.obs["cell_type"] == "NK").to_numpy()
    rows = table.query("cell_type == 'NK' and scheme == 'even'").set_index("gene_id")
    rows = rows.loc[small_cells.var_names]
    assert rows["mean_in"].to_numpy() == pytest.approx(dense[is_type].mean(axis=0), rel=1e-5)
    assert rows["mean_out"].to_numpy() == pytest.approx(dense[~is_type].mean(axis=0), rel=1e-5)
    assert rows["fraction_out"].to_numpy() == pytest.approx((dense[~is_type] > 0).mean(axis=0))
    mdi = np.zeros((2, small_cells.n_vars))
    for i, seed in enumerate(SEEDS):
        genes = finished[binary.Fit("NK", "even", seed)]["genes"]
        mdi[i, small_cells.var_names.get_indexer(genes["gene_id"])] = genes["mdi"]
    assert rows["mdi_mean"].to_numpy() == pytest.approx(mdi.mean(axis=0))
    assert rows["mdi_std"].to_numpy() == pytest.approx(mdi.std(axis=0, ddof=1))
    unused = (mdi == 0).all(axis=0)
    assert unused.any() and (rows["permutation_mean"][unused] == 0).all()


def test_the_genes_that_make_a_type_come_first(small_cells):
    cells = make_cells(400)  # type NK: gene_10 to gene_19 are three-fold
    _, finished = fitted(cells, seeds=(42,))
    table = binary_tables.importance_table(cells, finished)
    top = table.query("cell_type == 'NK' and scheme == 'random'").head(10)
    own = {f"gene_{i}" for i in range(10, 20)}
    assert len(own & set(top["gene_id"])) >= 7
    assert (top.set_index("gene_id").eval("mean_in > mean_out").reindex(list(own)).dropna()).all()


# Parallel


@pytest.mark.parametrize("jobs", [3])
def test_results_do_not_depend_on_the_number_of_jobs(small_cells, done, jobs):
    assert_same(done[1], fitted(small_cells, jobs=jobs)[1])


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

    monkeypatch.setattr(binary, "Parallel", Spy)
    with joblib.parallel_config(backend="loky", n_jobs=1):
        fitted(small_cells, jobs=3, seeds=(42,))
    fitted(small_cells, jobs=3, seeds=(42,))
    assert seen[0][0] == 1 and seen[1] == (3, "ThreadingBackend")


def test_a_dask_cluster_gives_the_same_to_the_last_digit(small_cells, done, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    _, here = done
    threads, run_fit = set(), binary.run_fit

    def spy(*arguments):
        threads.add(threading.current_thread().name)
        return run_fit(*arguments)

    monkeypatch.setattr(binary, "run_fit", spy)
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


# Figures


def test_figures_are_drawn_and_say_their_finding(small_cells, done):
    _, finished = done
    labels = small_cells.obs["cell_type"].to_numpy().astype(str)
    results = binary_tables.result_table(labels, finished)
    table = binary_tables.importance_table(small_cells, finished)
    top = table.query("cell_type == 'B' and scheme == 'even'").head(10)
    figure = binary_plots.importance(top, "B", "even", 0.97)
    assert figure.get_suptitle().startswith(f"B: {top['gene_symbol'].iloc[0]} and ")
    assert "0.970" in figure.get_suptitle()
    order = np.unique(labels)
    assert "is hardest" in binary_plots.auroc_heatmap(results, order).get_suptitle()
    genes = binary_plots.markers(table, order, n_genes=3)
    everything = [gene for names in genes.values() for gene in names]
    assert len(set(everything)) == len(everything)
    values = log_normalize(small_cells.X, total_counts(small_cells.X))
    expression = ad.AnnData(values, obs=small_cells.obs, var=small_cells.var)
    assert "highest mean" in binary_plots.marker_dots(expression, genes).get_suptitle()
    plt.close("all")
