"""Leaving studies out: scores of names and broader names, shared parts, other people's way."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from conftest import make_cells

from benchmarks import studies
from benchmarks.leaving_out.answers import made_for, some_of
from benchmarks.leaving_out.candidates import nearest_cells, steady_regression
from benchmarks.leaving_out.cells import STUDIES, split
from benchmarks.leaving_out.certainty import certainty_rows, certainty_table
from benchmarks.leaving_out.figure import MARKS, accuracy_of_studies
from benchmarks.leaving_out.others import aligned, plain_regression
from benchmarks.leaving_out.scores import calibration_error, scored, scored_broadly
from benchmarks.leaving_out.strangers import NOTHING, strangers
from benchmarks.leaving_out.trial import Answers, LeftOut

TYPES = np.array(["B cell", "CD4-positive, alpha-beta T cell", "CD8-positive, alpha-beta T cell"])
B, CD4, CD8 = TYPES


def two_studies(n_cells: int = 240, seed: int = 0) -> ad.AnnData:
    cells = make_cells(n_cells, seed=seed)
    cells.obs["study"] = np.where(np.arange(n_cells) % 2, "a", "b")
    cells.obs["batch"] = cells.obs["study"]
    return cells


def test_cells_of_types_that_no_training_cell_had_do_not_count():
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.8, 0.1], [1, 0, 0]])
    labels = np.array([B, CD4, CD8, "platelet"])
    found = scored(probabilities, TYPES, labels)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_a_broader_name_is_right_for_each_of_its_types():
    """ "T cell" for a cell that is CD4 or CD8; a single type is kept only where it is certain."""
    probabilities = np.array([[0.0, 0.5, 0.5], [0.0, 0.9, 0.1], [0.85, 0.1, 0.05]])
    found = scored_broadly(probabilities, TYPES, np.array([CD8, CD8, B]))
    assert found["broad_right"] == pytest.approx(2 / 3)
    assert found["kept"] == pytest.approx(2 / 3)
    # 1.0 (right), 0.9 (wrong) in one bin, 0.85 (right) in another
    assert found["broad_ece"] == pytest.approx((abs(1.9 - 1) + abs(0.85 - 1)) / 3)


def test_calibrated_probabilities_have_no_error():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.5, 1, 20_000)
    assert calibration_error(probability, rng.random(20_000) < probability) < 0.02
    assert calibration_error(np.full(100, 0.95), np.zeros(100)) == pytest.approx(0.95)


def test_parts_hold_every_type_of_every_study():
    cells = two_studies()
    train, val = split(cells, seed=1)
    assert np.array_equal(np.sort(np.concatenate([train, val])), np.arange(cells.n_obs))
    shares = pd.crosstab(cells.obs["study"].iloc[val], cells.obs["cell_type"].iloc[val])
    assert (shares > 0).all(axis=None)
    assert np.array_equal(split(cells, seed=1)[0], train)


@pytest.mark.parametrize("way", [plain_regression, nearest_cells, steady_regression])
def test_other_ways_name_new_cells_whatever_the_order_of_their_genes(way):
    new = two_studies(90, seed=1)
    shuffled = new[:, np.random.default_rng(0).permutation(new.n_vars)[5:]].copy()
    types, probabilities = way(*aligned(two_studies(), shuffled))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    found = types[probabilities.argmax(axis=1)]
    assert (found == new.obs["cell_type"].to_numpy(str)).mean() > 0.8


def test_each_type_is_looked_for_where_it_was_left_out():
    table = strangers(two_studies(600), two_studies(360, seed=1)).set_index("left_out")
    assert table.index.tolist() == [NOTHING, "B", "NK", "T/x"]
    assert table.loc[NOTHING, "known_far"] < 0.2
    assert table.loc[NOTHING, "n_strangers"] == 0
    assert table.loc["B", "n_strangers"] == 120
    assert table.loc["B", "n_known"] == 240
    assert (table["far_auroc"].drop(NOTHING) > 0.8).all()


def test_a_mean_is_of_fits_that_named_every_study_and_its_spread_is_of_means():
    fits = [
        ("gbdt", "p", 1, 0.5),
        ("gbdt", "p", 2, 0.7),
        ("gbdt", "q", 1, 1.0),
        ("gbdt", "q", 2, 0.6),
        ("geneformer", "p", 1, 0.9),
    ]
    columns = ["method", "study", "seed", "accuracy"]
    rows = pd.DataFrame(fits, columns=columns).assign(n_known=2, n_cells=2)
    table = studies.over_seeds(studies.with_means(rows)).set_index(["method", "study"])
    assert table.index.tolist() == [
        ("gbdt", "p"),
        ("gbdt", "q"),
        ("geneformer", "p"),
        ("gbdt", studies.MEAN),
    ]
    assert table["fits"].tolist() == ["2", "2", "1, of 1,000 cells", "2"]
    mean, of_p = table.loc[("gbdt", studies.MEAN)], table.loc[("gbdt", "p")]
    assert mean["accuracy"] == pytest.approx(0.7)  # of 0.75 and 0.65
    assert mean["accuracy_std"] == pytest.approx(np.std([0.75, 0.65], ddof=1))
    assert of_p["accuracy_std"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert np.isnan(table.loc[("geneformer", "p"), "accuracy_std"])


def test_some_of_the_cells_hold_the_same_share_of_every_type():
    cells = two_studies()
    some = some_of(cells, 60, seed=1)
    assert some.n_obs == 60
    shares = some.obs["cell_type"].value_counts() / cells.obs["cell_type"].value_counts()
    assert shares.between(0.2, 0.3).all()
    assert some_of(cells, 1000, seed=1) is cells


def test_the_figure_has_a_mark_for_every_study():
    rows = [
        {"method": m, "study": s, "accuracy": 0.8, "averaged_accuracy": 0.9}
        for m in ("marker_network", "celltypist")
        for s in [*MARKS, studies.MEAN]
    ]
    axes, _ = accuracy_of_studies(pd.DataFrame(rows)).axes
    assert axes.get_legend_handles_labels()[1] == list(MARKS)
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "marker network",
        "CellTypist 1.7.1",
    ]


def test_rows_that_were_recorded_before_stay_with_their_commit(monkeypatch, tmp_path):
    columns = ["method", "study", "n_fits", "accuracy"]
    old = [["gbdt", "p", 1, 0.5], ["celltypist", "p", 1, 0.6], ["marker_network", "p", 1, 0.7]]
    rows = pd.DataFrame(old, columns=columns).to_dict("records")
    monkeypatch.setattr(studies, "RECORDS", tmp_path)
    (tmp_path / "studies.json").touch()
    before = {"rows": rows, "git_commit": "0123456789"}
    monkeypatch.setattr(studies, "read_record", lambda name: before)
    new = pd.DataFrame([["marker_network", "p", 3, 0.8]], columns=columns).assign(fits="3")
    table = studies.with_earlier(new, "abc").set_index("method")
    assert table.index.tolist() == ["gbdt", "marker_network", "celltypist"]
    assert table["fits"].tolist() == ["1 (0123456)", "3", "1, not random (0123456)"]
    assert table["accuracy"].tolist() == [0.5, 0.8, 0.6]
    assert table["commit"].tolist() == ["0123456789", "abc", "0123456789"]


def test_the_more_certain_a_name_must_be_the_fewer_stay_fine():
    cells, known = two_studies(120, seed=1), two_studies()
    types = np.unique(known.obs["cell_type"].astype(str))
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(types)), 120)
    answers = Answers(types, probabilities, probabilities, 1.0)
    rows = certainty_rows(LeftOut(STUDIES[0], cells, known), answers, seed=1)
    table = certainty_table(rows)
    assert table["certainty"].is_monotonic_increasing
    assert table["kept"].is_monotonic_decreasing
    assert table["broad_right"].is_monotonic_increasing
    assert (table["n_fits"] == 1).all()


def test_a_variant_is_a_method_by_other_options():
    whole, usual = made_for("spoticell_whole_cells", 7), made_for("spoticell", 7)
    found, expected = whole.options, usual.options
    assert (whole.method, whole.seed) == (usual.method, 7)
    assert (found.thin, found.drop_genes) == (1, 0)
    assert replace(found, thin=expected.thin, drop_genes=expected.drop_genes) == expected
