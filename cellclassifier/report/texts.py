"""Numbers as a person reads them, and names as sentences hold them."""

from __future__ import annotations

from collections.abc import Iterable

from cellclassifier.data.texts import printable
from cellclassifier.plots.style import in_a_line

SPACE = "\N{NO-BREAK SPACE}"
LONGEST = 80  # letters of a stranger's name


def percent(share: float) -> str:
    """A share in whole percent, "under 1 %" where it would be 0 but is not."""
    if 0 < share < 0.005:
        return f"under 1{SPACE}%"
    return f"{100 * share:.0f}{SPACE}%"


def per_hundred(share: float) -> str:
    """A share as so many of 100 cells."""
    return f"{100 * share:.0f}"


def seconds(value: float) -> str:
    """A time of any length."""
    if value >= 120:
        return f"{value / 60:.0f}{SPACE}min"
    return f"{value:.1f}{SPACE}s" if value < 10 else f"{value:.0f}{SPACE}s"


def number(value: float) -> str:
    """A whole number with commas."""
    return f"{value:,.0f}"


def count(n: int, noun: str) -> str:
    """So many of something: "1 split", "3 splits"."""
    return f"{number(n)} {noun}{'s' * (n != 1)}"


def named(text: object) -> str:
    """A stranger's text on one line, signs that cannot be seen as escapes, not too long."""
    line = printable(str(text))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def listed(names: Iterable[str], word: str = "and") -> str:
    """Names as "a, b and c"."""
    *first, last = list(names)
    return f"{', '.join(first)} {word} {last}" if first else last


def methods(names: Iterable[str]) -> str:
    """Methods as "logistic regression and soft vote"."""
    return listed(map(in_a_line, names))
