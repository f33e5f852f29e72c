"""The scripts, run for real: what they write, that they go on where they stopped, how they fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from conftest import files_of, make_cells

import multiclass_baselines as script
from cellclassifier.errors import InputError
from cellclassifier.models.baselines.classifier import Baseline
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.protocol.metrics import METRICS, bootstrap_intervals

FAST = ("logistic_regression", "majority", "gbdt")
COMBINED = [
    "method",
    "dataset",
    *METRICS,
    "ece",
    "split",
    "n_cells",
    "fit_seconds",
    "accuracy_low",
    "accuracy_high",
    "macro_f1_low",
    "macro_f1_high",
    "ece_raw",  # before calibration; "ece" is that of the calibrated probabilities
]
TIMED = ("fit_seconds", "fit_seconds_mean", "fit_seconds_std", "trial_seconds")


def config_of(cells, output, **changed) -> script.Config:
    options = {"methods": FAST, "n_splits": 2, "n_genes": 20, "jobs": 1, **changed}
    return script.Config(cells=cells, output=output, **options)


@pytest.fixture(scope="module")
def first_run(cells_npy, tmp_path_factory):
    """The configuration of one finished run; its output is only read."""
    config = config_of(cells_npy, tmp_path_factory.mktemp("first"))
    script.main(config)
    return config


def csv_of(output, name) -> pd.DataFrame:
    return pd.read_csv(output / "results" / f"{name}.csv")


def bytes_without_times(output) -> dict[str, str]:
    """Every CSV as text, without the columns of seconds."""
    found = {}
    for path in sorted((output / "results").glob("*.csv")):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        found[path.name] = table.drop(columns=[c for c in TIMED if c in table]).to_csv()
    return found


def test_every_output_is_there(first_run):
    types, splits = ("B", "NK", "T/x"), (42, 43)
    expected = {f"results/{m}_results.csv" for m in FAST}
    expected |= {f"predictions/{m}-split{s}.parquet" for m in FAST for s in splits}
    learners = set(FAST) - {"majority"}
    expected |= {f"plots/confusion_{m}.png" for m in learners}
    expected |= {f"plots/{name}.png" for name in ("metrics", "calibration")}
    expected |= {f"plots/{metric}_comparison.png" for metric in METRICS}
    expected |= {f"models/{m}/model.json" for m in FAST}
    tables = ["combined_results", "per_type_results", "splits", "summary"]
    tables += ["paired_comparison", "groups_not_told_apart"]
    expected |= {f"results/{name}.csv" for name in tables}
    expected |= {"results/run_multiclass_baselines.json"}
    found = files_of(first_run.output)
    assert expected <= found
    assert "plots/confusion_majority.png" not in found  # all its cells are in one column
    assert not [name for name in found if Path(name).name.startswith(".")]
    per_type = csv_of(first_run.output, "per_type_results")
    assert set(per_type["cell_type"]) == set(types)


def test_columns_are_in_the_fixed_order(first_run):
    combined = csv_of(first_run.output, "combined_results")
    assert list(combined.columns) == COMBINED
    assert len(combined) == 3 * 2 * 3 and set(combined["dataset"]) == {"train", "val", "test"}
    per_type = csv_of(first_run.output, "per_type_results")
    assert list(per_type.columns) == [
        "method",
        "split",
        "cell_type",
        "precision",
        "recall",
        "f1",
        "support",
    ]
    for method in FAST:
        trials = csv_of(first_run.output, f"{method}_results")
        metrics = [f"{part}_{name}" for part in ("train", "val", "test") for name in METRICS]
        if method in ("random_forest", "gbdt"):  # the original author's header
            assert list(trials.columns[:22]) == [*metrics, "method"]
        else:
            assert list(trials.columns[:3]) == ["method", "split", "selected"]
            assert list(trials.columns[-21:]) == metrics
        assert trials.groupby("split")["selected"].sum().eq(1).all()
        assert trials["test_accuracy"].notna().eq(trials["selected"]).all()


def test_scores_are_those_of_the_predictions(first_run):
    combined = csv_of(first_run.output, "combined_results").set_index(
        ["method", "split", "dataset"]
    )
    for method in FAST:
        for split in (42, 43):
            path = first_run.output / f"predictions/{method}-split{split}.parquet"
            table = pd.read_parquet(path)
            assert list(table.columns) == [
                "cell",
                "part",
                "label",
                "predicted",
                "B",
                "NK",
                "T/x",
            ]
            right = (table["label"] == table["predicted"]).groupby(table["part"]).mean()
            for part, accuracy in right.items():
                assert combined.loc[(method, split, part), "accuracy"] == pytest.approx(
                    accuracy, abs=1e-6
                )


def test_intervals_can_be_made_again_from_the_predictions(first_run):
    """The seed of the bootstrap is that of the split; only the test part has intervals."""
    combined = csv_of(first_run.output, "combined_results").set_index("dataset")
    for row in combined.loc["test"].to_dict("records"):
        path = first_run.output / f"predictions/{row['method']}-split{row['split']}.parquet"
        test = pd.read_parquet(path).query("part == 'test'")
        labels, predicted = (test[name].to_numpy() for name in ("label", "predicted"))
        expected = bootstrap_intervals(labels, predicted, seed=row["split"])
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)
        assert combined.loc["val", list(expected)].isna().all(axis=None)


def test_the_split_table_is_what_the_predictions_say(first_run):
    splits = csv_of(first_run.output, "splits").set_index("cell")
    for method in FAST:
        for split in (42, 43):
            path = first_run.output / f"predictions/{method}-split{split}.parquet"
            parts = pd.read_parquet(path).set_index("cell")["part"]
            assert parts.to_dict() == splits[f"part_{split}"].to_dict()


def test_the_saved_model_is_that_of_the_first_split(first_run):
    for method in FAST:
        table = pd.read_parquet(first_run.output / f"predictions/{method}-split42.parquet")
        model = Baseline.load(first_run.output / "models" / method)
        found = model.predict_proba(make_cells(90)[table["cell"].to_numpy()].copy())
        np.testing.assert_allclose(found, table[["B", "NK", "T/x"]], atol=1e-6)


def test_run_record(first_run, cells_npy):
    path = first_run.output / "results/run_multiclass_baselines.json"
    content = json.loads(path.read_text())
    assert content["seeds"] == [42, 43] and content["data"]["shape"] == [90, 60]
    assert content["options"]["cells"] == str(cells_npy)
    assert set(content["steps"]) >= {"read", *FAST, "outputs"}
    visible = {n for n in files_of(first_run.output) if not n.startswith((".finished", "models"))}
    assert set(content["outputs"]) >= visible - {"results/run_multiclass_baselines.json"}
    written = {p: p.stat().st_mtime_ns for p in first_run.output.rglob("*") if p.is_file()}
    assert max(written, key=written.get) == path


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_seed_gives_the_same_bytes(first_run, tmp_path, jobs):
    script.main(replace(first_run, output=tmp_path, jobs=jobs))
    expected = bytes_without_times(first_run.output)
    assert len(expected) == 6 + len(FAST)
    assert bytes_without_times(tmp_path) == expected
    for path in sorted((first_run.output / "predictions").iterdir()):
        expected = pd.read_parquet(path)
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "predictions" / path.name), expected
        )


def small(cells_npy, tmp_path, **changed):
    methods = ("majority", "logistic_regression")
    return config_of(cells_npy, tmp_path, methods=methods, quick=True, **changed)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["majority", "logistic_regression"])
def test_one_method_alone(cells_npy, tmp_path, method):
    """Every plot can be drawn of one method, even of one that never scores above zero."""
    script.main(config_of(cells_npy, tmp_path, methods=(method,), n_splits=1, quick=True))
    assert (tmp_path / "plots/metrics.png").exists()
    assert (tmp_path / f"plots/confusion_{method}.png").exists() == (method != "majority")


def test_six_cells_end_in_a_sentence(tmp_path):
    """The smallest file that can be split leaves too few training cells to choose genes."""
    content = {
        "UMI": make_cells(6).X,
        "classes": list("ABABAB"),
        "gene_ids": [*map(str, range(60))],
    }
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    with pytest.raises(InputError, match="training cells"):
        script.main(small(tmp_path / "cells.npy", tmp_path / "out", n_splits=1))


def test_embedded_sample(tmp_path, monkeypatch, capsys, caplog):
    """The run of a newcomer, cut down; logistic regression beats the floor by far."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO", logger="cellclassifier")
    config = script.Config(
        methods=("logistic_regression", "majority"),
        quick=True,
        n_splits=1,
        output=tmp_path,
    )
    summary = script.main(config)
    macro_f1 = summary["macro_f1"]["mean"].xs("test", level="part")
    assert macro_f1["logistic_regression"] > 0.5 > 0.1 > macro_f1["majority"]
    assert caplog.text.count("using the embedded sample") == 1
    assert str(tmp_path) in capsys.readouterr().out.splitlines()[-1]


def test_groups_stay_together(shared, tmp_path):
    """CTRL and STIM of ifnb: one is the test part, whole."""
    config = script.Config(
        cells=shared / "data/ifnb_2800.h5ad",
        group_key="batch",
        min_cells_per_type=60,
        methods=("majority", "logistic_regression"),
        quick=True,
        n_splits=1,
        output=tmp_path,
    )
    script.main(config)
    batch = ad.read_h5ad(config.cells, backed="r").obs["batch"].astype(str)
    parts = csv_of(tmp_path, "splits").set_index("cell")["part_42"]
    tested = set(batch[parts.index[parts == "test"]])
    assert len(tested) == 1 and not tested & set(batch[parts.index[parts != "test"]])


def test_all_methods_are_compared_by_default():
    assert script.Config().methods == METHODS
