"""One case in a child process with limits: what came of it."""

from __future__ import annotations

import faulthandler
import gc
import math
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cellclassifier.errors import InputError

MEMORY = 2 * 2**30  # bytes of address space beyond what the process has at the start
CPU_SECONDS = 10
WALL_SECONDS = 20  # for a case that waits instead of computing, on a machine that may be busy
LONGEST_SENTENCE = 1000
TRACE, RAN = "trace", "ran"  # files in a case's folder; what a payload would make is ``RAN``

NOT_MADE, READ, REFUSED = "not made", "read", "refused"
CODE_RUN, TRACEBACK, CRASH, MEMORY_FULL, HANG = "code run", "traceback", "crash", "memory", "hang"
HDF5_LOOP = "HDF5 loop"
OFFENCES = (CODE_RUN, TRACEBACK, CRASH, MEMORY_FULL, HANG)
OUTCOMES = (READ, REFUSED, NOT_MADE, *OFFENCES, HDF5_LOOP)

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


def in_child(damage: Callable[[], None], read: Callable[[], None], folder: Path) -> Outcome:
    """Damage a file and read it, both in a forked process whose working folder is ``folder``."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run(damage, read, folder, writing)
    os.close(writing)
    _, status, usage = os.wait4(pid, 0)
    os.set_blocking(reading, False)  # a process that the case left behind may hold the other end
    notes = os.read(reading, 2**16).decode("utf-8", "replace").splitlines()
    os.close(reading)
    return _outcome(notes, status, usage.ru_maxrss * 2**10, folder)


def _run(damage, read, folder: Path, writing: int) -> None:
    """The child's life, which ends here."""

    def note(text: str) -> None:
        text = text.replace(f"{folder}/", "")
        os.write(
            writing, (" ".join(text.split()) + "\n").encode("utf-8", "backslashreplace")[:4000]
        )

    try:
        gc.disable()  # a collection would copy every page that the parent has
        os.chdir(folder)
        tempfile.tempdir = str(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder)
        _silence()
        damage()
        _limit(folder)
        note("made")
        sys.addaudithook(lambda event, args: event in SIGNS_OF_CODE and note(f"ran {event} {args}"))
        note(_read(read))
    except BaseException as error:  # of the damage
        note(repr(error))
    os._exit(0)


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _limit(folder: Path) -> None:
    """Limits from here on; a signal that ends the child leaves the Python stack in ``TRACE``."""
    trace = open(folder / TRACE, "w", encoding="utf-8")  # noqa: SIM115 (open as long as the process lives)
    faulthandler.enable(trace)
    for number in (signal.SIGXCPU, signal.SIGALRM):
        faulthandler.register(number, trace, chain=True)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    space = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
    last = math.ceil(time.process_time()) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (last, last + 5))
    signal.alarm(WALL_SECONDS)


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
    """Whether ``cli`` tells this without a traceback, in a line that any output takes."""
    if isinstance(error, OSError):
        return error.errno is not None
    text = str(error)
    is_line = "\n" not in text and len(text) <= LONGEST_SENTENCE
    return isinstance(error, InputError) and is_line and _is_utf8(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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


def _outcome(notes: list[str], status: int, peak: int, folder: Path) -> Outcome:
    if "made" not in notes:
        return Outcome(NOT_MADE, " ".join(notes))
    ran = [note for note in notes if note.startswith("ran ")]
    if ran or (folder / RAN).exists():
        return Outcome(CODE_RUN, ran[0] if ran else "by its payload")
    if os.WIFSIGNALED(status):
        return _stopped(os.WTERMSIG(status), (folder / TRACE).read_text())
    what = next(what for what in OUTCOMES if notes[-1].startswith(what))
    if peak > 2 * MEMORY:  # the parent's pages are among them
        return Outcome(MEMORY_FULL, f"{peak / 2**30:.1f} GiB")
    return Outcome(what, notes[-1].removeprefix(what).strip()[:200])


def _stopped(number: int, trace: str) -> Outcome:
    frames = re.findall(r'File "(.*?)", line \d+ in (\S+)', trace)
    place = " < ".join(f"{Path(file).name}:{name}" for file, name in frames[:3])
    if number not in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL):
        return Outcome(CRASH, f"{signal.Signals(number).name} in {place}")
    in_hdf5 = bool(frames) and "/h5py/" in frames[0][0]
    return Outcome(HDF5_LOOP if in_hdf5 else HANG, place)
