"""How many cells, counts and genes the types have: axes that can be read, colours of the types."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import texts_of
from matplotlib.colors import to_hex

from cellclassifier.plots import interview
from cellclassifier.plots.style import colors_of_types

TYPES = ["CD14+ Monocyte", "B", "NK", "none has counts"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def violins_of(low: float, high: float):
    rng = np.random.default_rng(0)
    labels = np.repeat(TYPES, 50)
    counts = np.where(labels == TYPES[3], 0, rng.uniform(low, high, len(labels)))
    return counts, labels, interview.violins(counts, counts, labels, TYPES)


@pytest.mark.parametrize(
    ("low", "high"), [(1, 9), (1000, 1400), (300, 20_000), (990, 1010), (1, 1e6), (55, 90)]
)
def test_every_axis_has_three_readable_ticks_or_more(low, high):
    for axes in violins_of(low, high)[2].axes[:2]:
        first, last = axes.get_xlim()
        ticks = axes.get_xticks()
        assert len(ticks) >= 3 and first <= ticks.min() and ticks.max() <= last
        written = [float(tick.get_text().replace(",", "")) for tick in axes.get_xticklabels()]
        np.testing.assert_allclose(np.log10(written), ticks)
        axes.figure.canvas.draw()
        boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))


def test_violins_have_the_colours_of_their_types_and_their_quartiles():
    counts, labels, figure = violins_of(300, 20_000)
    axes = figure.axes[0]
    expected = [color.lower() for color in map(colors_of_types(TYPES).get, TYPES[:3])]
    assert [to_hex(body.get_facecolor()[0]) for body in axes.collections[:3]] == expected
    drawn = np.concatenate([line.get_xdata() for line in axes.lines])
    for name in TYPES[:3]:
        quartiles = np.quantile(np.log10(counts[labels == name]), [0.25, 0.5, 0.75])
        assert all(np.abs(drawn - value).min() < 1e-9 for value in quartiles)


def test_letters_are_readable():
    numbers = pd.DataFrame({"cell_type": TYPES, "n_cells": [40, 30, 20, 10]})
    for figure in (violins_of(300, 20_000)[2], interview.cell_numbers(numbers)):
        assert min(text.get_fontsize() for text in texts_of(figure)) >= 11


def test_bars_have_the_colours_of_their_types():
    numbers = pd.DataFrame({"cell_type": TYPES, "n_cells": [40, 30, 20, 10]})
    bars = interview.cell_numbers(numbers).axes[0].patches
    expected = [color.lower() for color in map(colors_of_types(TYPES).get, TYPES)]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == expected


def test_large_types_are_thinned_and_small_ones_are_not():
    labels = np.repeat(["a", "b"], [20_000, 30])
    values = np.arange(len(labels))  # the first has no count
    shown = interview._some_of_each(values, labels)
    assert np.bincount(labels[shown] == "b").tolist() == [5000, 30]
    assert 0 not in shown
