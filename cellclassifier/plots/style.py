"""What all figures share: colours, names of methods and metrics, titles."""

from __future__ import annotations

import textwrap

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellclassifier.plots.type_colors import PALETTE, colors_of_types, stable_index

__all__ = ["color_of_method", "colors_of_types"]  # one colour per method and per type, everywhere

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
GREY, DARK_GREY = "#888888", "#555555"  # lines that are no method's, and notes
PART_COLORS = {"train": "#BBBBBB", "val": "#56B4E9", "test": "#0072B2"}
PART_NAMES = {"train": "training", "val": "validation", "test": "test"}
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "cross_entropy": "Cross-entropy (nats)",
    "mcc": "Matthews correlation",
    "kappa": "Cohen's kappa",
}
LOWER_IS_BETTER = ("cross_entropy",)
NO_GENES = "majority"  # the method that looks at no gene
METHOD_NAMES = {"gbdt": "gradient boosting", "rank_regression": "rank regression"}
METHOD_COLORS = {  # searched for as those of types are: see type_colors
    "majority": "#8C8C8C",
    "logistic_regression": "#0072B2",
    "rank_regression": "#56B4E9",
    "random_forest": "#165039",
    "gbdt": "#E69F00",
    "soft_vote": "#D55E00",
    "geneformer": "#8D53F9",
    "cellular": "#8CBF71",
    "cellama": "#5A0406",
    "spoticell": "#925C30",
    "augmented_regression": "#03069E",
    "augmented_network": "#402548",
    "marker_network": "#8F8EFF",
    "protein_atlas": "#46137E",
}
LONGEST_NAME = 60  # letters of a name of a type or gene
# Of every function that makes a figure: names of types and genes are no mathematics ("$x$"), and
# letters can be read on a projector.
plain_text = rc_context(
    {
        "text.parse_math": False,
        "font.size": 12,
        "axes.titlesize": 13,
        "axes.labelsize": 12,
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "legend.fontsize": 11,
    }
)
TITLE_POINTS = 13
LETTERS_PER_INCH = 9.8  # of a title
NARROWEST_TITLE = 5.5  # inches, above a narrow figure


def color_of_method(method: str) -> str:
    """The colour of a method, in every figure; one not in the table has one by its name."""
    return METHOD_COLORS.get(method) or PALETTE[stable_index(method, len(PALETTE))]


def readable(name: str, separator: str = "\n") -> str:
    """A method's name as a person writes it."""
    return METHOD_NAMES.get(name, name.replace("_", " ")).replace(" ", separator)


def in_a_line(name: str) -> str:
    """A method's name within a sentence."""
    return readable(name, " ")


def first_word(name: str) -> str:
    """A method's name at the start of a sentence."""
    return in_a_line(name).capitalize()


def short(name: str) -> str:
    """A type's or gene's name where a long one would leave no room for the plot."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def bare(axes: Axes) -> None:
    """Take away the frame at the top and at the right."""
    axes.spines[["top", "right"]].set_visible(False)


def wrapped(text: str, letters: int) -> str:
    """Lines of at most so many letters; what a line is broken into is about equally long.

    Else the last word of a title often stands alone.
    """
    return "\n".join(_broken(line, letters) for line in text.splitlines())


def _broken(line: str, letters: int) -> str:
    fewest = len(textwrap.wrap(line, letters))
    widths = range(max(1, len(line) // max(1, fewest)), letters)
    narrowest = (width for width in widths if len(textwrap.wrap(line, width)) <= fewest)
    return textwrap.fill(line, next(narrowest, letters))


def title_of_axes(axes: Axes, text: str, **options) -> None:
    """Left-aligned title, wrapped so that it is no wider than the figure."""
    figure = axes.get_figure()
    inches = figure.get_figwidth() * (1 - axes.get_position().x0)
    axes.set_title(wrapped(text, int(inches * 10)), loc="left", **options)


def title_above(figure: Figure, text: str, gap_inches: float = 0.1) -> Figure:
    """Put ``text`` at the left, above everything the figure holds already; returns the figure.

    Lines are wrapped at the width of all of that. The title may lie beyond the figure's edge: save
    with ``bbox_inches="tight"``, as output.Output does.
    """
    figure.canvas.draw()
    box = figure.get_tightbbox()  # in inches
    width, height = figure.get_size_inches()
    letters = int(max(box.width, NARROWEST_TITLE) * LETTERS_PER_INCH)
    text = wrapped(text, letters)
    place = {"x": box.x0 / width, "y": (box.y1 + gap_inches) / height}
    figure.suptitle(text, **place, ha="left", va="bottom", fontsize=TITLE_POINTS)
    return figure
