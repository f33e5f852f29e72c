"""Scripts at the shell: exit codes, one line for bad input, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, files_of


def start(*arguments, folder, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, ROOT / "multiclass_baselines.py", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A runner in the background may have told its children to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def run(*arguments, folder) -> subprocess.CompletedProcess:
    process = start(*arguments, folder=folder)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_help(tmp_path):
    done = run("--help", folder=tmp_path)
    assert done.returncode == 0 and files_of(tmp_path) == set()
    for option in (
        *("--cells", "--methods", "--n-splits", "--seed", "--jobs", "--n-genes", "--max-cells"),
        *("--output", "--group-key", "--quick", "--fresh", "--label-key", "--layer"),
    ):
        assert option in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cells", "bad.npy"),
        ("--cells", "missing.npy"),
        ("--cells", "GOOD", "--methods", "svm"),
        ("--cells", "GOOD", "--seed", "-1"),
    ],
    ids=" ".join,
)
def test_bad_input_is_told_in_one_line(cells_npy, tmp_path, arguments):
    (tmp_path / "bad.npy").write_bytes(cells_npy.read_bytes()[:500])
    arguments = [str(cells_npy) if word == "GOOD" else word for word in arguments]
    done = run(*arguments, folder=tmp_path)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert files_of(tmp_path) == {"bad.npy"}


def test_an_output_that_cannot_be_written_is_told(cells_npy, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = run("--cells", cells_npy, "--output", tmp_path / "taken", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def test_ctrl_c_keeps_finished_parts(cells_npy, tmp_path):
    process = start(
        *("--cells", cells_npy, "--output", tmp_path, "--jobs", 1, "--n-splits", 500),
        *("--methods", "majority", "logistic_regression"),
        folder=tmp_path,
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.rglob(".finished/**/*.json"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert "Finished parts are kept" in err.splitlines()[-1]
    parts = list(tmp_path.rglob(".finished/**/*.json"))
    assert len(parts) >= 4 and all(json.loads(path.read_text()) for path in parts)
    assert not (tmp_path / "results/combined_results.csv").exists()
