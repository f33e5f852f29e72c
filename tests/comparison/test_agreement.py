"""Agreement and errors of several methods, against counting by hand and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells

from cellclassifier.comparison.agreement import (
    agreement,
    distance_of_errors,
    hard_cells,
    steps_between,
)
from cellclassifier.data.cell_types import known_cell_types

NAMES = ["B", "NK", "T/x"]


def rows(cells, predicted, confidence=0.8) -> pd.DataFrame:
    """Predictions of some cells; the second type is the next one by name."""
    table = pd.DataFrame({"cell": cells.obs_names, "part": "test"})
    table["label"] = cells.obs["cell_type"].to_numpy().astype(str)
    table["predicted"] = predicted
    for i, name in enumerate(NAMES):
        before = NAMES[i - 1]
        table[name] = np.where(table["predicted"] == name, confidence, 0.05)
        table.loc[table["predicted"] == before, name] = 0.95 - confidence
    return table


@pytest.fixture
def cells():
    return make_cells(12)


def test_kappa_and_common_errors_are_counted(cells):
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    first, second = labels.copy(), labels.copy()
    first[:2], second[1:3] = "NK", "NK"  # labels of the first three: B, NK, T/x
    table = agreement({"a": rows(cells, first), "b": rows(cells, second)})
    (row,) = table.itertuples(index=False)
    observed = (first == second).mean()
    expected = sum((first == name).mean() * (second == name).mean() for name in NAMES)
    assert row.kappa == pytest.approx((observed - expected) / (1 - expected))
    assert row.both_wrong == 0 and row.same_error == 0


def test_methods_that_always_agree_have_a_kappa_of_one(cells):
    same = rows(cells, np.full(12, "B"))
    assert agreement({"a": same, "b": same})["kappa"].tolist() == [1.0]


def test_cells_that_all_get_wrong_have_their_genes(cells):
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    wrong = labels.copy()
    wrong[3] = "NK"  # a B cell
    other = wrong.copy()
    other[6] = "NK"  # another one, which the first method gets right
    counts = cells.X.toarray()
    counts[3, 50] = 100
    cells.X = type(cells.X)(counts)
    predictions = {"a": rows(cells, wrong, 0.7), "b": rows(cells, other, 0.85)}
    table = hard_cells(predictions, cells, np.setdiff1d(np.arange(12), [3]))
    (row,) = table.itertuples(index=False)
    assert (row.cell, row.cell_type, row.called, row.n_called) == ("cell_3", "B", "NK", 2)
    assert row.confidence == pytest.approx(0.85) and row.second == "T/x"
    assert row.top_genes.split(", ")[0] == "gene_50"


def test_no_common_error_is_an_empty_table(cells):
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    table = hard_cells({"a": rows(cells, labels), "b": rows(cells, labels)}, cells, np.arange(12))
    assert len(table) == 0 and "top_genes" in table


def test_steps_lead_through_the_nearest_common_ancestor():
    """CD4 T and CD8 T meet two steps up, at alpha-beta T cell or above; B and monocyte far up."""
    types = known_cell_types()
    near = steps_between("CD4+ T", "CD8+ T", types)
    far = steps_between("CD19+ B", "CD14+ Monocyte", types)
    assert steps_between("CD4+ T", "CD4+ T", types) == 0
    assert 2 <= near < far
    assert near == steps_between("CD8+ T", "CD4+ T", types)
    assert np.isnan(steps_between("CD4+ T", "no such cell", types))


def test_distances_add_up_to_all_errors():
    table = pd.DataFrame(
        {
            "cell": range(5),
            "part": "test",
            "label": ["CD4+ T", "CD4+ T", "CD19+ B", "x", "CD8+ T"],
            "predicted": ["CD8+ T", "CD8+ T", "CD14+ Monocyte", "CD4+ T", "CD8+ T"],
        }
    )
    found = distance_of_errors({"a": table})
    assert found["n_cells"].sum() == 4 and found["error_share"].sum() == pytest.approx(1)
    assert found.loc[found["distance"].isna(), "n_cells"].tolist() == [1]
    assert found["n_cells"].iloc[0] == 2  # the nearest first
