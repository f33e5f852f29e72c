"""What a run says: on the screen, as much as was asked for, and in a file beside its results."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cellclassifier.output.processes import is_first

RESULT = logging.INFO + 5  # what was asked for in the end: said with --quiet, too
SCREEN = "cellclassifier's screen"


class _Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class _Screen(logging.StreamHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Let a run end whose lines nobody reads any more, where logging prints a traceback."""
        if isinstance(error := sys.exception(), BrokenPipeError):
            raise error
        super().handleError(record)


@contextmanager
def kept_remarks() -> Iterator[list[str]]:
    """A list that grows by every line that the package logs (INFO and above)."""
    handler = _Lines()
    with _handled_by(handler):
        yield handler.lines


@contextmanager
def remarks_on_stdout(level: int = logging.INFO) -> Iterator[None]:
    """Print what the package logs (``level`` and above) as plain lines.

    Of several processes (torchrun) only the first one speaks.
    """
    handler = _Screen(sys.stdout) if is_first() else logging.NullHandler()
    handler.setLevel(level)
    handler.name = SCREEN
    with _handled_by(handler):
        yield


def is_told(level: int) -> bool:
    """Whether the screen shows lines of this level; it does where no script runs (a notebook)."""
    handlers = logging.getLogger("cellclassifier").handlers
    return all(level >= handler.level for handler in handlers if handler.name == SCREEN)


@contextmanager
def _handled_by(handler: logging.Handler) -> Iterator[None]:
    log = logging.getLogger("cellclassifier")
    before = log.level
    log.addHandler(handler)
    log.setLevel(min(handler.level, before or handler.level))
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
