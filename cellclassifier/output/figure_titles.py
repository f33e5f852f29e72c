"""The finding that stands above a figure, kept in its PNG: pages show it as text of their own."""

from __future__ import annotations

from matplotlib.figure import Figure

FINDING, HEIGHT = "Title", "Title height"  # keywords of PNG texts
NOTE_SIGNS = "†*‡"
PAD_INCHES = 0.1  # that savefig leaves around a tight figure
BELOW_INCHES = 0.04  # between the title and where it may be cut off


def texts_of(figure: Figure, dpi: int) -> dict[str, str]:
    """Texts for the PNG of a figure that is saved tight with so many dots per inch.

    Empty where the figure has no title above it all.
    """
    title = next((t for t in figure.texts if t.get_text() == figure.get_suptitle()), None)
    if title is None or not title.get_text().strip():
        return {}
    figure.draw_without_rendering()  # layouts and sizes of texts are known from here on
    bottom = title.get_window_extent().y0 / figure.dpi
    inches = figure.get_tightbbox().y1 + PAD_INCHES - bottom + BELOW_INCHES
    line = in_a_line(title.get_text())
    return {
        FINDING: line.encode("utf-8", "replace").decode(),
        HEIGHT: str(max(0, round(inches * dpi))),
    }


def in_a_line(title: str) -> str:
    """The lines of a title as one; a line that begins with a sign of a note goes on after ";"."""
    first, *others = filter(None, (" ".join(line.split()) for line in title.splitlines()))
    return first + "".join(f"; {line}" if line[0] in NOTE_SIGNS else f" {line}" for line in others)
