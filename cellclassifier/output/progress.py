"""How far a long step is: a bar on a terminal, a line now and then in a file."""

from __future__ import annotations

import logging
import sys
import time

from tqdm import tqdm

from cellclassifier.output.processes import is_first
from cellclassifier.output.remarks import is_told

LINE_SECONDS = 30  # between two lines where there is no terminal
SHORT_SECONDS = 3  # after a line, in which nobody wonders whether a run goes on

log = logging.getLogger(__name__)


class Progress:
    """Counts what is done of ``total``; a context manager.

    The bar goes to stderr. Where that is no terminal (a file, a pipe) no signs of a terminal are
    written: a line is logged every ``LINE_SECONDS``, none for what is over before, and one for
    what is ``starting``. With --quiet there is neither; of several processes the first one tells.

    unit: what is counted ("fit"); done: what an earlier run had done; name: of the bar;
    most_seconds: after which nothing more is begun, None for no such limit.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        done: int = 0,
        name: str = "",
        most_seconds: float | None = None,
    ):
        self.most_seconds = most_seconds
        self.total, self.unit, self.done, self.name = total, unit, done, name
        self.doing_now = ""
        self.started_at, self.started_with = time.monotonic(), done
        self.told_at = self.started_at
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        hidden = not (on_terminal and is_first() and is_told(logging.INFO))
        self.bar = tqdm(total=total, initial=done, unit=unit, desc=name or None, disable=hidden)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()

    def doing(self, text: str) -> None:
        """Say what is being done, behind the bar or in the next line."""
        self.doing_now = text
        self.bar.set_postfix_str(text)

    def starting(self, text: str) -> None:
        """The same of what may take long: in a file it is a line, unless one was just written."""
        self.doing(text)
        self._tell(0 if self.done == self.started_with else SHORT_SECONDS)

    def add(self, n: int = 1) -> None:
        """Count ``n`` more."""
        self.done += n
        self.bar.update(n)
        self._tell(LINE_SECONDS)

    def _tell(self, after: float) -> None:
        if self.bar.disable and time.monotonic() - self.told_at >= after:
            self.told_at = time.monotonic()
            log.info(self._line())

    def _line(self) -> str:
        if self.done == self.started_with:
            return f"{self._count()} ..."
        seconds = time.monotonic() - self.started_at
        left = seconds * (self.total - self.done) / (self.done - self.started_with)
        told = f"{self._count()}, {_time(seconds)} so far, "
        if self.most_seconds is not None and seconds + left > self.most_seconds:
            return f"{told}stops within {_time(max(0, self.most_seconds - seconds))}"
        return f"{told}about {_time(left)} left"

    def _count(self) -> str:
        name = f"{self.name}: " if self.name else ""
        now = f" ({self.doing_now})" if self.doing_now else ""
        return f"{name}{self.done:,} of {self.total:,} {self.unit}s{now}"


def _time(seconds: float) -> str:
    return tqdm.format_interval(seconds)
