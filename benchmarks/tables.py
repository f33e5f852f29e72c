"""Tables of figures in the docs: rows of a record, and how each figure is written."""

from __future__ import annotations

import string
from dataclasses import dataclass

MEAN = "{%s_mean:.3f} ± {%s_std:.3f}"  # of a metric, over splits


@dataclass(frozen=True)
class Table:
    """Rows of a record as they stand: headings of columns, and what is written into each.

    record: its name; columns: heading -> template of ``str.format`` over a row's values, or
    several, of which the first counts that has all its values; only: as of ``CrossTable``.
    """

    record: str
    columns: dict[str, str | tuple[str, ...]]
    only: tuple[str, ...] = ()

    def lines(self, rows: list[dict]) -> list[list[str]]:
        """The cells of the table, headings first."""
        rows = chosen(rows, self.only)
        found = [[filled(text, row) for text in self.columns.values()] for row in rows]
        return [list(self.columns), *found]


@dataclass(frozen=True)
class CrossTable:
    """Rows of a record as cells of a table: one value's texts down, another's across.

    down, cell: templates (of several cells the first that a row has all values of); across: a name
    of the rows' values, whose texts are the headings; only: a name and the text that rows of this
    table have there, () for all rows; beside: heading and template of a column more, of what all
    rows of a line have in common.
    """

    record: str
    heading: str
    down: str
    across: str
    cell: str | tuple[str, ...]
    only: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def lines(self, rows: list[dict]) -> list[list[str]]:
        """The cells of the table, headings first."""
        rows = chosen(rows, self.only)
        texts = {(filled(self.down, r), r[self.across]): self._text(r) for r in rows}
        down = list(dict.fromkeys(name for name, _ in texts))
        across = list(dict.fromkeys(name for _, name in texts))
        found = [[name, *(texts.get((name, other), "") for other in across)] for name in down]
        lines = [[self.heading, *(f"`{name}`" for name in across)], *found]
        if self.beside:
            heading, template = self.beside
            common = {filled(self.down, row): filled(template, row) for row in rows}
            lines = [[line[0], common.get(line[0], heading), *line[1:]] for line in lines]
        return lines

    def _text(self, row: dict) -> str:
        cells = [self.cell] if isinstance(self.cell, str) else self.cell
        return next(filter(None, (filled(cell, row) for cell in cells)), "")


def chosen(rows: list[dict], only: tuple[str, ...]) -> list[dict]:
    """The rows of one table of a record."""
    return [row for row in rows if not only or row[only[0]] == only[1]]


def filled(template: str | tuple[str, ...], row: dict) -> str:
    """A template with a row's values; empty where one of them is missing.

    Of several the first that is not empty.
    """
    if isinstance(template, tuple):
        return next((text for each in template if (text := filled(each, row))), "")
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    if any(row.get(name) is None for name in names):
        return ""
    return template.format(**row)


def mean(metric: str) -> str:
    """The template of a metric's mean and standard deviation."""
    return MEAN % (metric, metric)


def mean_if_several(metric: str) -> tuple[str, str]:
    """The same, or the one value of a single split, which has no deviation."""
    return mean(metric), f"{{{metric}_mean:.3f}}"
