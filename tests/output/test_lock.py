"""One run at a time in a folder; what killed runs left is swept."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

import pytest
from conftest import files_of

from cellclassifier.errors import InputError
from cellclassifier.output import lock
from cellclassifier.output.files import atomic_folder, atomic_path
from cellclassifier.output.lock import only_run_in
from cellclassifier.output.sweep import sweep


def enter(folder) -> None:
    with only_run_in(folder):
        pass


def test_one_run_at_a_time(tmp_path):
    with only_run_in(tmp_path / "out"):
        with pytest.raises(InputError, match=rf"another run .* \(process {os.getpid()} on .*since"):
            enter(tmp_path / "out")
        enter(tmp_path / "other")
        with pytest.raises(InputError):  # who was refused leaves the lock alone
            enter(tmp_path / "out")
    enter(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []  # nothing was written, so nothing is left


class Windows:
    """msvcrt's locks: of bytes from where the file stands, that nobody else may even read."""

    LK_NBLCK = 2

    @staticmethod
    def locking(file, mode, n_bytes):
        assert (mode, n_bytes) == (2, 1)
        assert os.lseek(file, 0, os.SEEK_CUR) > os.fstat(file).st_size  # not of what others read
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None


def test_locks_of_windows(tmp_path, monkeypatch):
    """The same sentence; the file that cannot be removed while it is open does no harm."""
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", Windows)

    def unlink(path, missing_ok=False):
        raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))

    monkeypatch.setattr(Path, "unlink", unlink)
    for _ in range(2):
        refused = pytest.raises(InputError, match=rf"\(process {os.getpid()} on .*since")
        with only_run_in(tmp_path / "out"), refused:
            enter(tmp_path / "out")
    assert files_of(tmp_path) == {"out/.lock"}


def test_a_system_without_locks_has_runs_without(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with only_run_in(tmp_path / "out"):
        enter(tmp_path / "out")


def test_the_folder_stays_if_there_is_something_in_it(tmp_path):
    with only_run_in(tmp_path / "out"):
        (tmp_path / "out/results").mkdir()
    assert files_of(tmp_path) == set() and (tmp_path / "out/results").is_dir()


def test_a_file_that_nobody_holds_is_no_lock(tmp_path):
    (tmp_path / ".lock").write_text("process 1 on another machine, since yesterday")
    enter(tmp_path)
    assert not (tmp_path / ".lock").exists()


def test_processes_of_torchrun_share_one(tmp_path, monkeypatch):
    with only_run_in(tmp_path):
        monkeypatch.setenv("RANK", "1")
        enter(tmp_path)


def leave_behind(path) -> None:
    """What a killed run leaves of a file, a folder, and a folder it was about to replace."""
    kept = []
    for make in (atomic_path, atomic_folder):
        context = make(path)
        kept.append((context, context.__enter__()))
    (kept[1][1] / "half").write_text("x")
    old = kept[1][1].with_name(f"{kept[1][1].name}-old")
    old.mkdir()
    (old / "whole").write_text("x")
    LEFT.extend(kept)  # else they would tidy up


LEFT = []


def age(folder, seconds) -> None:
    for path in [*folder.rglob("*")]:
        os.utime(path, (time.time() - seconds,) * 2)


NOT_OURS = (".hidden", ".a-cellclassifier-notes", "x-cellclassifier-abcdefgh", ".a-abcdefgh.csv")


def test_what_killed_runs_left_is_swept_after_an_hour(tmp_path):
    path = tmp_path / "results/fine_tuning/table.csv"
    leave_behind(path)
    leave_behind(tmp_path / "elsewhere/table.csv")  # no folder of ours
    for name in NOT_OURS:
        (path.parent / name).write_text("x")
    before = files_of(tmp_path)
    age(tmp_path, 3000)
    sweep(tmp_path)
    assert files_of(tmp_path) == before
    age(tmp_path, 4000)
    sweep(tmp_path)
    assert {str(p.relative_to(path.parent)) for p in path.parent.rglob("*")} == {
        *NOT_OURS,
        "table.csv",  # the folder that was moved away, and had not been replaced
        "table.csv/whole",
    }
    assert any(name.startswith("elsewhere") for name in files_of(tmp_path))


def test_a_temporary_folder_that_is_still_written_into_stays(tmp_path):
    leave_behind(tmp_path / "models/gbdt")
    age(tmp_path, 4000)
    half = next(tmp_path.glob("models/.gbdt*/half"))
    os.utime(half)
    sweep(tmp_path)
    assert half.exists()
