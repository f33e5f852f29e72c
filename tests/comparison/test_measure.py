"""One part after another: what is fitted on what, scored how, and kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells
from experiments import Quiet, sourced
from sklearn.metrics import f1_score
from tiny_models import Centroids

from cellclassifier.comparison import measure, parts, plan
from cellclassifier.comparison.options import ComparisonOptions
from cellclassifier.comparison.plan import Part
from cellclassifier.comparison.tables import comparison_table
from cellclassifier.data.options import CellsOptions
from cellclassifier.errors import InputError
from cellclassifier.options import RunOptions
from cellclassifier.protocol.experiment import Run
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all


@dataclass(frozen=True)
class Config(ComparisonOptions, RunOptions, SplitOptions, CellsOptions):
    n_splits: int = 2


@pytest.fixture(scope="module")
def cells():
    return sourced(make_cells(120))


@pytest.fixture(scope="module")
def splits(cells):
    return split_all(cells, Config())


def made(part):
    return Centroids(part.method, seed=part.split)


def tables_of(cells, splits, trial="plain", level="", **options):
    part = Part("tiny", trial, level, 42)
    return measure.measured(part, cells, splits, made, Config(**options))


def test_a_plain_part_is_scored_on_the_test_cells(cells, splits):
    tables = tables_of(cells, splits)
    predictions = tables["predictions"]
    plain = tables["scores"].query("trial == 'plain'").iloc[0]
    is_test = (splits[42] == "test").to_numpy()
    assert list(predictions["cell"]) == list(cells.obs_names[is_test])
    expected = f1_score(predictions["label"], predictions["predicted"], average="macro")
    assert plain["macro_f1"] == pytest.approx(expected)
    assert (plain["n_train"], plain["n_test"]) == ((splits[42] == "train").sum(), is_test.sum())
    assert plain["fit_cpu_seconds"] > 0 and plain["predict_peak_gib"] > 0


def test_incomplete_profiles_are_rows_of_the_first_split_alone(cells, splits):
    levels = tables_of(cells, splits)["scores"].groupby("trial")["level"].apply(list).to_dict()
    assert levels == {
        "plain": [""],
        "learning": ["1"],  # the same fit, since this method has no quicker one for trials
        "genes": ["0.3", "0.6", "0.9"],
        "depth": ["0.5", "0.2", "0.05"],
    }
    other = measure.measured(Part("tiny", "plain", "", 43), cells, splits, made, Config())
    assert list(other["scores"]["trial"]) == ["plain"]


def test_noise_is_in_the_training_labels_alone(cells, splits):
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    rows = measure.rows_of(Part("tiny", "noise", "0.2", 42), cells, splits, 1000)
    changed = np.flatnonzero(rows.labels != labels)
    assert len(changed) == round(0.2 * len(rows.train)) and set(changed) <= set(rows.train)


def test_a_group_left_out_is_the_test_part(cells):
    cells = cells.copy()
    cells.obs["group"] = np.repeat(["a", "b", "c"], 40)
    labels = cells.obs["cell_type"].astype(str).to_numpy()
    labels[:3] = "only in a"
    cells.obs["cell_type"] = pd.Categorical(labels)
    rows = measure.rows_of(Part("tiny", "groups", "a", 42), cells, pd.DataFrame(), 1000)
    assert set(rows.test) == set(range(3, 40))  # nobody else has the type of the first three
    assert len(rows.train) + len(rows.val) == 80


def test_costly_methods_are_given_fewer_cells(cells, splits):
    rows = measure.rows_of(Part("geneformer", "plain", "", 42), cells, splits, 30)
    assert len(rows.train) == 30 and len(rows.test) == (splits[42] == "test").sum()


def test_the_mean_over_some_types_is_that_of_scikit_learn():
    labels = np.array(list("aabbbccccc"))
    predicted = np.array(list("abbbcccccb"))
    expected = f1_score(labels, predicted, labels=["a", "c"], average="macro")
    assert measure.f1_of(labels, predicted, ["a", "c"]) == pytest.approx(expected)


def test_plain_parts_come_first_and_costly_ones_last():
    found = plan.planned(["a", "geneformer"], ("noise", "learning", "groups"), [42, 43], ["x"])
    assert [part.name for part in found[:2]] == ["a-plain-split42", "a-plain-split43"]
    costly = [part.is_costly for part in found]
    assert costly == sorted(costly) and any(costly)
    trials = [part.trial for part in found if part.method == "a"]
    assert trials == ["plain"] * 2 + ["learning"] * 4 + ["groups"] + ["noise"] * 3
    whole = plan.planned(["gbdt"], ("learning",), [42], [])
    assert [part.level for part in whole] == ["", "1", "0.7", "0.4", "0.2", "0.1"]
    assert {p.trial for p in found if p.is_costly} == {"plain", "learning"}


@pytest.fixture
def run(cells, splits, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "Progress", Quiet)
    found = Run("compare", Config(output=tmp_path))
    found.about(cells, splits, "comparison_splits")
    return found


def test_finished_parts_are_taken_up_to_the_last_digit(run, cells, splits):
    wanted, fitted = [Part("tiny", "plain", "", 42), Part("tiny", "noise", "0.1", 42)], []

    def compute(part):
        fitted.append(part)
        return measure.measured(part, cells, splits, made, Config())

    first, _ = parts.finished_parts(run, wanted, {"tiny": 1}, compute, None)
    again, _ = parts.finished_parts(run, wanted, {"tiny": 1}, compute, None)
    assert fitted == wanted
    for part in wanted:
        assert first[part].keys() == again[part].keys()
        pd.testing.assert_frame_equal(
            first[part]["scores"], again[part]["scores"], check_dtype=False
        )
    parts.finished_parts(run, wanted, {"tiny": 2}, compute, None)
    assert len(fitted) == 4  # another version of the method


def test_what_is_not_run_says_why(run):
    wanted = [Part("tiny", "plain", "", 42), Part("tiny", "plain", "", 43)]

    def refuse(part):
        raise InputError("no such cells")

    done, missing = parts.finished_parts(run, wanted, {"tiny": 1}, refuse, None)
    assert done == {} and set(missing.values()) == {"no such cells"}
    done, missing = parts.finished_parts(run, wanted, {"tiny": 1}, refuse, 1e-9)
    assert set(missing.values()) == {parts.BUDGET}
    table = comparison_table(done, missing)
    assert list(table["note"]) == [f"not run: {parts.BUDGET}"] * 2
    assert table["macro_f1"].isna().all()
