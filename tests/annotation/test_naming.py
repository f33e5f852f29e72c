"""Broader names in annotations: which there are, and how they are chosen."""

from __future__ import annotations

import numpy as np
import pytest

from cellclassifier.annotation.naming import Naming
from cellclassifier.data.cell_types import known_cell_types
from cellclassifier.errors import InputError

TYPES = np.array(["CD14+ Mono", "CD8 T", "Memory CD4 T", "Naive CD4 T"])


def names_of(rows, **options):
    return Naming.of(TYPES, **options).columns(np.array(rows, np.float32))


def test_cd4_and_cd8_share_what_is_a_t_cell():
    table = names_of([[0.02, 0.48, 0.0, 0.5], [0.0, 0.05, 0.5, 0.45], [0.97, 0.01, 0.01, 0.01]])
    assert table["broad"].tolist() == ["T cell", "CD4-positive, alpha-beta T cell", "CD14+ Mono"]
    np.testing.assert_allclose(table["broad_probability"], [0.98, 0.95, 0.97], rtol=1e-5)
    assert table["broad_probability"].dtype == np.float32


def test_cells_of_nothing_in_common_are_leukocytes():
    assert names_of([[0.4, 0.3, 0.2, 0.1]])["broad"].tolist() == ["leukocyte"]


def test_types_of_ones_own(tmp_path):
    path = tmp_path / "types.csv"
    path.write_text("label,term\ncluster 0,T cell\ncluster 1,NK\n", encoding="utf-8")
    types = np.array(["cluster 0", "cluster 1"])
    unknown, known = Naming.of(types), Naming.of(types, known=known_cell_types(path))
    assert unknown.names.tolist() == [*types, "cell"]
    assert known.names.tolist() == [*types, "lymphocyte"]


@pytest.mark.parametrize("certainty", [0.5, 0.0, 1.01, float("nan")])
def test_a_certainty_that_excludes_nothing(certainty):
    with pytest.raises(InputError, match="--certainty"):
        Naming.of(TYPES, certainty)
