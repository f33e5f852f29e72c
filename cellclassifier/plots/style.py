"""A title that nothing overlaps, for figures of several axes."""

from __future__ import annotations

from matplotlib.figure import Figure


def title_above(figure: Figure, text: str, gap_inches: float = 0.1) -> Figure:
    """Put ``text`` at the left, above everything the figure holds already; returns the figure.

    It may lie beyond the figure's edge: save with ``bbox_inches="tight"``, as results.Output does.
    """
    figure.canvas.draw()
    box = figure.get_tightbbox()  # in inches
    width, height = figure.get_size_inches()
    place = {"x": box.x0 / width, "y": (box.y1 + gap_inches) / height}
    figure.suptitle(text, **place, ha="left", va="bottom", fontsize=12)
    return figure
