"""One run at a time in an output folder."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from cellclassifier.errors import InputError
from cellclassifier.output.processes import is_first

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None
try:
    import msvcrt
except ImportError:  # anywhere else
    msvcrt = None

LOCK = ".lock"
FAR = 2**20  # bytes; Windows lets nobody read what is locked, and others shall read who it is


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of an output folder, which is made where there is none.

    The lock is the system's, on a file that says who holds it: it ends with the process, however
    that ends, so none is ever stale. Of several processes (torchrun) the first one has it.

    Raises InputError, naming the other process, where another run is writing into the folder.
    """
    if not is_first():
        yield
        return
    path = Path(folder) / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        _say_who(file)
        try:
            yield
        finally:
            # Windows removes no open file: it stays, and what nobody holds is no lock.
            with suppress(PermissionError):
                path.unlink(missing_ok=True)
    with suppress(OSError):  # there is something in it
        path.parent.rmdir()  # where the run ended before it wrote anything


def _locked(path: Path) -> TextIO:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            _take(file.fileno())
        except BlockingIOError:
            with file:
                file.seek(0)
                raise InputError(
                    f"another run is writing into {path.parent} ({file.read().strip()}): wait for "
                    "it, or choose another --output"
                ) from None
        except OSError:  # a disk that knows no locks
            return file
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()  # the run before took its file away just now


def _take(file: int) -> None:
    """Lock an open file; BlockingIOError where another process has it, OSError without locks."""
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    if not msvcrt:
        raise OSError("no locks on this system")
    os.lseek(file, FAR, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except PermissionError as error:
        raise BlockingIOError from error


def _say_who(file: TextIO) -> None:
    file.truncate(0)
    now = datetime.now().strftime("%Y-%m-%d %H:%M")
    script = Path(sys.argv[0]).name
    file.write(f"process {os.getpid()} on {socket.gethostname()}, {script}, since {now}\n")
    file.flush()
