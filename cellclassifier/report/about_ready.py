"""The ready model of blood: what its card and the records say of cells that it never saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd

from cellclassifier.report.parts import Table
from cellclassifier.report.records import read_record
from cellclassifier.report.texts import per_hundred, percent

CARD = files("cellclassifier") / "annotation" / "ready_model" / "README.md"
STUDY, ACCURACY, BROADER, KEPT = (
    "study left out",
    "averaged",
    "averaged, broader",
    "of which keep a type",
)
OF_STUDIES = (STUDY, "cells", "accuracy", ACCURACY, BROADER, KEPT)
TYPE = "type"  # first column of the card's types
STRANGERS = "strangers"  # record: every type left out in turn, cells of whole studies


@dataclass(frozen=True)
class Ready:
    """A row per study that was left out: shares of its cells.

    right: named as the study's authors did; broad_right: where a broader name counts, too; kept:
    cells whose broader name is a type; types: that it names; studies: the rows as texts, in the
    order of ``OF_STUDIES``.
    """

    right: tuple[float, ...]
    broad_right: tuple[float, ...]
    kept: tuple[float, ...]
    types: tuple[str, ...] = ()
    studies: tuple[tuple[str, ...], ...] = ()


def ready_model(card: str | None = None) -> Ready | None:
    """What the model's card holds, None where its table is not there; card: its text."""
    try:
        text = CARD.read_text(encoding="utf-8") if card is None else card
        rows = rows_below(text.splitlines(), STUDY)
        columns = [[float(row[name]) for row in rows] for name in (ACCURACY, BROADER, KEPT)]
        studies = tuple(tuple(row.get(name, "") for name in OF_STUDIES) for row in rows)
        types = tuple(row[TYPE] for row in rows_below(text.splitlines(), TYPE))
    except (OSError, ValueError, KeyError):
        return None
    return Ready(*map(tuple, columns), types, studies) if rows else None


def rows_below(lines: Sequence[str], first: str) -> list[dict[str, str]]:
    """Rows of the Markdown table whose first column is called ``first``."""
    tables = (i for i, line in enumerate(lines) if _cells(line)[:1] == [first])
    start = next(tables, None)
    if start is None:
        return []
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(_cells(lines[start]), _cells(line), strict=True)))
    return rows


def _cells(line: str) -> list[str]:
    return [text.strip() for text in line.strip().strip("|").split("|")]


def how_often_wrong(ready: Ready | None) -> tuple[str, ...]:
    """Of 100 cells of a laboratory that it never saw."""
    if ready is None:
        return ("The ready model: its card says how often it was wrong in studies left out.",)
    wrong = [1 - value for value in ready.right]
    mean = sum(wrong) / len(wrong)
    return (
        f"The ready model: of 100 cells {span(wrong)}, {per_hundred(mean)} in the mean, in "
        f"{len(wrong)} studies that were left out of its training in turn. Its ideas were settled "
        "on these same studies: expect rather more. CD4 for CD8 T cells is the usual error.",
        "A broad name is a group of types (T cell) where it is unsure: "
        f"{span(1 - value for value in ready.broad_right)} of 100 are wrong, and "
        f"{percent(min(ready.kept))} to {percent(max(ready.kept))} are one type still.",
    )


def ready_table(ready: Ready | None) -> Table | None:
    """A row per study that was left out of the training; None where the card has none."""
    if ready is None:
        return None
    return Table(
        headline=f"The ready model's method named {percent(min(ready.right))} to "
        f"{percent(max(ready.right))} of the cells of {len(ready.right)} studies that it had not "
        "seen as their authors did",
        how="Measured beforehand: trained on the other laboratories' cells alone. Averaged: over "
        "15 neighbours, as annotate does. Broader: a group of types counts as right, too, where "
        f"no single one is certain. Its types: {', '.join(ready.types)}.",
        command="python -m benchmarks.studies",
        csv="docs/records/studies.json",
        header=OF_STUDIES,
        rows=ready.studies,
    )


def how_often_far(records: Path) -> str:
    """How many cells of types that it never saw are called far, empty where no record says so."""
    table = pd.DataFrame(read_record(records, STRANGERS).get("rows", ()))
    if not {"left_out", "caught", "known_far"} <= set(table.columns):
        return ""
    caught = table.dropna(subset=["caught"]).groupby("left_out")["caught"].mean()
    if caught.empty:
        return ""
    least, most = caught.idxmin(), caught.idxmax()
    low, mean, high = map(percent, (caught[least], caught.mean(), caught[most]))
    return (
        f"Not all are found: of a type that was left out it called {mean} of the cells far in the "
        f"mean, from {low} ({least}) to {high} ({most}); of known cells "
        f"{percent(table['known_far'].mean())}."
    )


def span(shares: Iterable[float]) -> str:
    """Shares of cells as "2 to 14" of 100."""
    values = list(shares)
    low, high = per_hundred(min(values)), per_hundred(max(values))
    return low if low == high else f"{low} to {high}"
