"""Figures of the places of proteins: scores against prevalence, confusion, the worst mistakes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.style import (
    COLORS,
    DARK_GREY,
    GREY,
    bare,
    color_of_method,
    plain_text,
    title_above,
)

# Red microtubules, green protein, blue nucleus, yellow endoplasmic reticulum, as (R, G, B).
ATLAS_COLORS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.6, 0]])
METHOD = "protein_atlas"
TILE = 2.9  # inches
FEWEST_ERRORS = 3  # images, for a title to speak of two places


@plain_text
def f1_against_prevalence(
    locations: pd.DataFrame, figures: dict[str, float], kind: str, human: float | None
) -> Figure:
    """F1 of every place at its prevalence, and what the same answers score on half positives.

    locations: location, prevalence, f1, balanced_f1, n; figures: macro_f1, balanced_f1, n_images;
    kind: what images these are; human: macro-F1 of people, where they saw images of this kind.
    """
    shown = locations[locations["n"] > 0].sort_values("f1", ignore_index=True)
    figure, axes = plt.subplots(figsize=(11, 0.36 * len(shown) + 2.4), layout="constrained")
    y, color = np.arange(len(shown)), color_of_method(METHOD)
    axes.hlines(y, shown["f1"], shown["balanced_f1"], color=GREY, linewidth=1)
    style = {"zorder": 3, "s": 60}
    hollow = {"facecolor": "white", "edgecolor": DARK_GREY, "s": 130, "zorder": 2}
    axes.scatter(shown["balanced_f1"], y, **hollow)
    axes.scatter(shown["f1"], y, color=color, **style)
    axes.scatter(2 * shown["prevalence"] / (1 + shown["prevalence"]), y, color=COLORS[1], **style)
    labels = zip(shown["location"], shown["prevalence"], strict=True)
    axes.set_yticks(y, [f"{name}  {share:.1%}" for name, share in labels])
    names = ["at natural prevalence", "if half of the images showed it", "always “present”"]
    handles = [axes.collections[i] for i in (2, 1, 3)]
    if human is not None:
        handles.append(axes.axvline(human, color=COLORS[3], linestyle="--"))
        names.append(f"three biologists: mean F1 {human:.3f}")
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    axes.set(xlim=(-0.02, 1.02), xlabel="F1 of held-out images")
    axes.set_ylabel("place, and share of images that show it")
    bare(axes)
    return title_above(
        figure,
        f"{kind}: macro-F1 {figures['macro_f1']:.3f} at natural prevalence; the same answers "
        f"would score {figures['balanced_f1']:.3f} if half of the test images showed each place",
    )


@plain_text
def average_precision_bars(locations: pd.DataFrame, figures: dict[str, float], kind: str) -> Figure:
    """Average precision of every place, and the prevalence, which is what chance would score."""
    shown = locations[locations["n"] > 0].sort_values("average_precision", ignore_index=True)
    figure, axes = plt.subplots(figsize=(9, 0.34 * len(shown) + 2), layout="constrained")
    y = np.arange(len(shown))
    axes.barh(y, shown["average_precision"], color=color_of_method(METHOD), height=0.7)
    axes.scatter(shown["prevalence"], y, marker="|", s=160, color=COLORS[1], linewidth=3)
    for place, value in enumerate(shown["average_precision"]):
        axes.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=10)
    labels = zip(shown["location"], shown["n"], strict=True)
    axes.set_yticks(y, [f"{name} ({n:,})" for name, n in labels])
    axes.set(xlim=(0, 1.08), xlabel="average precision of held-out images; orange: by chance")
    bare(axes)
    return title_above(
        figure,
        f"{kind}: mean average precision {figures['average_precision']:.3f} over "
        f"{len(shown)} places, {figures['n_images']:,} images",
    )


@plain_text
def places_together(
    places: np.ndarray, n_shown: np.ndarray, together: np.ndarray, confused: np.ndarray, kind: str
) -> Figure:
    """Which places occur together, and which are given to images that do not show them.

    n_shown: (n_places,) images; together, confused: (n_places, n_places), of the images of a row's
    place the share that show a column's, and that were given it without showing it.
    """
    n = len(places)
    edge = 0.36 * n + 1.2
    figure, both = plt.subplots(
        1, 2, figsize=(2 * edge + 2.4, edge + 1.6), layout="constrained", sharey=True
    )
    titles = (
        "also shown: share of the row's images\nthat show the column's place, too",
        "confused: share of the row's images without\nthe column's place that were given it",
    )
    for axes, values, title in zip(both, (together, confused), titles, strict=True):
        off = values.copy()
        np.fill_diagonal(off, np.nan)
        colors = plt.get_cmap("viridis").with_extremes(bad="#DDDDDD")
        top = max(0.05, float(np.nanmax(off, initial=0.05)))
        image = axes.imshow(off, cmap=colors, vmin=0, vmax=top)
        axes.set_xticks(range(n), places, rotation=90)
        axes.set_yticks(range(n), places)
        axes.set_title(title, loc="left", fontsize=12)
        figure.colorbar(image, ax=axes, shrink=0.7)
    return title_above(figure, f"{kind}: {_most_confused(places, confused, together, n_shown)}")


def _most_confused(
    places: np.ndarray, confused: np.ndarray, together: np.ndarray, n_shown: np.ndarray
) -> str:
    """The pair with most images in error, in numbers: shares of a few images mean little."""
    n_without = np.rint(np.asarray(n_shown)[:, None] * (1 - together))
    n_wrong = np.nan_to_num(np.rint(confused * n_without))  # nan where no image is without it
    np.fill_diagonal(n_wrong, 0)
    row, column = np.unravel_index(n_wrong.argmax(), n_wrong.shape)
    if n_wrong[row, column] < FEWEST_ERRORS:
        return f"no place is taken for another in {FEWEST_ERRORS} images or more"
    return (
        f"most often in error, “{places[column]}” is given to {n_wrong[row, column]:.0f} of the "
        f"{n_without[row, column]:.0f} images that show “{places[row]}” and not it"
    )


@plain_text
def sheet_of_images(stacks: list[np.ndarray], texts: list[str], title: str) -> Figure:
    """Images in the atlas's colours, each with what it shows and what was said, worst first.

    stacks: (4, height, width) each, 0 to 1, or (1, height, width) of green alone.
    """
    columns = min(4, max(1, len(stacks)))
    rows = max(1, -(-len(stacks) // columns))
    figure, grid = plt.subplots(
        rows, columns, figsize=(TILE * columns, (TILE + 1.1) * rows), squeeze=False
    )
    for axes in grid.flat:
        axes.axis("off")
    for axes, stack, text in zip(grid.flat, stacks, texts, strict=False):
        axes.imshow(merged(stack))
        axes.set_title(text, fontsize=11, loc="left")
    figure.tight_layout()
    return title_above(figure, title)


def merged(stack: np.ndarray) -> np.ndarray:
    """(height, width, 3) 0 to 1: channels in their colours, each up to its 99.7th percentile."""
    tops = np.percentile(stack, 99.7, axis=(1, 2)) + 1e-6
    channels = np.clip(stack / tops[:, None, None], 0, 1)
    colors = ATLAS_COLORS if len(stack) == 4 else ATLAS_COLORS[[1]]
    weights = np.array([0.7, 1.0, 0.8, 0.35]) if len(stack) == 4 else np.ones(1)
    return np.clip(np.einsum("chw,cr,c->hwr", channels, colors, weights), 0, 1)
