"""Training on several files, in every script that trains: joined labels, splits by study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells

import binary_rf
import finetune_geneformer
import multiclass_baselines

NETWORK = {"from_scratch": True, "layers": 1, "width": 8, "epochs": 1, "batch_size": 30}
SCRIPTS = {
    "multiclass_baselines": (
        multiclass_baselines,
        {"methods": ("logistic_regression",), "quick": True, "n_splits": 2},
    ),
    "binary_rf": (binary_rf, {"n_trees": 4, "n_genes": 20, "n_repeats": 2}),
    "finetune_geneformer": (finetune_geneformer, NETWORK | {"device": "cpu", "n_splits": 2}),
}
SPELLED = {  # as laboratories do, and the types that they have in common
    "a": ("CD19+ B", "CD14+ Monocyte", "CD56+ NK"),
    "b": ("B", "CD14 Mono", "NK"),
    "c": ("B cells", "Monocytes", "natural killer cell"),
    "d": ("B", "FCGR3A+ Mono", "NK"),
}
COMMON = {"B cell", "monocyte", "natural killer cell"}


@pytest.fixture
def studies(tmp_path) -> tuple[Path, ...]:
    """Four files of other labels, the last one with fewer genes, in another order."""
    paths = []
    for seed, (name, spelled) in enumerate(SPELLED.items()):
        cells = make_cells(60, seed=seed)
        own = dict(zip(cells.obs["cell_type"].cat.categories, spelled, strict=True))
        cells.obs["cell_type"] = cells.obs["cell_type"].astype(str).map(own).astype("category")
        cells = cells[:, ::-1][:, 5:].copy() if name == "d" else cells
        paths.append(tmp_path / f"{name}.h5ad")
        cells.write_h5ad(paths[-1])
    return tuple(paths)


@pytest.mark.parametrize("name", SCRIPTS)
def test_labels_are_joined_and_a_study_is_in_one_part_only(name, studies, tmp_path):
    script, options = SCRIPTS[name]
    options |= {"cells": studies, "level": "common", "group_key": "study", "jobs": 1}
    script.main(script.Config(output=tmp_path / "out", **options))
    results = tmp_path / "out" / "results"
    splits = pd.read_csv(next(results.rglob("*splits.csv")))
    study = splits["cell"].str.rsplit("-", n=1).str[1]
    for split in splits.filter(like="part_"):
        parts = pd.crosstab(study, splits[split])
        np.testing.assert_array_equal((parts > 0).sum(axis=1), 1)
    (types,) = {frozenset(types_in(path)) for path in (tmp_path / "out").rglob("*.parquet")}
    assert types == COMMON
    record = json.loads((results / f"run_{name}.json").read_text(encoding="utf-8"))
    assert list(record["data"]["studies"]) == list("abcd")
    assert len(record["options"]["cells"]) == 4


def types_in(predictions: Path) -> set[str]:
    return set(pd.read_parquet(predictions)["label"])
