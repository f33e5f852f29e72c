"""An output folder whose tables have the columns of an earlier version."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import multiclass_baselines as script
from cellclassifier.models.baselines.classifier import Baseline
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.old_names import with_new_names

SCORES = [f"{part}_{name}" for part in ("train", "val", "test") for name in METRICS]


def as_of_old(trials: dict) -> dict:
    """Scores first, and seconds under the name that the tables of scores have, too."""
    table = pd.DataFrame(**trials).rename(columns={"trial_seconds": "fit_seconds", "c": "C"})
    others = [name for name in table if name not in {*SCORES, "method", "split", "selected"}]
    return table[[*SCORES, "method", *others, "split", "selected"]].to_dict("split")


@pytest.fixture
def old(tmp_path, cells_npy):
    """The configuration of a finished run, its tables changed to what they once were."""
    methods = ("majority", "logistic_regression", "gbdt")
    options = {"methods": methods, "n_splits": 2, "n_genes": 20, "quick": True, "jobs": 1}
    config = script.Config(cells=cells_npy, output=tmp_path, **options)
    script.main(config)
    return config


def test_what_was_finished_is_taken_up_and_written_with_todays_columns(old, monkeypatch):
    results = old.output / "results"
    new = {path: path.read_bytes() for path in results.rglob("*.csv")}
    for kind in ("scores", "per_type"):
        for path in (results / kind).glob("*.csv"):
            names = {"data_digest": "data", "options_digest": "options"}
            table = pd.read_csv(path, dtype=str, keep_default_na=False).rename(columns=names)
            path.write_text(table.to_csv(index=False))
    finished = list((old.output / ".finished").rglob("tables.json"))
    assert len(finished) == 6
    for path in finished:
        tables = json.loads(path.read_text())
        path.write_text(json.dumps(tables | {"trials": as_of_old(tables["trials"])}))

    def fit(*arguments):
        raise AssertionError("it was finished")

    monkeypatch.setattr(Baseline, "_fit", fit)
    script.main(old)
    assert {path: path.read_bytes() for path in results.rglob("*.csv")} == new


def test_accuracies_of_masked_genes_get_columns_of_their_own():
    history = {"stage": ["pretraining", "fine-tuning"], "epoch": 1, "val_accuracy": [0.1, 0.8]}
    history |= {"val_baseline_accuracy": [0.05, None]}
    table = with_new_names("history", pd.DataFrame(history))
    genes = table.loc[0].drop(["stage", "epoch"]).dropna().to_dict()
    types = table.loc[1].drop(["stage", "epoch"]).dropna().to_dict()
    assert genes == {"val_masked_gene_accuracy": 0.1, "val_masked_gene_baseline_accuracy": 0.05}
    assert types == {"val_accuracy": 0.8}
    pd.testing.assert_frame_equal(with_new_names("history", table), table)
