"""What the page says of compare.py: from its tables, and where they are missing nothing."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from report_pages import FILE, hostile_folder

from cellclassifier.output.folder import Output
from cellclassifier.output.record import RunRecord
from cellclassifier.report import about_trials, numbers
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found

ROWS = [
    ("logistic_regression", "learning", "0.1", 0.50, 50, ""),
    ("logistic_regression", "learning", "1", 0.80, 500, ""),
    ("logistic_regression", "genes", "0.6", 0.70, 500, ""),
    ("logistic_regression", "depth", "0.2", 0.40, 500, ""),
    ("logistic_regression", "noise", "0.2", 0.60, 500, ""),
    ("gbdt", "learning", "0.1", 0.60, 50, ""),
    ("gbdt", "learning", "1", 0.70, 500, ""),
    ("gbdt", "genes", "0.6", 0.50, 500, ""),
    ("gbdt", "depth", "0.2", 0.70, 500, ""),
    ("gbdt", "noise", "0.2", 0.69, 500, ""),
    ("soft_vote", "genes", "0.6", 0.99, 500, ""),
    ("geneformer", "plain", "", None, None, "not run: torch is not installed"),
]


@pytest.fixture
def found(tmp_path_factory, tmp_path):
    folder = shutil.copytree(hostile_folder(tmp_path_factory), tmp_path / "copy")
    columns = ["method", "trial", "level", "macro_f1", "n_train", "note"]
    out = Output(folder)
    out.csv(
        "comparison", pd.DataFrame(ROWS, columns=columns).assign(accuracy=0.75, f1_of_rare=None)
    )
    source = {"file": FILE, "sha256": "1" * 64, "shape": [90, 60]}
    RunRecord("compare", {}, out).write(data=source, seeds=[42])
    return Found(folder)


def test_what_is_kept_elsewhere_is_a_mean_over_the_same_trials(found):
    """Soft vote was run in one of the two alone."""
    kept = about_trials.kept_elsewhere(about_trials.trials_of(found))
    assert kept.to_dict() == pytest.approx({"gbdt": 0.6, "logistic_regression": 0.55})
    said = about_trials.elsewhere_sentence(found, "logistic_regression")
    assert "gradient boosting keeps most: macro-F1 0.60 in the mean" in said
    assert said.endswith("logistic regression 0.55.")
    assert "genes missing and few counts left" in said and "groups" not in said


def test_errors_on_harder_cells_are_of_the_method_in_question(found):
    said = about_trials.errors_elsewhere(found, "gbdt")
    assert said.startswith("Of 100 of its cells gradient boosting names wrongly 25 with 60")
    assert "of the genes missing and 25 with 20" in said
    assert about_trials.errors_elsewhere(found, "no_such") == ""


def test_rows_that_were_not_run_are_said(found):
    (line,) = about_trials.missing_lines(found)
    assert line == "compare.py, geneformer: not run: torch is not installed (1 row)."


def test_many_reasons_take_two_lines(found):
    rows = [(f"m{i}", "plain", "", None, None, f"not run: reason {i}") for i in range(4)]
    columns = ["method", "trial", "level", "macro_f1", "n_train", "note"]
    table = pd.DataFrame(rows, columns=columns).assign(accuracy=None, f1_of_rare=None)
    Output(found.folder).csv("comparison", table)
    first, rest = about_trials.missing_lines(found)
    assert first == "compare.py, m0: not run: reason 0 (1 row)."
    assert rest == "Not set beside: m1, m2 and m3 (results/comparison.csv says why)."


def test_notes_hold_the_numbers_of_the_run(found):
    assert "logistic regression gained +0.300" in about_trials.learning_note(found).answer
    answer = about_trials.trials_note(found).answer
    assert "gradient boosting loses 0.010" in answer and "logistic regression 0.200" in answer
    assert about_trials.agreement_note(found) is None


def test_two_scores_of_a_method_are_explained(found):
    scores = numbers.scores_of(found)
    known = Known(scores, scores.chosen)
    out = Output(found.folder)
    rows = [("weak", "plain", "", 0.123, 60, ""), ("strong", "plain", "", 0.9, 60, "")]
    columns = ["method", "trial", "level", "macro_f1", "n_train", "note"]
    table = pd.DataFrame(rows, columns=columns).assign(accuracy=0.75, f1_of_rare=None)
    out.csv("comparison", table)
    said = " ".join(about_trials.what_was_compared(found, known))
    assert "compare.py: 2 methods on the same test cells, on 1 split each." in said
    own = scores.value("weak", "macro_f1")
    assert f"weak {own:.2f} (multiclass_baselines, 2 splits) and 0.12 (compare.py, 1 split)" in said


def test_without_a_comparison_nothing_is_said(tmp_path_factory):
    found = Found(hostile_folder(tmp_path_factory))
    assert about_trials.trials_of(found) is None
    assert about_trials.elsewhere_sentence(found, "gbdt") == ""
    assert about_trials.missing_lines(found) == ()
