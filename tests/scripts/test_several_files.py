"""Training on several files: splits by study, and what the records say of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from conftest import make_cells

import multiclass_baselines as script


def test_a_study_is_in_one_part_only(tmp_path):
    paths = tuple(tmp_path / f"{name}.h5ad" for name in "abcd")
    for seed, path in enumerate(paths):
        make_cells(60, seed=seed).write_h5ad(path)
    config = script.Config(
        cells=paths,
        group_key="study",
        methods=("logistic_regression",),
        quick=True,
        jobs=1,
        n_splits=2,
        output=tmp_path / "out",
    )
    script.main(config)
    splits = pd.read_csv(tmp_path / "out/results/splits.csv")
    study = splits["cell"].str.rsplit("-", n=1).str[1]
    for split in splits.filter(like="part_"):
        parts = pd.crosstab(study, splits[split])
        np.testing.assert_array_equal((parts > 0).sum(axis=1), 1)
    record = json.loads((tmp_path / "out/results/run_multiclass_baselines.json").read_text())
    assert list(record["data"]["studies"]) == list("abcd")
    assert len(record["options"]["cells"]) == 4
