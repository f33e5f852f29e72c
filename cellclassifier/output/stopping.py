"""Ctrl-C and SIGTERM, from a script's first import to its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


class Terminated(KeyboardInterrupt):
    """SIGTERM: taken as Ctrl-C is, so that whatever tidies up after that does so now, too."""


def exit_code(error: KeyboardInterrupt) -> int:
    """What shells expect of a process that a signal ended."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


def is_started_here() -> bool:
    """Whether this process is a script or the command, and no notebook, test or worker."""
    main = Path(getattr(sys.modules["__main__"], "__file__", None) or "-")
    is_command = main.name == "cellclassifier" or main.parent.name == "cellclassifier.exe"
    return is_command or main.absolute().parent == Path(__file__).parents[2]


def end_at_once(message: str) -> None:
    """From now on both signals end the process: for imports, when nothing is written yet.

    An exception would not do: libraries turn it into others while they are imported.
    """

    def end(number: int, frame: FrameType | None) -> None:
        if message:
            os.write(2, f"{message}\n".encode())
        os._exit(128 + number)

    _take(end, end)


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block both signals raise KeyboardInterrupt in the main thread."""
    before = _take(signal.default_int_handler, _raise_terminated)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _take(on_ctrl_c: Handler, on_sigterm: Handler) -> dict[int, Handler]:
    """Set both handlers; returns those before. A signal that is ignored stays so (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    before = {}
    for number, handler in ((signal.SIGINT, on_ctrl_c), (signal.SIGTERM, on_sigterm)):
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, _of_this_process(handler))
    return before


def _of_this_process(handler: Handler) -> Handler:
    """The same for this process; children that inherit it end as if they had not."""
    process = os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() == process:
            handler(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    return handle


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated
