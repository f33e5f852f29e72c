"""finetune_geneformer.py, run for real: outputs, failures, a killed run, two processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, make_cells
from geneformer_help import GENES, write_dictionaries, write_network

import finetune_geneformer as script
from cellclassifier import cli
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer.classifier import GeneformerClassifier
from cellclassifier.protocol.scores import TIDY

TINY = ("--from-scratch", "--layers", "1", "--width", "8", "--batch-size", "10", "--device", "cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A cells.npy of 90 cells of three types, one with a slash in its name."""
    path = tmp_path_factory.mktemp("data") / "cells.npy"
    return save_cells(path, make_cells(90).var_names)


def save_cells(path: Path, genes, seed: int = 0) -> Path:
    cells = make_cells(90, seed=seed)
    content = {
        "UMI": cells.X.tocsc().astype(np.int32),
        "classes": cells.obs["cell_type"].to_numpy().astype(str),
        "gene_ids": np.asarray(genes).astype(str),
    }
    np.save(path, content, allow_pickle=True)
    return path


def config_of(data: Path | None, output: Path, **changed) -> script.Config:
    options = {"layers": 1, "width": 8, "epochs": 2, "batch_size": 10, "n_splits": 2} | changed
    options = {"from_scratch": True, "device": "cpu", "learning_rate": 5e-3} | options
    return script.Config(cells=data, output=output, **options)


def run_script(*options, launcher=(), cwd=ROOT, **environment) -> subprocess.CompletedProcess:
    launcher = launcher or (sys.executable,)
    return subprocess.run(
        [*map(str, launcher), str(ROOT / "finetune_geneformer.py"), *map(str, options)],
        cwd=cwd,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


def csv_of(output: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(output / "results" / f"{name}.csv")


def results_of(output: Path) -> pd.DataFrame:
    """The scores without the column of seconds."""
    return csv_of(output, "fine_tuning/fine_tuning_results").drop(columns="fit_seconds")


@pytest.fixture(scope="module")
def first_run(data, tmp_path_factory) -> script.Config:
    config = config_of(data, tmp_path_factory.mktemp("first"), pretrain_epochs=1)
    script.main(config)
    return config


def test_every_output_is_there(first_run):
    output = first_run.output
    expected = {
        "results/fine_tuning/fine_tuning_log.txt",
        "results/fine_tuning/fine_tuning_results.csv",
        "results/fine_tuning/training_history.csv",
        "results/fine_tuning/splits.csv",
        "results/scores/geneformer.csv",
        "results/combined_results.csv",
        "results/per_type_results.csv",
        "results/run_finetune_geneformer.json",
        "predictions/geneformer-split42.parquet",
        "predictions/geneformer-split43.parquet",
        "models/geneformer/model.json",
        "models/geneformer/vocabulary.json",
        "plots/confusion_geneformer.png",
        "plots/training_history.png",
    }
    found = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert expected <= found
    assert not any(".checkpoints" in name for name in found)
    results = csv_of(output, "fine_tuning/fine_tuning_results")
    assert results.columns.tolist() == TIDY
    assert results["part"].tolist() == ["train", "val", "test"] * 2
    history = csv_of(output, "fine_tuning/training_history")
    assert history.groupby(["split", "stage"]).size().tolist() == [2, 1, 2, 1]
    said = (output / "results/fine_tuning/fine_tuning_log.txt").read_text()
    assert "padding" in said and "val_macro_f1" in said
    record = json.loads((output / "results/run_finetune_geneformer.json").read_text())
    stages = [(fact["split"], fact["stage"]) for fact in record["training"]]
    assert stages == [(s, stage) for s in (42, 43) for stage in ("pretraining", "fine-tuning")]


def test_the_saved_model_repeats_its_predictions(first_run):
    model = GeneformerClassifier.load(first_run.output / "models" / "geneformer")
    saved = pd.read_parquet(first_run.output / "predictions" / "geneformer-split42.parquet")
    again = model.predict_proba(make_cells(90))
    assert saved[model.classes_.tolist()].to_numpy() == pytest.approx(again, abs=1e-5)
    assert (saved["predicted"] == model.classes_[again.argmax(axis=1)]).all()


@pytest.mark.slow
def test_parts_are_those_of_the_baselines(first_run, tmp_path):
    import multiclass_baselines

    options = {
        "methods": ("majority", "gbdt"),
        "quick": True,
        "n_splits": 2,
        "jobs": 1,
        "output": tmp_path,
    }
    multiclass_baselines.main(multiclass_baselines.Config(cells=first_run.cells, **options))
    name = "{}-split43.parquet"
    theirs = pd.read_parquet(tmp_path / "predictions" / name.format("majority"))
    ours = pd.read_parquet(first_run.output / "predictions" / name.format("geneformer"))
    columns = ["cell", "part", "label"]
    assert theirs[columns].equals(ours[columns])
    # Whichever script comes last, the rows of the other one's methods stay.
    script.main(config_of(first_run.cells, tmp_path, epochs=1))
    types = csv_of(tmp_path, "per_type_results")
    assert types["method"].unique().tolist() == ["majority", "gbdt", "geneformer"]
    changed = options | {"methods": ("majority",)}
    multiclass_baselines.main(multiclass_baselines.Config(cells=first_run.cells, **changed))
    types = csv_of(tmp_path, "per_type_results")
    assert types["method"].unique().tolist() == ["majority", "gbdt", "geneformer"]
    combined = csv_of(tmp_path, "combined_results")
    assert set(combined["method"]) == set(types["method"])


def start_script(*options, launcher=(sys.executable,)) -> subprocess.Popen:
    """The script in a group of processes of its own."""
    return subprocess.Popen(
        [*map(str, launcher), "finetune_geneformer.py", *map(str, options)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen, folder: Path, pattern: str) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_result(data, first_run, tmp_path):
    options = (*TINY, "--cells", data, "--output", tmp_path, "--epochs", 2, "--n-splits", 2)
    options += ("--learning-rate", "5e-3", "--pretrain-epochs", 1)
    process = start_script(*options)
    wait_for(process, tmp_path, ".checkpoints/*/geneformer-split43/pretraining/step-*")
    process.send_signal(signal.SIGKILL)
    process.wait()
    script.main(config_of(data, tmp_path, pretrain_epochs=1))
    pd.testing.assert_frame_equal(results_of(tmp_path), results_of(first_run.output))


@pytest.mark.slow
def test_two_processes_train_as_one(data, tmp_path):
    """Without dropout, which draws differently: the same scores and nearly the same weights."""
    torchrun = (Path(sys.executable).with_name("torchrun"), "--nproc-per-node", 2)
    options = ("--cells", data, "--epochs", 2, "--n-splits", 1, "--pretrain-epochs", 1, *TINY)
    options += ("--dropout", "0", "--learning-rate", "5e-3")
    done = run_script(*options, "--output", tmp_path / "two", launcher=torchrun)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Outputs:") == 1
    one = config_of(data, tmp_path / "one", n_splits=1, pretrain_epochs=1, dropout=0.0)
    script.main(one)
    name = "predictions/geneformer-split42.parquet"
    two, one = (pd.read_parquet(tmp_path / folder / name) for folder in ("two", "one"))
    assert one[["cell", "part"]].equals(two[["cell", "part"]])
    types = ["B", "NK", "T/x"]
    assert two[types].to_numpy() == pytest.approx(one[types].to_numpy(), abs=2e-3)
    # AdamW hides a wrong scale of the gradient, the losses show it.
    histories = (csv_of(tmp_path / name, "fine_tuning/training_history") for name in ("two", "one"))
    pd.testing.assert_frame_equal(*histories, rtol=1e-3, check_exact=False)


@pytest.mark.slow
def test_two_processes_go_on_together(data, tmp_path):
    """Both killed within fine-tuning: the second start ends with the first one's results."""
    torchrun = (Path(sys.executable).with_name("torchrun"), "--nproc-per-node", 2)
    options = ("--cells", data, "--epochs", 4, "--n-splits", 1, "--learning-rate", "5e-3", *TINY)
    whole, killed = (*options, "--output", tmp_path / "1"), (*options, "--output", tmp_path / "2")
    process = start_script(*killed, launcher=torchrun)
    wait_for(process, tmp_path / "2", ".checkpoints/*/geneformer-split42/fine-tuning/step-*")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for way in (whole, killed):
        done = run_script(*way, launcher=torchrun)
        assert done.returncode == 0, done.stderr[-3000:]
    expected, found = predictions_of(tmp_path / "1"), predictions_of(tmp_path / "2")
    pd.testing.assert_frame_equal(found, expected)
    assert not list(tmp_path.glob("2/.checkpoints/*/*"))


@pytest.mark.slow
def test_bad_input_is_one_sentence_and_exit_code_2(data, tmp_path):
    options = ("--cells", data, "--output", tmp_path)
    done = run_script(*options, "--pretrained", tmp_path / "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere holds no config.json: expected a model folder" in done.stderr.splitlines()[-1]
    assert "--download" in done.stderr and "Traceback" not in done.stderr
    with pytest.raises(InputError, match="contradict"):
        script.main(config_of(data, tmp_path, pretrained=Path("x")))
    with pytest.raises(InputError, match="--epochs 0"):
        script.main(config_of(data, tmp_path, epochs=0))
    with pytest.raises(InputError, match="--jobs -1"):
        script.main(config_of(data, tmp_path, jobs=-1))
    with pytest.raises(InputError, match=r"--warmup-share 1.0: expected less than 1"):
        script.main(config_of(data, tmp_path, warmup_share=1.0))


def test_a_start_that_fails_leaves_an_interrupted_run_alone(data, first_run, tmp_path):
    shutil.copytree(first_run.output, tmp_path, dirs_exist_ok=True)
    checkpoint = tmp_path / ".checkpoints" / "key" / "geneformer-split42"
    checkpoint.mkdir(parents=True)
    finished = {path for path in tmp_path.rglob("*") if ".finished" in str(path)}
    assert finished
    options = {"from_scratch": False, "pretrained": tmp_path / "nowhere"}
    with pytest.raises(InputError, match="holds no config"):
        script.main(config_of(data, tmp_path, **options, layers=6, width=256, fresh=True))
    assert checkpoint.exists() and all(path.exists() for path in finished)


@pytest.mark.slow
def test_lost_outputs_of_a_finished_split_are_made_again(data, first_run, tmp_path):
    shutil.copytree(first_run.output, tmp_path, dirs_exist_ok=True)
    (tmp_path / "predictions/geneformer-split43.parquet").unlink()
    shutil.rmtree(tmp_path / "models")
    script.main(config_of(data, tmp_path, pretrain_epochs=1))
    assert (tmp_path / "predictions/geneformer-split43.parquet").exists()
    assert (tmp_path / "models/geneformer/model.json").exists()
    pd.testing.assert_frame_equal(results_of(tmp_path), results_of(first_run.output))


@pytest.mark.slow
def test_help_and_download_need_no_torch(tmp_path):
    code = "import sys, finetune_geneformer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n"
    done = run_script("--download", HF_ENDPOINT="http://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 2 and "could not be downloaded" in done.stderr


def test_the_sample_gets_quick_settings_only_where_nothing_else_was_asked(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    decided = script.decided(script.Config(epochs=7))
    assert decided.from_scratch
    quick = script.QUICK_FROM_SCRATCH
    assert (decided.n_splits, decided.max_tokens) == (quick["n_splits"], quick["max_tokens"])
    assert decided.epochs == 7
    asked = replace(script.Config(), cells=Path("x.npy"), from_scratch=True)
    (tmp_path / "x.npy").touch()
    assert script.decided(asked).max_tokens == 2048
    quickly = script.decided(replace(asked, quick=True, max_tokens=64))
    assert (quickly.max_tokens, quickly.max_cells) == (64, quick["max_cells"])


@pytest.fixture
def published(tmp_path, monkeypatch) -> Path:
    """A cells.npy whose genes are those of dictionaries and weights in ./geneformer_files."""
    write_dictionaries(tmp_path / "geneformer_files")
    write_network(tmp_path / "geneformer_files")
    monkeypatch.chdir(tmp_path)
    return save_cells(tmp_path / "cells.npy", GENES)


def predictions_of(output: Path, split: int = 42) -> pd.DataFrame:
    return pd.read_parquet(output / f"predictions/geneformer-split{split}.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("from_scratch", [False, True])
def test_kept_tokens_give_the_same_results_as_counts(published, tmp_path, from_scratch):
    tokens = tmp_path / "kept"
    options = {"layers": 6, "width": 256, "freeze_layers": 2} if not from_scratch else {}
    options |= {"from_scratch": from_scratch, "n_splits": 1, "max_tokens": 30, "epochs": 1}
    first = config_of(published, tmp_path / "first", save_tokens=tokens, **options)
    script.main(first)
    script.main(config_of(None, tmp_path / "second", tokens=tokens, **options))
    expected = predictions_of(first.output)
    pd.testing.assert_frame_equal(predictions_of(tmp_path / "second"), expected)
    tables = [csv_of(tmp_path / name, "scores/geneformer") for name in ("first", "second")]
    unlike = ["fit_seconds"]
    pd.testing.assert_frame_equal(*(table.drop(columns=unlike) for table in tables))
    # The same cells: either run goes on from the other's finished parts.
    modified = (first.output / ".finished").stat().st_mtime_ns
    script.main(config_of(None, first.output, tokens=tokens, **options))
    assert (first.output / ".finished").stat().st_mtime_ns == modified
    if not from_scratch:  # which would learn a vocabulary of its own
        script.main(config_of(published, tmp_path / "third", **options))
        pd.testing.assert_frame_equal(predictions_of(tmp_path / "third"), expected)


@pytest.mark.slow
def test_tokens_of_something_else_are_refused(published, tmp_path):
    options = {"n_splits": 1, "epochs": 1}
    script.main(config_of(published, tmp_path / "out", save_tokens=tmp_path / "kept", **options))
    other = save_cells(tmp_path / "other.npy", GENES, seed=1)
    with pytest.raises(InputError, match=r"another file \(cells.npy\) than .*other.npy"):
        script.main(config_of(other, tmp_path / "out", tokens=tmp_path / "kept", **options))
    both = {"tokens": tmp_path / "kept", "save_tokens": tmp_path / "kept"}
    with pytest.raises(InputError, match="contradict each other"):
        script.main(config_of(None, tmp_path / "out", **both, **options))
    with pytest.raises(InputError, match="holds the tokens of other cells"):
        script.main(config_of(other, tmp_path / "out", save_tokens=tmp_path / "kept", **options))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), (96, 1, 2000, 3)),
        (("--max-tokens", "2048", "--n-splits", "3"), (2048, 3, 2000, 3)),
        (("--pretrain-epochs", "0", "--max-cells", "50"), (96, 1, 50, 0)),
        (("--max-tokens", "96"), (96, 1, 2000, 3)),
    ],
    ids=str,
)
def test_quick_overrides_no_option_that_was_given(monkeypatch, tmp_path, given, expected):
    """Not even one that was given the value that it has anyway."""
    decided = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["finetune_geneformer.py", "--quick", *given])
    cli.run(lambda config: decided.append(script.decided(config)), script.Config, "")
    (found,) = decided
    names = ("max_tokens", "n_splits", "max_cells", "pretrain_epochs")
    assert tuple(getattr(found, name) for name in names) == expected


def test_without_quick_what_was_not_given_is_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").touch()
    found = script.decided(script.Config(cells=Path("x.npy")))
    names = ("max_tokens", "n_splits", "max_cells", "pretrain_epochs")
    assert [getattr(found, name) for name in names] == [2048, 3, None, 0]
