"""The loop: interrupted runs go on to the same bytes, and only what must be is computed again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import types
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, files_of, make_cells
from experiments import PUBLISHED, Config, Quiet, Script, bytes_of, config_in, model_of, sourced
from tiny_models import as_part_of_the_package

from cellclassifier import interface
from cellclassifier.interface import Classifier
from cellclassifier.output.folder import Output
from cellclassifier.protocol import experiment, finished, scores
from cellclassifier.protocol.experiment import Run
from cellclassifier.protocol.splits import split_all

ALL = [("a", 42), ("b", 42), ("a", 43), ("b", 43)]


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory) -> Config:
    """The configuration of a finished run, of which tests are given copies."""
    config = config_in(tmp_path_factory.mktemp("run") / "whole")
    with pytest.MonkeyPatch.context() as patch:
        assert quiet_script(patch)(config) == ALL
    return config


def quiet_script(patch: pytest.MonkeyPatch) -> Script:
    """Seconds are the same for every fit, so that all bytes can be compared."""
    patch.setattr(interface, "time", types.SimpleNamespace(perf_counter=lambda: 0.0))
    patch.setattr(experiment, "Progress", Quiet)
    return Script()


@pytest.fixture
def script(monkeypatch) -> Script:
    return quiet_script(monkeypatch)


@pytest.fixture
def whole(finished_once, tmp_path) -> Config:
    """The configuration of a finished run in a folder of its own.

    Linked, not copied: the loop only ever replaces files, and so do these tests.
    """
    shutil.copytree(finished_once.output, tmp_path / "whole", copy_function=os.link)
    return replace(finished_once, output=tmp_path / "whole")


@pytest.mark.parametrize("n_done", range(4))
def test_a_run_stopped_before_any_fit_goes_on_to_the_same_bytes(script, whole, tmp_path, n_done):
    config = config_in(tmp_path / "stopped")
    script.stop_before = len(script.fits) + n_done
    with pytest.raises(KeyboardInterrupt):
        script(config)
    assert not (config.output / "results/combined_results.csv").exists()
    assert len(list(config.output.glob(".finished/*/*/*"))) == n_done
    script.stop_before = None
    assert script(config) == ALL[n_done:]
    assert bytes_of(config.output) == bytes_of(whole.output)
    assert script(config) == []
    assert bytes_of(config.output) == bytes_of(whole.output)


@pytest.mark.parametrize(
    ("place", "computed_again"),
    [
        ("cellclassifier.protocol.experiment.write_parquet", ALL),  # nothing is kept yet
        ("cellclassifier.protocol.finished.write_json", ALL),  # all but the tables
        ("cellclassifier.protocol.experiment.publish", ALL[1:]),  # kept, but not shown
        ("cellclassifier.protocol.scores.write_csv", ALL[1:]),  # shown, but not in the scores
        (
            "cellclassifier.protocol.experiment.Run._remove_checkpoints",
            ALL[1:],
        ),  # all but the checkpoints
    ],
)
def test_a_run_stopped_while_it_keeps_a_part_goes_on(
    script,
    whole,
    tmp_path,
    monkeypatch,
    place,
    computed_again,
):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    config = config_in(tmp_path / "stopped")
    with monkeypatch.context() as patch:
        patch.setattr(place, stopped)
        with pytest.raises(KeyboardInterrupt):
            script(config)
    assert script(config) == computed_again
    assert bytes_of(config.output) == bytes_of(whole.output)


def test_one_method_leaves_the_rows_of_the_others(script, whole):
    before = bytes_of(whole.output)
    assert script(replace(whole, methods=("b",))) == []
    assert bytes_of(whole.output) == before
    assert script(replace(whole, methods=("c", "b"))) == [("c", 42), ("c", 43)]
    results = whole.output / "results"
    for name in ("combined_results", "per_type_results", "summary"):
        table = pd.read_csv(results / f"{name}.csv")
        assert set(table["method"]) == {"a", "b", "c"}
        old = before[f"results/{name}.csv"].decode().splitlines()
        assert set(old) <= set((results / f"{name}.csv").read_text().splitlines())
    assert set(script.summary.index.unique("method")) == {"a", "b", "c"}


def test_methods_of_another_script_are_in_the_comparison(script, whole):
    assert len(script(replace(whole, methods=("c",)), script="other")) == 2
    combined = pd.read_csv(whole.output / "results/combined_results.csv")
    assert combined["method"].tolist() == ["a"] * 3 + ["b"] * 3 + ["c"] * 3 + (
        ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    )
    assert set(script.run.predictions("a")["part"]) == {"test"}
    assert len(script.run.predictions("a")) == 2 * 9  # of both splits
    assert script(whole) == []


def test_methods_scored_on_other_cells_or_splits_are_not_compared(script, whole):
    script(replace(whole, methods=("c",), max_cells=45))
    assert script.summary.index.unique("method").tolist() == ["c"]
    script(replace(whole, methods=("d",), seed=50))
    assert script.summary.index.unique("method").tolist() == ["d"]


def elsewhere(config, tmp_path):
    """The same run in a copy of its folder."""
    shutil.copytree(config.output, tmp_path / "copy")
    return replace(config, output=tmp_path / "copy")


def test_where_things_are_changes_nothing(script, whole, tmp_path):
    assert script(elsewhere(whole, tmp_path)) == []
    cells = make_cells(60)
    cells.uns["source"] = {"file": "moved.h5ad", "sha256": "2", "shape": [60, 60]}
    other_options = replace(whole, jobs=7, cells=tmp_path / "moved.h5ad", label_key="louvain")
    assert script(other_options, cells) == []
    assert script(replace(whole, methods=("b", "a"))) == []
    assert script(replace(whole, n_splits=1)) == []
    assert script(replace(whole, n_splits=3)) == [("a", 44), ("b", 44)]


def another_count():
    cells = make_cells(60)
    cells.X.data[3] += 1
    return cells


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"strength": 2.0}, ALL),
        ({"cells": another_count}, ALL),
        ({"max_cells": 45}, ALL),
        ({"versions": {"a": 2}}, [("a", 42), ("a", 43)]),
        ({"depends_on": ["two processes"]}, ALL),
        ({"protocol": -1}, ALL),
        # A model is kept of a run's first split alone, which split 43 was not.
        ({"seed": 43}, [("a", 43), ("b", 43), ("a", 44), ("b", 44)]),
        ({"script": "other"}, ALL),
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", str(value)),  # alike in every process
)
def test_what_changes_results_is_computed_again_and_deletes_nothing(
    script,
    whole,
    monkeypatch,
    changed,
    expected,
):
    before, published = bytes_of(whole.output, ".finished"), bytes_of(whole.output, *PUBLISHED)
    protocol, changed = finished.PROTOCOL_VERSION, dict(changed)
    monkeypatch.setattr(finished, "PROTOCOL_VERSION", changed.pop("protocol", protocol))
    given = {k: changed.pop(k) for k in ("versions", "depends_on", "script") if k in changed}
    cells = changed.pop("cells", lambda: make_cells(60))()
    assert script(replace(whole, **changed), cells, **given) == expected
    after = bytes_of(whole.output, ".finished")
    if "seed" not in changed:  # there parts are the same, with a model more
        assert before.items() <= after.items() and len(after) > len(before)
    assert before.keys() <= after.keys()
    monkeypatch.setattr(finished, "PROTOCOL_VERSION", protocol)
    # The old options come back: nothing is computed, and what people look at is theirs again.
    assert script(whole) == []
    found = bytes_of(whole.output, *PUBLISHED)
    # Tables of all splits that the cells ever had know one split more.
    tables = ("results/scores/", "results/per_type", "results/combined_results")
    tidy = tables if "seed" in changed else ()
    assert {name for name in published if found[name] != published[name]} <= {
        name for name in published if name.startswith(tidy)
    }


def test_models_and_predictions_are_of_the_run_that_was_asked_for(script, whole, monkeypatch):
    as_part_of_the_package(monkeypatch)
    for options in ({}, {"strength": 3.0}, {}, {"seed": 43}, {"strength": 3.0, "seed": 43}, {}):
        config = replace(whole, **options)
        script(config)
        model = Classifier.load(config.output / "models/a")
        assert model.strength == model_of(config, "a", 0).strength
        assert model.provenance_["split"] == config.seed
        table = pd.read_parquet(config.output / f"predictions/a-split{config.seed}.parquet")
        found = model.predict_proba(make_cells(60)[table["cell"]].copy())
        np.testing.assert_allclose(found, table[["B", "NK", "T/x"]], atol=1e-6)
        scores = pd.read_csv(config.output / "results/scores/a.csv").set_index(["split", "part"])
        right = (table["label"] == table["predicted"]).groupby(table["part"]).mean()
        for part, accuracy in right.items():
            assert scores.loc[(config.seed, part), "accuracy"] == pytest.approx(accuracy)


def test_fresh_computes_again_and_keeps_what_others_finished(script, whole):
    other = replace(whole, strength=2.0)
    script(other)
    script(whole)
    before = bytes_of(whole.output)
    script.stop_before = len(script.fits) + 2
    fresh = replace(whole, fresh=True)
    with pytest.raises(KeyboardInterrupt):
        script(fresh)
    script.stop_before = None
    assert bytes_of(whole.output) == before
    assert script(fresh) == ALL
    assert bytes_of(whole.output) == before
    assert script(other) == []


def test_fresh_drops_checkpoints_and_others_keep_them(script, tmp_path):
    config = config_in(tmp_path)
    script.stop_before = 0
    places = {}
    for options in ({"strength": 1.0}, {"strength": 2.0}):
        run = Run("script", replace(config, **options))
        cells = sourced(make_cells(60))
        next(iter(run.plan({"a": 1}, cells, split_all(cells, config))))
        places[options["strength"]] = run.checkpoints("a", 42)
        run.checkpoints("a", 42).mkdir(parents=True)
    for options in ({}, {"methods": ("b",)}, {"methods": ("b",), "fresh": True}):
        with pytest.raises(KeyboardInterrupt):
            script(replace(config, **options))
    assert all(place.is_dir() for place in places.values()) and len(set(places.values())) == 2
    with pytest.raises(KeyboardInterrupt):
        script(replace(config, fresh=True))
    assert [place.is_dir() for place in places.values()] == [False, True]
    script.stop_before = None
    script(replace(config, strength=2.0))
    assert not places[2.0].exists()  # the part is finished


def test_published_files_and_finished_parts_cannot_change_each_other(script, whole, monkeypatch):
    as_part_of_the_package(monkeypatch)
    published = whole.output / "predictions/a-split42.parquet"
    kept = next(whole.output.glob(".finished/script/*/a-split42/predictions.parquet"))
    assert published.samefile(kept)  # no second copy on the disk
    before = bytes_of(whole.output, ".finished")
    table = pd.read_parquet(published)
    Output(whole.output).predictions("a-split42", table[:3])
    model = Classifier.load(whole.output / "models/a")
    model.save(whole.output / "models/a", split=7)
    assert len(pd.read_parquet(published)) == 3
    assert bytes_of(whole.output, ".finished") == before
    assert script(whole) == []
    pd.testing.assert_frame_equal(pd.read_parquet(published), table)


def test_a_disk_without_links_gets_copies(script, whole, tmp_path, monkeypatch):
    def refused(*arguments, **options):
        raise OSError("links are not known here")

    monkeypatch.setattr(os, "link", refused)
    config = config_in(tmp_path / "copies")
    script(config)
    assert bytes_of(config.output) == bytes_of(whole.output)
    kept = next(config.output.glob(".finished/script/*/a-split42/predictions.parquet"))
    assert not (config.output / "predictions/a-split42.parquet").samefile(kept)


@pytest.mark.parametrize("lost", ["predictions/a-split43.parquet", "models/a", "results/scores"])
def test_lost_outputs_are_published_again(script, whole, lost):
    before, path = bytes_of(whole.output), whole.output / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert script(whole) == []
    assert bytes_of(whole.output) == before


@pytest.mark.parametrize("lost", ["tables.json", "predictions.parquet", "model"])
def test_a_part_that_lost_something_is_computed_again(script, whole, lost):
    before = bytes_of(whole.output)
    path = next(whole.output.glob(".finished/script/*/a-split42")) / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert script(whole) == [("a", 42)]
    assert bytes_of(whole.output) == before


def test_the_record_is_last_and_lists_what_was_written(script, whole):
    path = whole.output / "results/run_script.json"
    content = json.loads(path.read_text())
    assert content["seeds"] == [42, 43] and content["data"]["file"] == "cells.npy"
    assert content["options"]["strength"] == 1.0 and content["options"]["methods"] == ["a", "b"]
    visible = {n for n in files_of(whole.output) if not n.startswith((".", "models"))}
    assert set(content["outputs"]) == visible - {"results/run_script.json"} | {
        "models/a",
        "models/b",
    }
    written = {p: p.stat().st_mtime_ns for p in whole.output.rglob("*") if p.is_file()}
    assert max(written, key=written.get) == path
    assert set(content["steps"]) == {"read", "a", "b", "outputs"}


def test_only_the_first_process_writes(script, whole, monkeypatch, tmp_path):
    assert script(whole) == []
    summary = script.summary
    monkeypatch.setenv("RANK", "1")
    assert script(config_in(tmp_path / "second")) == ALL
    assert not (tmp_path / "second").exists()
    own = script.summary.sort_index()  # the first one has all predictions, and so the intervals
    pd.testing.assert_frame_equal(own, summary.sort_index()[own.columns])


def test_the_summary_has_an_interval_of_the_test_part(script, whole):
    script(whole)
    table = pd.read_csv(whole.output / "results/summary.csv").set_index("part")
    ends = ["macro_f1_low", "macro_f1_high", "cross_entropy_low", "cross_entropy_high"]
    assert table[["ece_low", "ece_high"]].isna().all(axis=None)  # resampling raises it
    assert table.loc["test", ends].notna().all(axis=None)
    assert table.loc[["train", "val"], ends].isna().all(axis=None)
    assert (table.loc["test", "macro_f1_low"] <= table.loc["test", "macro_f1_mean"]).all()
    assert (table["n_splits"] == 2).all()


def test_methods_are_compared_in_pairs(script, whole):
    script(whole)
    pairs = pd.read_csv(whole.output / "results/paired_comparison.csv")
    assert pairs[["method_a", "method_b"]].drop_duplicates().to_numpy().tolist() == [["a", "b"]]
    means = script.summary.xs("test", level="part")
    for row in pairs.to_dict("records"):
        of_both = means[row["metric"]]["mean"]
        assert row["difference"] == pytest.approx(of_both["a"] - of_both["b"], abs=1e-6)
    groups = pd.read_csv(whole.output / "results/groups_not_told_apart.csv")
    assert set(groups["method"]) == {"a", "b"} and groups["group"].min() == 1


def test_a_single_split_has_no_standard_deviation(script, tmp_path):
    script(config_in(tmp_path, n_splits=1))
    table = pd.read_csv(tmp_path / "results/summary.csv")
    stds = [name for name in table if name.endswith("_std")]
    assert stds and table[stds].isna().all(axis=None) and (table["n_splits"] == 1).all()
    shown = scores.in_short(script.summary)
    assert "+- 0.000" not in shown.to_string() and " to " in shown.loc["a", "macro_f1"]
    assert set(shown["+-"]) == {"95 % bootstrap of cells"}


NAMES = ["0", "NA", "nan", "A/B", "A_B", 'say "a", b', "two\nlines", "of Windows\r", "a\rb", " ä "]


def test_types_of_any_name_do_not_mix(script, tmp_path):
    """In tables, in predictions, and when a run is taken up."""
    cells = make_cells(200)
    cells.obs["cell_type"] = pd.Categorical(np.array(NAMES)[np.arange(200) % len(NAMES)])
    config = config_in(tmp_path, methods=("a",))
    script.stop_before = 1
    with pytest.raises(KeyboardInterrupt):
        script(config, cells)
    script.stop_before = None
    assert script(config, cells) == [("a", 43)]
    found = pd.read_csv(tmp_path / "results/per_type_results.csv", keep_default_na=False)
    for split in (42, 43):
        table = pd.read_parquet(tmp_path / f"predictions/a-split{split}.parquet")
        assert sorted(table.columns[4:]) == sorted(NAMES)
        assert table["label"].tolist() == cells.obs["cell_type"].tolist()
        test = table[table["part"] == "test"]
        rows = found[found["split"] == split].set_index("cell_type")
        assert sorted(rows.index) == sorted(NAMES)
        for name in NAMES:
            is_type, given = test["label"] == name, test["predicted"] == name
            assert rows.loc[name, "support"] == is_type.sum()
            recall = (is_type & given).sum() / is_type.sum()
            assert rows.loc[name, "recall"] == pytest.approx(recall, abs=1e-6)


KEY_OF_A_RUN = """
import cellclassifier, conftest, experiments
from cellclassifier.protocol import experiment
run = experiment.Run("script", experiments.config_in("out"))
run.data = experiment.digest_of_cells(conftest.make_cells(60))
print(cellclassifier.__file__, run.key(1))
"""


@pytest.mark.slow
def test_a_comment_in_any_file_changes_no_key(tmp_path):
    """Of a copy of the package with a comment at the end of every file."""
    shutil.copytree(ROOT / "cellclassifier", tmp_path / "cellclassifier")
    for path in (tmp_path / "cellclassifier").rglob("*.py"):
        path.write_text(path.read_text() + "\n# a comment\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", KEY_OF_A_RUN],
        env=os.environ | {"PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    place, key = done.stdout.split()
    run = Run("script", config_in(tmp_path))
    run.data = finished.digest_of_cells(make_cells(60))
    assert place.startswith(str(tmp_path)) and key == run.key(1)
