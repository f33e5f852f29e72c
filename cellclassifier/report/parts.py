"""What a page is made of: sections of figures, tables and drawings, each with its notes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """What an expert will ask, and the answer from the numbers of this run."""

    question: str
    answer: str


@dataclass(frozen=True)
class Part:
    """What stands on one slide.

    headline: its finding; how: one sentence on how to read it; command: what made it; csv: the
    table behind it, relative to the output folder.
    """

    headline: str
    how: str
    command: str = ""
    csv: str = ""
    notes: tuple[Note, ...] = ()
    kind = "text"


@dataclass(frozen=True)
class Figure(Part):
    """A picture: uri holds all of it; width, height: pixels; file: where it came from."""

    uri: str = ""
    width: int = 0
    height: int = 0
    file: str = ""
    kind = "figure"


@dataclass(frozen=True)
class Table(Part):
    """Rows of texts below a header; the first column names the rows."""

    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    kind = "table"


@dataclass(frozen=True)
class Answers(Part):
    """Questions with their answers, each a heading and sentences."""

    answers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    kind = "answers"


@dataclass(frozen=True)
class Protocol(Part):
    """The drawing of the protocol; counts: cells of train, val and test; names of the data."""

    counts: dict[str, int] = field(default_factory=dict)
    n_splits: int = 0
    grouped_by: str = ""
    kind = "protocol"


@dataclass(frozen=True)
class CellMap(Part):
    """Cells in a plane, to be zoomed; cells: JSON values for the page's own drawing."""

    cells: dict = field(default_factory=dict)
    legend: tuple[tuple[str, str], ...] = ()  # (type, colour)
    kind = "map"


@dataclass(frozen=True)
class Section:
    """A part of the talk. missing: lines on what is not there, and how to make it."""

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """All of it."""

    title: str
    data: str
    made: str
    sections: tuple[Section, ...]
