"""Cases in child processes with limits: what came of each."""

from __future__ import annotations

import faulthandler
import math
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cellclassifier.errors import InputError

MEMORY = 2 * 2**30  # bytes of address space beyond what the process has before a case
CPU_SECONDS = 10
WALL_SECONDS = 20  # for a case that waits instead of computing, on a machine that may be busy
LONGEST_SENTENCE = 1000
# Files in a case's folder: what it notes, the stack that it ended with, what a payload would make.
NOTES, TRACE, RAN = "notes", "trace", "ran"

NOT_MADE, READ, REFUSED = "not made", "read", "refused"
CODE_RUN, TRACEBACK, CRASH, MEMORY_FULL, HANG = "code run", "traceback", "crash", "memory", "hang"
HDF5_LOOP = "HDF5 loop"
HARMLESS = (READ, REFUSED, NOT_MADE)
OFFENCES = (CODE_RUN, TRACEBACK, CRASH, MEMORY_FULL, HANG)
OUTCOMES = (*HARMLESS, *OFFENCES, HDF5_LOOP)

# Nothing that reads a file as data does any of these.
SIGNS_OF_CODE = {
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "pickle.find_class",
    "pty.spawn",
    "subprocess.Popen",
}


@dataclass(frozen=True)
class Outcome:
    """What came of a case: one of ``OUTCOMES``, and in one line how."""

    what: str
    how: str = ""


@dataclass(frozen=True)
class Task:
    """A file to be damaged and read, both in a working folder of its own, which is there."""

    damage: Callable[[], None]
    read: Callable[[], None]
    folder: Path


def in_child(tasks: list[Task]) -> list[Outcome]:
    """What came of the first tasks, done one after the other in a forked process.

    The process ends with the first whose outcome is not harmless; the rest is for another one.
    Each task has limits of its own.
    """
    pid = os.fork()
    if pid == 0:
        _live(tasks)
    _, status = os.waitpid(pid, 0)
    begun = [task for task in tasks if (task.folder / NOTES).exists()]
    if not begun:
        raise RuntimeError(f"the child ended with {status} before its first case")
    return [_outcome(task.folder, status if task is begun[-1] else 0) for task in begun]


def _live(tasks: list[Task]) -> None:
    """The child's life, which ends here."""
    try:
        _silence()
        notes = _Notes()
        sys.addaudithook(notes.hear)
        for task in tasks:
            notes.begin(task.folder)
            _run(task, notes)
            if not notes.are_harmless():
                break
    finally:
        os._exit(0)


class _Notes:
    """A file of lines in the folder of the case that is run; they outlive the process."""

    file: TextIO | None = None

    def begin(self, folder: Path) -> None:
        if self.file:
            self.file.close()
        self.file = open(folder / NOTES, "w", 1, "utf-8", "backslashreplace")  # noqa: SIM115
        self.folder, self.lines, self.listens = folder, [], False

    def add(self, text: str) -> None:
        text = " ".join(text.replace(f"{self.folder}/", "").split())[:4000]
        self.lines.append(text)
        self.file.write(f"{text}\n")

    def hear(self, event: str, arguments: tuple) -> None:
        """Note what only code of a file's own would do."""
        if event in SIGNS_OF_CODE and self.listens:
            self.add(f"ran {event} {arguments}")

    def are_harmless(self) -> bool:
        return _noted(self.lines).what in HARMLESS and not (self.folder / RAN).exists()


def _run(task: Task, notes: _Notes) -> None:
    """Both parts within limits: some damage to claims is more than a machine has memory for."""
    try:
        os.chdir(task.folder)
        tempfile.tempdir = os.environ["XDG_CACHE_HOME"] = str(task.folder)
        with _limited(task.folder):
            task.damage()
    except BaseException as error:
        notes.add(repr(error))
        return
    notes.add("made")
    with _limited(task.folder):
        notes.listens = True
        notes.add(_read(task.read))
        notes.listens = False


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


@contextmanager
def _limited(folder: Path) -> Iterator[None]:
    """Limits within; a signal that ends the process leaves the Python stack in ``TRACE``."""
    with open(folder / TRACE, "w", encoding="utf-8") as trace:
        faulthandler.enable(trace)
        for number in (signal.SIGXCPU, signal.SIGALRM):
            faulthandler.register(number, trace, chain=True)
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, 2**30)
        _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + CPU_SECONDS)
        signal.alarm(WALL_SECONDS)
        try:
            yield
        finally:
            signal.alarm(0)
            for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
                _limit(kind, resource.getrlimit(kind)[1])
            for number in (signal.SIGXCPU, signal.SIGALRM):
                faulthandler.unregister(number)
            faulthandler.disable()


def _limit(kind: int, most: int) -> None:
    """The soft limit, which the next case may raise again."""
    resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _read(read: Callable[[], None]) -> str:
    try:
        read()
        return READ
    except BaseException as error:
        if _is_memory(error):
            return f"{MEMORY_FULL} {_described(error)}"
        if _is_sentence(error):
            return f"{REFUSED} {error}"
        return f"{TRACEBACK} {_described(error)}"


def _is_sentence(error: BaseException) -> bool:
    """Whether ``cli`` tells this without a traceback, in a line that moves no terminal."""
    if isinstance(error, OSError):
        return error.errno is not None
    text = str(error)
    return isinstance(error, InputError) and text.isprintable() and len(text) <= LONGEST_SENTENCE


def _is_memory(error: BaseException | None) -> bool:
    """Whether memory was asked for in vain, also where a sentence was made of it."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _described(error: BaseException) -> str:
    """Type, place and message, the place being the last frame of this package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "cellclassifier/" in f.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].name}"
    return f"{type(error).__name__} in {place}: {error}"


def _outcome(folder: Path, status: int) -> Outcome:
    """Of a case, from what it left in its folder; status: of the process, if it was the last."""
    lines = (folder / NOTES).read_text("utf-8", "replace").splitlines()
    found = _noted(lines)
    if found.what in (NOT_MADE, CODE_RUN):
        return found
    if (folder / RAN).exists():
        return Outcome(CODE_RUN, "by its payload")
    if os.WIFSIGNALED(status):
        return _stopped(os.WTERMSIG(status), folder / TRACE)
    return found


def _noted(lines: list[str]) -> Outcome:
    """What a case said of itself."""
    if "made" not in lines:
        return Outcome(NOT_MADE, " ".join(lines))
    ran = [line for line in lines if line.startswith("ran ")]
    if ran:
        return Outcome(CODE_RUN, ran[0])
    if lines[-1] == "made":
        return Outcome(CRASH, "the process ended")
    what = next(what for what in OUTCOMES if lines[-1].startswith(what))
    return Outcome(what, lines[-1].removeprefix(what).strip()[:200])


def _stopped(number: int, trace: Path) -> Outcome:
    text = trace.read_text("utf-8", "replace") if trace.exists() else ""
    frames = re.findall(r'File "(.*?)", line \d+ in (\S+)', text)
    place = " < ".join(f"{Path(file).name}:{name}" for file, name in frames[:3])
    if number not in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL):
        return Outcome(CRASH, f"{signal.Signals(number).name} in {place}")
    in_hdf5 = bool(frames) and "/h5py/" in frames[0][0]
    return Outcome(HDF5_LOOP if in_hdf5 else HANG, place)
