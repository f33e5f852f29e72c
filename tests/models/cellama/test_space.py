"""Scores of a common space of files: against counting by hand, and of few cells."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from cellclassifier.models.cellama.space import scores_of_space


def space(vectors, types, files) -> ad.AnnData:
    obs = pd.DataFrame(
        {"file": files, "cell_type": types}, index=[str(i) for i in range(len(files))]
    )
    return ad.AnnData(obs=obs, obsm={"X_cellama": np.asarray(vectors, dtype=float)})


def values(cells) -> dict[str, float]:
    return scores_of_space(cells).set_index("statistic")["value"].to_dict()


def test_neighbours_counted_by_hand():
    # On a line: with 3 cells the 2 nearest of each are the other two.
    found = values(space([[0.0], [1.0], [5.0]], ["a", "a", "b"], ["x", "x", "y"]))
    assert found["same_type"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found["other_file"] == pytest.approx(((0.5 + 0.5 + 1) / 3) / ((1 + 1 + 2) / 9))


@pytest.mark.parametrize(
    ("vectors", "types", "statistics"),
    [
        ([[1.0, 2]], ["a"], set()),
        ([[1.0, 2], [2, 1]], ["", ""], {"other_file"}),
        ([[1.0, 2], [2, 1]], ["a", "b"], {"same_type", "other_file"}),
        ([[1.0, 2], [2, 1], [3, 3]], ["a", "a", ""], {"same_type", "other_file"}),
    ],
)
def test_few_cells_have_no_nan(vectors, types, statistics):
    found = values(space(vectors, types, ["x", "y", "x"][: len(types)]))
    assert set(found) == statistics
    assert np.isfinite(list(found.values())).all()
