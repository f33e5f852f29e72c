"""Every script starts, and one runs, where there is nothing of what only Unix has."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, files_of

# Not there on Windows. What a library looks up there for Linux (os.getuid) has to stay.
HIDE = """
import os, runpy, sys

for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"):
    sys.modules[name] = None
for name in ("fork", "mkfifo", "sched_getaffinity", "fchmod", "killpg"):
    delattr(os, name)
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))


def run(script: str, folder, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", HIDE, str(ROOT / script), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.slow
def test_help_of_every_script(tmp_path, script):
    done = run(script, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout and "--output" in done.stdout


@pytest.mark.slow
def test_a_whole_run_and_its_annotation(tmp_path, cells_npy):
    options = ("--quick", "--n-splits", "1", "--methods", "majority", "logistic_regression")
    cells = ("--cells", str(cells_npy))
    done = run("multiclass_baselines.py", tmp_path, *cells, *options)
    assert done.returncode == 0, done.stderr
    record = json.loads(
        (tmp_path / "model_output/results/run_multiclass_baselines.json").read_text()
    )
    assert record["peak_gib"] > 0  # of /proc, which Linux has all the same
    done = run("annotate.py", tmp_path, *cells, "--model", "model_output/models/majority")
    assert done.returncode == 0, done.stderr
    assert any(name.endswith("annotations.csv") for name in files_of(tmp_path))
    done = run("multiclass_baselines.py", tmp_path, "--cells", "nowhere.npy")
    assert done.returncode == 2 and "nowhere.npy does not exist" in done.stderr
