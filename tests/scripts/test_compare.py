"""compare.py as a person runs it: every output, taken up again, and what is said to bad options."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import files_of

import compare
from cellclassifier.errors import InputError
from cellclassifier.models import methods

METHODS = ("majority", "logistic_regression", "random_forest")


@pytest.fixture(scope="module")
def first_run(cells_npy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("output")
    options = {"methods": METHODS, "trials": ("learning", "depth"), "n_splits": 2, "jobs": 1}
    config = compare.Config(cells=cells_npy, output=folder, **options)
    compare.main(config)
    return config


@pytest.mark.slow
def test_every_output_is_there(first_run):
    written = {name for name in files_of(first_run.output) if not name.startswith(".")}
    tables = (
        "",
        "_scores",
        "_pairs",
        "_groups",
        "_agreement",
        "_hard_cells",
        "_distance",
        "_splits",
    )
    figures = ("scores", "costs", "learning", "trials", "agreement")
    expected = {f"results/comparison{name}.csv" for name in tables} | {"results/run_compare.json"}
    expected |= {f"plots/comparison_{name}.png" for name in figures}
    assert expected <= written <= expected | {"plots/comparison_distance.png"}


@pytest.mark.slow
def test_a_second_run_fits_nothing(first_run, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a model was made again")

    table = pd.read_csv(first_run.output / "results/comparison.csv")
    monkeypatch.setattr(compare.comparison, "measured", refuse, raising=False)
    again = compare.main(first_run)
    assert len(again) == len(table)
    assert again["macro_f1"].tolist() == pytest.approx(
        table["macro_f1"].tolist(), abs=1e-6, nan_ok=True
    )


@pytest.mark.slow
def test_every_method_has_its_rows(first_run):
    table = pd.read_csv(first_run.output / "results/comparison.csv", keep_default_na=False)
    for method in METHODS:
        rows = table[table["method"] == method]
        assert rows["trial"].value_counts().to_dict() == {"learning": 5, "depth": 3, "plain": 2}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": ("no_such",)}, "unknown method no_such"),
        ({"trials": ("no_such",)}, "unknown trial no_such"),
        ({"budget": -1.0}, "--budget -1: expected minutes"),
        ({"costly_cells": 0}, "--costly-cells 0"),
    ],
)
def test_bad_options_are_told_before_cells_are_read(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        compare.main(compare.Config(output=tmp_path, **options))
    assert files_of(tmp_path) == set()


def test_a_method_whose_library_is_missing_is_a_row(monkeypatch):
    from cellclassifier.comparison import present

    def version_of(method):
        if method == "gbdt":
            raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")
        return 1

    monkeypatch.setattr(present, "version_of", version_of)
    versions, absent = present.installed_methods(methods.KNOWN)
    assert absent == {"gbdt": "xgboost is not installed"} and "gbdt" not in versions
