"""Progress: a bar on a terminal, a line now and then elsewhere, nothing where it is not wanted."""

from __future__ import annotations

import io
import logging

import pytest

from cellclassifier.output import progress
from cellclassifier.output.remarks import RESULT, kept_remarks, remarks_on_stdout


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def count(clock, n: int, seconds: float, **options) -> None:
    with progress.Progress(n, "fit", **options) as shown:
        for i in range(shown.done, n):
            shown.doing(f"gbdt, split {i}")
            clock.now += seconds
            shown.add()


def test_in_a_file_there_is_a_line_now_and_then(clock, said, capsys):
    count(clock, 60, 5.0)
    assert len(said()) == 60 * 5 // progress.LINE_SECONDS
    assert said()[0] == "6 of 60 fits (gbdt, split 5), 00:30 so far, about 04:30 left"
    assert capsys.readouterr().err == ""


def test_what_an_earlier_run_did_is_not_in_the_time_that_is_left(clock, said):
    count(clock, 60, 30.0, done=58, name="a.h5ad")
    assert said()[0] == "a.h5ad: 59 of 60 fits (gbdt, split 58), 00:30 so far, about 00:30 left"


def test_what_is_over_at_once_is_not_told(clock, said):
    count(clock, 500, 0.01)
    assert said() == []


def test_what_starts_is_told_before_it_is_over(clock, said):
    """A fit of a minute is no minute of silence; many short ones are not a line each."""
    with progress.Progress(30, "fit") as shown:
        for i in range(30):
            shown.starting(f"gbdt, split {i}")
            clock.now += 60.0 if i == 10 else 0.1
            shown.add()
    assert said() == [
        "0 of 30 fits (gbdt, split 0) ...",
        "11 of 30 fits (gbdt, split 10), 01:01 so far, about 01:45 left",
    ]
    with progress.Progress(2, "fit", done=1) as shown:
        shown.starting("gbdt, split 1")
    assert said()[-1] == "1 of 2 fits (gbdt, split 1) ..."


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("level", "shown"), [(logging.INFO, True), (RESULT, False)])
def test_on_a_terminal_there_is_a_bar_unless_it_is_to_be_quiet(clock, monkeypatch, level, shown):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with remarks_on_stdout(level), kept_remarks():
        count(clock, 3, 60.0)
    assert ("3/3" in terminal.getvalue()) == shown


def test_of_several_processes_the_first_one_has_the_bar(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("RANK", "1")
    count(clock, 3, 1.0)
    assert terminal.getvalue() == ""


def test_nothing_else_draws_bars():
    from conftest import ROOT

    sources = [*(ROOT / "cellclassifier").rglob("*.py"), *ROOT.glob("*.py")]
    assert [p.name for p in sources if "import tqdm" in p.read_text()] == ["progress.py"]
