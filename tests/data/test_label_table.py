"""Labels beside the file of cells (--labels)."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import make_cells
from every_format import WITHOUT_LABELS, as_10x_v3, as_h5ad

from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.interview.inspect import inspect_cells


@pytest.fixture
def table(tmp_path):
    """Give a function that writes a table and gives its path."""

    def write(text: str):
        (tmp_path / "labels.csv").write_text(text)
        return tmp_path / "labels.csv"

    return write


def labels_of(cells, sep=",", more="") -> str:
    rows = [f"{cell}{sep}{label}{more}\n" for cell, label in cells.obs["cell_type"].items()]
    return f"cell{sep}cell_type{sep + 'x' if more else ''}\n" + "".join(reversed(rows))


@pytest.mark.parametrize("write", WITHOUT_LABELS.values(), ids=WITHOUT_LABELS)
def test_formats_without_labels_say_how_to_give_some(tmp_path, table, write):
    cells = make_cells(30)
    path = write(cells, tmp_path)
    with pytest.raises(InputError, match=r"--labels FILE.csv"):
        read_cells(path)
    read = read_cells(str(path), labels=str(table(labels_of(cells, "\t"))))
    assert read.obs["cell_type"].tolist() == cells.obs["cell_type"].tolist()
    np.testing.assert_array_equal(read.X.toarray(), cells.X.toarray())


def test_they_replace_those_of_the_file_and_leave_other_columns(tmp_path, table):
    cells = make_cells(30)
    cells.obs["donor"] = ["d1", "d2"] * 15
    path = as_h5ad(cells, tmp_path)
    text = labels_of(cells).replace(",B", ",b cell")
    read = read_cells(path, labels=table(text), group_key="donor")
    assert set(read.obs["cell_type"]) == {"b cell", "NK", "T/x"}
    assert read.obs["group"].tolist() == cells.obs["donor"].tolist()


def test_cells_that_are_not_named_are_left_out_and_said(tmp_path, table, said):
    cells = make_cells(30)
    path = as_10x_v3(cells, tmp_path)
    labels = table(labels_of(cells[5:]))
    read = read_cells(path, labels=labels)
    assert list(read.obs_names) == list(cells.obs_names[5:])
    assert said()[0] == "5 of 30 cells are not in labels.csv: left out."
    assert (
        inspect_cells(CellsOptions(path, labels=labels)).cells.obs["cell_type"] == "(no label)"
    ).sum() == 5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 columns and 0 rows"),
        ("cell\ncell_0\n", "has 1 columns and 1 rows"),
        ("cell,cell_type\n", "has 2 columns and 0 rows"),
        ("cell,cell_type\ncell_0\n", "a row of 1 fields"),
        ("cell,cell_type\ncell_0,B\ncell_0,B\n", "names the cell 'cell_0' twice"),
        ("cell,cell_type\nother,B\n", "names none of the cells"),
        (
            "cell,type\ncell_0,B\n",
            "has no column 'cell_type': it has type; choose with --label-key",
        ),
        ("cell,cell_type\n\x00,B\n", "NUL"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path, table, text, sentence):
    path = as_10x_v3(make_cells(30), tmp_path)
    with pytest.raises(InputError, match=sentence):
        read_cells(path, labels=table(text))


def test_a_table_that_is_not_there(tmp_path):
    path = as_10x_v3(make_cells(30), tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_cells(path, labels=tmp_path / "none.csv")
