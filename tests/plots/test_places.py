"""Figures of places: they say what images they are of, and a title that is true."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import texts_of

from cellclassifier.plots.places import (
    average_precision_bars,
    f1_against_prevalence,
    merged,
    places_together,
    sheet_of_images,
)

PLACES = [f"Place {i}" for i in range(28)]
KIND = "SIMULATED images"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def locations() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    f1 = rng.random(28)
    columns = {"prevalence": rng.random(28) / 3, "average_precision": rng.random(28)}
    columns |= {"f1": f1, "balanced_f1": (f1 + 1) / 2, "n": np.arange(28)}
    return pd.DataFrame({"location": PLACES, **columns})


FIGURES = {"macro_f1": 0.4, "balanced_f1": 0.7, "average_precision": 0.5, "n_images": 300}


def words(figure) -> str:
    return " ".join(text.get_text() for text in texts_of(figure)).replace("\n", " ")


@pytest.mark.parametrize("human", [None, 0.311])
def test_people_stand_beside_real_images_only(human):
    figure = f1_against_prevalence(locations(), FIGURES, KIND, human)
    text = words(figure)
    assert KIND in text and "0.400" in text and "0.700" in text
    assert ("biologists" in text) == (human is not None)
    assert len(figure.axes[0].get_yticks()) == 27  # one place is shown by no image


def test_average_precision():
    text = words(average_precision_bars(locations(), FIGURES, KIND))
    assert KIND in text and "0.500" in text and "27 places" in text


def test_the_title_names_the_confusion_of_most_images_and_not_of_one():
    confused, together = np.zeros((28, 28)), np.zeros((28, 28))
    confused[3, 7], confused[0, 1], together[3, 7] = 0.5, 1.0, 0.2
    confused[5, 6], together[5, 6] = np.nan, 1.0
    n_shown = np.full(28, 10)
    n_shown[0] = 1
    title = words(places_together(np.array(PLACES), n_shown, together, confused, KIND))
    assert "“Place 7” is given to 4 of the 8 images that show “Place 3” and not it" in title
    nothing = places_together(np.array(PLACES), n_shown, together, 0 * confused, KIND)
    assert "no place is taken for another in 3 images or more" in words(nothing)


@pytest.mark.parametrize("n", [0, 1, 12])
@pytest.mark.parametrize("channels", [1, 4])
def test_sheet_of_images(n, channels):
    stacks = [np.random.default_rng(i).random((channels, 20, 24)) for i in range(n)]
    figure = sheet_of_images(stacks, [f"image {i}\nmissed: x" for i in range(n)], f"{KIND}: n")
    assert KIND in words(figure)
    assert sum(len(axes.get_images()) for axes in figure.axes) == n


def test_channels_have_the_atlas_colours():
    for channel, color in enumerate([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]):
        stack = np.zeros((4, 10, 10))
        stack[channel, 2:8, 2:8] = 0.5
        picture = merged(stack)
        assert picture.shape == (10, 10, 3) and not picture[0, 0].any()
        assert tuple(picture[5, 5] > 0.1) == tuple(np.array(color) > 0)
