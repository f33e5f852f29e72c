"""Texts of strangers in Markdown: shown as they are, never taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 120  # characters of a text that are shown


def verbatim(text: str) -> str:
    """A text for a paragraph or the cell of a table: one line, no markup, no signs that hide.

    A code span, in which nothing has a meaning but the backtick; "|" would end the cell of a table
    even there, so that a text with one is written with character references.
    """
    plain = _printable(text)
    if "|" in plain:
        return "".join(sign if _is_harmless(sign) else f"&#{ord(sign)};" for sign in plain)
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    pad = " " if "`" in (plain[0], plain[-1]) else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _printable(text: str) -> str:
    """On one line; signs that cannot be seen or turn others around as escapes."""
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return (shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…") or "(no name)"


def _is_harmless(sign: str) -> bool:
    return sign == " " or sign.isalnum() or not sign.isascii()
