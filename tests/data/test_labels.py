"""Labels that are none: which they are, what becomes of their cells, and who decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells

from cellclassifier.data.labels import NO_TYPES, leave_out_untyped, names_no_type, with_type
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.protocol.finished import digest_of_cells

NONE = [
    None,
    np.nan,
    pd.NA,
    "",
    "  ",
    "?",
    "-",
    "unlabelled",
    "Unlabeled",
    "un-labelled",
    "UNKNOWN",
]
NONE += ["Unknown cell", "unknown_cells", "Unassigned", "NA", "N/A", "n.a.", "nan", "NaN", "<NA>"]
NONE += [
    "None",
    "none",
    "doublet",
    "Doublets",
    "Multiplet",
    "ambiguous",
    "Low quality",
    "low-quality",
]
NONE += [
    "low_quality cells",
    "Debris",
    "Empty droplets",
    "not assigned",
    "(unassigned)",
    "Dead cells",
]
TYPES = [
    "B",
    "NA+ T",
    "None-like B",
    "unknown T",
    "T?",
    "Nonclassical monocyte",
    "NAN1",
    "Null cell",
]
TYPES += ["Naive", "doublet-positive T", "Empty-vector", "0", "+", "β", "Other", "CD14+ Mono", "DC"]


@pytest.mark.parametrize("label", NONE, ids=repr)
def test_labels_that_are_none(label):
    assert names_no_type(label)


@pytest.mark.parametrize("label", TYPES)
def test_types_whose_names_only_look_so(label):
    assert not names_no_type(label)


def test_the_list_is_folded_and_names_nothing_twice():
    names = " ".join(NO_TYPES.values()).split()
    assert len(names) == len(set(names))
    assert all(name.isalpha() and name == name.casefold() for name in names)


def test_labels_of_this_repositorys_data_are_types(shared):
    terms = pd.read_csv(shared / "data" / "cell_type_terms.csv")
    labels = set(map(str, terms.iloc[:, 0]))
    assert {name for name in labels if names_no_type(name)} <= {"unlabelled", "nan"}


LABELS = ["B", "unknown", "T", None, "doublet", "B", "unknown"]


@pytest.mark.parametrize(
    ("options", "typed", "others"),
    [
        (
            {},
            "1010010",
            "4 of 7 cells have labels that are no types: unknown (2), (no label) (1), doublet (1)",
        ),
        (
            {"keep": ["unknown"]},
            "1110011",
            "2 of 7 cells have labels that are no types: (no label) (1), doublet (1)",
        ),
        (
            {"keep": "doublet"},
            "1010110",
            "3 of 7 cells have labels that are no types: unknown (2), (no label) (1)",
        ),
        (
            {"ignore": ["T"]},
            "1000010",
            "5 of 7 cells have labels that are no types: unknown (2), T (1), (no label) (1), d",
        ),
    ],
)
def test_who_decides(options, typed, others):
    found, words = with_type(LABELS, **options)
    assert "".join(map(str, found.astype(int))) == typed
    assert words.startswith(others)


def test_all_have_a_type():
    found, words = with_type(["B", "T"])
    assert found.all() and words is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": ["Unknown"]}, "--keep-labels 'Unknown': no cell has this label .*unknown"),
        ({"ignore": ["x"]}, "--ignore-labels 'x': no cell has this label"),
        ({"keep": ["B"], "ignore": ["B"]}, "both name 'B'"),
    ],
)
def test_options_that_fit_no_cell(options, words):
    with pytest.raises(InputError, match=words):
        with_type(LABELS, **options)


def test_many_labels_are_no_wall_of_text():
    labels = [f"x{i}" for i in range(50)]
    assert with_type(labels, ignore=labels[:30])[1].endswith(" and 20 more labels")


def test_names_of_strangers_are_one_line(said):
    obs = pd.DataFrame({"cell_type": ["B", "T", "\nun\nknown\n"]})
    leave_out_untyped(obs, (), ("\nun\nknown\n",))
    assert len(said()) == 1 and "\n" not in said()[0]


@pytest.fixture
def path(tmp_path):
    cells = make_cells(90)
    labels = cells.obs["cell_type"].astype(object).to_numpy()
    labels[:5] = "unknown"
    cells.obs["cell_type"] = pd.Categorical(labels)
    cells.obs["donor"] = pd.Categorical([None] * 5 + ["a", "b"] * 42 + ["c"])
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


def test_their_cells_are_not_read(path, said):
    """Nor asked for a group."""
    cells = read_cells(path, group_key="donor")
    expected = make_cells(90)[5:]
    np.testing.assert_array_equal(cells.X.toarray(), expected.X.toarray())
    assert cells.obs_names.tolist() == expected.obs_names.tolist()
    assert cells.obs["cell_type"].tolist() == expected.obs["cell_type"].tolist()
    assert [line for line in said() if "left out" in line] == [
        "5 of 90 cells have labels that are no types: unknown (5). They are left out "
        "(--keep-labels makes a label a type, --ignore-labels leaves out more)."
    ]


def test_finished_parts_of_a_run_know_of_the_options(path):
    digests = {
        digest_of_cells(read_cells(path, **options))
        for options in ({}, {"keep_labels": ["unknown"]}, {"ignore_labels": ["B"]})
    }
    assert len(digests) == 3


def test_they_are_read_where_they_are_types(path, said):
    cells = read_cells(path, keep_labels=["unknown"])
    assert cells.n_obs == 90 and "unknown" in cells.obs["cell_type"].cat.categories
    assert read_cells(path, keep_labels=["unknown"], ignore_labels=["B"]).n_obs < 65
    assert "B (28)" in " ".join(said())
