"""Scripts at the shell: remarks, threads, exit codes, one line for bad input, Ctrl-C."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pytest
from conftest import ROOT, files_of
from threadpoolctl import threadpool_info

import multiclass_baselines as script
from cellclassifier import __version__, cli
from cellclassifier.data.options import CellsOptions
from cellclassifier.options import CommonOptions
from cellclassifier.output.remarks import RESULT
from cellclassifier.output.stopping import Terminated

SCRIPTS = [path.stem for path in ROOT.glob("*.py")]


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
    options = "cells methods n-splits seed jobs n-genes max-cells output group-key quick fresh"
    for option in f"{options} label-key layer".split():
        assert f"--{option}" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cells", "bad.npy"),
        ("--cells", "missing.npy"),
        ("--cells", "GOOD", "--methods", "svm"),
        ("--cells", "GOOD", "--seed", "-1"),
        ("--cells", "GOOD", "--n-splits", "100000000"),
        ("--cells", "GOOD", "--min-cells-per-type", "-1"),
        ("--cells", "GOOD", "--methods", "gbdt", "majority", "gbdt"),
    ],
    ids=" ".join,
)
def test_bad_input_is_told_in_one_line(cells_npy, tmp_path, monkeypatch, capsys, arguments):
    (tmp_path / "bad.npy").write_bytes(cells_npy.read_bytes()[:500])
    arguments = [str(cells_npy) if word == "GOOD" else word for word in arguments]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["multiclass_baselines.py", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.run(script.main, script.Config, script.__doc__)
    lines = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert files_of(tmp_path) == {"bad.npy"}


@pytest.mark.parametrize(
    "option", [("--n-splits", "100000000"), ("--min-cells-per-type", "-1"), ("--max-cells", "0")]
)
def test_absurd_numbers_are_told_before_any_cell_is_read(tmp_path, option):
    """Of which the file, which is none, would say something else."""
    (tmp_path / "cells.npy").write_bytes(b"no cells")
    done = run(*option, folder=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {' '.join(option)}: expected")


def test_a_terminal_that_knows_ascii_alone_shows_escapes(tmp_path, monkeypatch):
    code = f"""
import logging, sys
sys.path.insert(0, {str(ROOT)!r})
from cellclassifier import __version__, cli
from cellclassifier.options import CommonOptions

def main(config):
    logging.getLogger("cellclassifier").info("Left out: \u03b3\u03b4 T.")
    print("\u03b1")

sys.argv = ["script.py"]
cli.run(main, CommonOptions, "A script of \u03b1.")
"""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Left out: \\u03b3\\u03b4 T.", "\\u03b1"]


@pytest.mark.slow
def test_an_output_that_cannot_be_written_is_told(cells_npy, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = run("--cells", cells_npy, "--output", tmp_path / "taken", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def n_kept(folder: Path) -> int:
    """Tables of finished parts; os.walk does not mind folders that go away meanwhile."""
    return sum("tables.json" in files for _, _, files in os.walk(folder))


@pytest.mark.slow
def test_ctrl_c_keeps_finished_parts(cells_npy, tmp_path):
    process = start(
        "--cells",
        cells_npy,
        "--output",
        tmp_path,
        "--jobs",
        1,
        "--n-splits",
        500,
        "--methods",
        "majority",
        "logistic_regression",
        folder=tmp_path,
    )
    deadline = time.monotonic() + 60
    while n_kept(tmp_path / ".finished") < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert "Finished parts are kept" in err.splitlines()[-1]
    parts = list(tmp_path.rglob(".finished/**/*.json"))
    assert len(parts) >= 4 and all(json.loads(path.read_text()) for path in parts)
    assert not (tmp_path / "results/combined_results.csv").exists()


SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("library", ["tyro", "anndata"])
def test_a_stop_while_libraries_are_imported_is_told_as_later(
    tmp_path, monkeypatch, library, number
):
    """Of which one takes an exception in an import for its own, as some do."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    slow = "import pathlib, time\npathlib.Path('importing').touch()\n"
    slow += "try:\n    time.sleep(60)\nexcept BaseException:\n    raise ImportError\n"
    (tmp_path / f"{library}.py").write_text(slow)
    process = start("--output", tmp_path / "out", folder=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "importing").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == SIGNALS[number], err
    assert err == f"Stopped. {cli.KEPT}\n" and not (tmp_path / "out").exists()


def test_sigterm_keeps_finished_parts(cells_npy, tmp_path):
    methods = ("--methods", "majority", "logistic_regression")
    options = ("--cells", cells_npy, "--output", tmp_path, "--jobs", 1, "--n-splits", 500, *methods)
    process = start(*options, folder=tmp_path)
    deadline = time.monotonic() + 60
    while n_kept(tmp_path / ".finished") < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143 and "Traceback" not in err
    assert "Finished parts are kept" in err.splitlines()[-1]
    assert not [name for name in files_of(tmp_path) if "-cellclassifier-" in name]
    assert all(json.loads(path.read_text()) for path in tmp_path.rglob(".finished/**/*.json"))


def test_a_second_run_into_one_folder_is_told_of_the_first(cells_npy, tmp_path):
    methods = ("--methods", "majority", "logistic_regression")
    options = ("--cells", cells_npy, "--output", tmp_path, "--jobs", 1, "--n-splits", 500, *methods)
    first = start(*options, folder=tmp_path)
    deadline = time.monotonic() + 60
    while not n_kept(tmp_path / ".finished") and time.monotonic() < deadline:
        time.sleep(0.05)
    second = run("--cells", cells_npy, "--output", tmp_path, folder=tmp_path)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    (told,) = second.stderr.splitlines()
    assert told.startswith("error: another run is writing into") and f"process {first.pid} " in told
    third = run(
        "--cells", cells_npy, "--output", tmp_path, "--n-splits", 1, *methods, folder=tmp_path
    )
    assert third.returncode == 0, third.stderr  # the lock of a killed process is none
    assert not (tmp_path / ".lock").exists()


@dataclass(frozen=True)
class Config(CommonOptions):
    """Options of a script."""


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """Run a ``main`` as a script with these arguments; returns its exit code, 0 without one."""

    def run_main(main, *arguments: str) -> int:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["script.py", *arguments])
        try:
            cli.run(main, Config, "A script.")
        except SystemExit as end:
            return end.code
        return 0

    return run_main


def remark(config: Config) -> None:
    logging.getLogger("cellclassifier.data.read").info("12 columns are %s.", "left out")
    logging.getLogger("cellclassifier").warning("Look here.")
    logging.getLogger("cellclassifier").debug("not this")
    logging.getLogger("another.library").info("nor this")


def test_remarks_are_plain_lines_on_stdout(shell, capsys):
    assert shell(remark) == 0
    assert capsys.readouterr().out == "12 columns are left out.\nLook here.\n"
    assert shell(remark) == 0  # each line once, however often a script is run in one process
    assert capsys.readouterr().out == "12 columns are left out.\nLook here.\n"
    log = logging.getLogger("cellclassifier")
    assert log.handlers == [] and log.level == logging.NOTSET


def test_of_several_processes_the_first_one_speaks(shell, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert shell(remark) == 0
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("RANK", "0")
    assert shell(remark) == 0
    assert "Look here." in capsys.readouterr().out


def test_quiet_and_verbose(shell, capsys):
    assert shell(remark, "--quiet") == 0
    assert capsys.readouterr().out == "Look here.\n"
    assert shell(remark, "--verbose") == 0
    assert capsys.readouterr().out == "12 columns are left out.\nLook here.\nnot this\n"
    assert shell(remark, "--quiet", "--verbose") == 2
    assert "contradict each other" in capsys.readouterr().err


def test_a_result_is_told_with_quiet_too(shell, capsys):
    def main(config: Config) -> None:
        logging.getLogger("cellclassifier").log(RESULT, "9 cells")

    assert shell(main, "--quiet") == 0
    assert capsys.readouterr().out == "9 cells\n"


def test_version(shell, capsys):
    assert shell(remark, "--version") == 0
    assert capsys.readouterr().out == f"cellclassifier {__version__}\n"


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", SCRIPTS)
def test_help_has_whole_lines_and_no_twins(name, columns):
    command = [sys.executable, ROOT / f"{name}.py", "--help"]
    environment = os.environ | {"COLUMNS": str(columns)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    before, _, options = done.stdout.partition("usage: ")
    assert done.returncode == 0 and "--version" in before and "--no-" not in done.stdout
    assert "(default: None)" not in options and "(default: )" not in options
    assert "{None}" not in options and "\n\n\n" not in done.stdout.rstrip()
    widest = max(len(line) for line in done.stdout.splitlines() if not line.startswith(" "))
    assert widest <= columns


def test_help_of_several_lines_is_broken_where_the_terminal_ends(monkeypatch, capsys):
    """And not where the code breaks it; the default is in its words."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["script.py", "--help"])
    with pytest.raises(SystemExit):
        cli.run(remark, CellsOptions, "A script.")
    lines = capsys.readouterr().out.splitlines()
    assert any("are joined by their common genes; default: ./cells.npy" in x for x in lines)
    assert any("(default: cell_type)" in line for line in lines)


@pytest.mark.parametrize("arguments", [("--help",), ("--verbose", "--umap")])
def test_a_reader_who_goes_away_ends_a_script_without_a_word(cells_npy, tmp_path, arguments):
    """As "| head -1" does: no traceback, nothing half-written, the exit code of SIGPIPE."""
    command = [sys.executable, "-u", ROOT / "interview.py", "--cells", cells_npy, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (cli.NOBODY_READS, "")
    assert not [name for name in files_of(tmp_path) if "-cellclassifier-" in name]


@pytest.mark.slow
def test_jobs_limit_the_threads_of_every_library():
    """Also of those that a script with rooms that open on demand has not imported yet."""
    code = f"""
import json, sys
sys.path.insert(0, {str(ROOT)!r})
import multiclass_baselines as script
from cellclassifier import __version__, cli
from cellclassifier.options import CommonOptions

def main(config):
    from threadpoolctl import threadpool_info
    import pandas, sklearn.ensemble, anndata
    print(json.dumps([(one["internal_api"], one["num_threads"]) for one in threadpool_info()]))

sys.argv = ["script.py", "--jobs", "3"]
cli.run(main, CommonOptions, "A script.")
"""
    environment = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(done.stdout))
    assert found.keys() == {"openblas", "openmp"} and set(found.values()) == {3}


def test_signals_are_as_before_once_a_script_ends(shell):
    before = [signal.getsignal(number) for number in SIGNALS]
    during = []
    assert shell(lambda config: during.extend(map(signal.getsignal, SIGNALS))) == 0
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert during[1] != before[1]


def test_threads_are_as_before_once_a_script_ends(shell):
    before = threadpool_info()
    assert shell(lambda config: None, "--jobs", "1") == 0
    assert threadpool_info() == before
    assert matplotlib.get_backend().lower() == "agg"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("bug"), None, None),
        (MemoryError(), 2, "error: the memory of this machine is full: take fewer cells"),
        (KeyboardInterrupt(), 130, "Stopped. Finished parts are kept: the same command"),
        (Terminated(), 143, "Stopped. Finished parts are kept: the same command"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            2,
            "error: torch is not installed, and this needs it: pip install "
            "'cellclassifier[networks]'",
        ),
        (
            ModuleNotFoundError("No module named 'transformers'", name="transformers"),
            2,
            "error: transformers is not installed, and this needs it: pip install "
            "'cellclassifier[geneformer]'",
        ),
        (ModuleNotFoundError("No module named 'pandas'", name="pandas"), None, None),
    ],
    ids=["bug", "memory", "Ctrl-C", "SIGTERM", "torch", "transformers", "pandas"],
)
def test_an_error_is_told_in_one_line_unless_it_is_ours(shell, capsys, error, code, line):
    def main(config):
        raise error

    if code is None:
        with pytest.raises(type(error)):
            shell(main)
        return
    assert shell(main) == code
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(line)
