"""Tables as CSV: what is read back is what was written, and no spreadsheet takes it for a formula.

With ``dtype=str, keep_default_na=False`` pandas reads every text as it was, but for those of which
a spreadsheet would make a formula ("=1+1", "@SUM(A1)", "-T"; "-1" is a number): they have an
apostrophe in front, which ``without_apostrophes`` takes away.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd

from cellclassifier.output.files import atomic_path

# https://owasp.org/www-community/attacks/CSV_Injection; the apostrophes before make it reversible.
FORMULA = re.compile(r"'*\s*[=+\-@＝＋－＠]")
NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def write_csv(path: Path, table: pd.DataFrame, float_format: str | None = "%.6f") -> None:
    """Write a table without its index atomically; six decimals, or all digits with None."""
    with atomic_path(path) as temporary:
        append_csv(temporary, table, header=True, float_format=float_format)


def append_csv(
    path: Path, table: pd.DataFrame, header: bool, float_format: str | None = "%.6f"
) -> None:
    """Add the rows of a table to a file, below its header where the file is empty."""
    form = {"float_format": float_format, "lineterminator": "\n", "quoting": _quoting(table)}
    _with_apostrophes(table).to_csv(path, mode="a", header=header, index=False, **form)


def without_apostrophes(texts: pd.Series) -> pd.Series:
    """Texts as they were before they were written."""
    return texts.map(lambda text: text[1:] if text[:1] == "'" and _is_formula(text) else text)


def _with_apostrophes(table: pd.DataFrame) -> pd.DataFrame:
    """The same table, safe in a spreadsheet; columns without such texts are not copied."""
    safe = table
    for place in _places_of_texts(table):
        column = table.iloc[:, place]
        changed = {text: f"'{text}" for text in _texts_in(column) if _is_formula(text)}
        if changed:
            safe = table.copy(deep=False) if safe is table else safe
            safe.isetitem(place, [changed.get(text, text) for text in column])
    return safe


def _is_formula(text: str) -> bool:
    return bool(FORMULA.match(text)) and not NUMBER.fullmatch(text)


def _quoting(table: pd.DataFrame) -> int:
    """Quotes where needed; around all where a text holds a carriage return, as files of Windows do.

    Python before 3.13 leaves that one bare, and readers take it for the end of a line.
    """
    texts = [text for place in _places_of_texts(table) for text in _texts_in(table.iloc[:, place])]
    if any("\r" in text for text in (*map(str, table.columns), *texts)):
        return csv.QUOTE_ALL
    return csv.QUOTE_MINIMAL


def _places_of_texts(table: pd.DataFrame) -> list[int]:
    is_number = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    return [place for place, known in enumerate(is_number) if not known]


def _texts_in(column: pd.Series) -> list[str]:
    return [text for text in column.unique() if isinstance(text, str)]
