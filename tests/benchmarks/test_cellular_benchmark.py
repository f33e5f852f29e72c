"""What the benchmarks of cellular.py compare: coarse types, splits, embeddings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from trained_models import PARTS, known_cells

from benchmarks import embedding
from benchmarks.cellular import COARSE, coarse_types, over_splits
from benchmarks.embedded.methods import cellular, pca
from cellclassifier.data.cell_types import known_cell_types

CD4, CD8, B, NK, MONOCYTE = COARSE


@pytest.mark.parametrize(
    ("label", "coarse"),
    [
        ("CD4+/CD45RA+/CD25- Naive T", CD4),
        ("CD4+/CD25 T Reg", CD4),
        ("CD8+ Cytotoxic T", CD8),
        ("CD8+/CD45RA+ Naive Cytotoxic", CD8),
        ("CD19+ B", B),
        ("CD56+ NK", NK),
        ("CD14+ Monocyte", MONOCYTE),
        ("CD34+", ""),
        ("no such type", ""),
    ],
)
def test_fine_labels_belong_to_coarse_types(label, coarse):
    assert list(coarse_types([label], known_cell_types())) == [coarse]


def test_scores_are_means_over_splits():
    rows = [("sorted", "a", seed, 10, x, x) for seed, x in ((1, 0.5), (2, 0.7), (3, 0.9))]
    names = ["task", "variant", "seed", "n_cells", "accuracy", "macro_f1"]
    (row,) = over_splits(pd.DataFrame(rows, columns=names)).to_dict("records")
    assert row["accuracy_mean"] == pytest.approx(0.7) and row["macro_f1_std"] == pytest.approx(0.2)
    assert row["n_splits"] == 3


def test_embeddings_are_of_test_cells_that_nothing_was_learned_from():
    """Another answer of the test cells changes nothing; other training cells do."""
    cells = known_cells(240)
    cells.obs["batch"] = np.where(np.arange(240) % 2, "a", "b")
    changed = cells.copy()
    labels = changed.obs["cell_type"].to_numpy(str)
    labels[PARTS == "test"] = "B"
    changed.obs["cell_type"] = labels
    quick = {"n_genes": 40, "epochs": 2}
    for embed, options in ((pca, {}), (cellular, quick)):
        found = embed(cells, PARTS, 0, **options)
        assert len(found) == (PARTS == "test").sum()
        np.testing.assert_array_equal(found, embed(changed, PARTS, 0, **options))


def test_a_record_keeps_the_embeddings_that_were_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "RECORDS", tmp_path)
    new = pd.DataFrame([{"data": "ifnb", "method": "cellular", "ilisi_mean": 0.9}])
    assert embedding.with_recorded(new, [142], {"ifnb": {}})[0] is new
    old = [("ifnb", "cellular", 0.1), ("studies", "PCA", 0.2), ("ifnb", "PCA", 0.3)]
    rows = [dict(zip(("data", "method", "ilisi_mean"), row, strict=True)) for row in old]
    (tmp_path / "embedding.json").write_text("{}")
    known = {"rows": rows, "seeds": [143], "data": {"studies": {}}}
    monkeypatch.setattr(embedding, "read_record", lambda name: known)
    table, seeds, files = embedding.with_recorded(new, [142], {"ifnb": {}})
    assert table["ilisi_mean"].tolist() == [0.3, 0.9, 0.2]
    assert seeds == [142, 143] and set(files) == {"ifnb", "studies"}
