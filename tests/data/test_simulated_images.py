"""Simulated images: the same every time, and every place where its name says."""

from __future__ import annotations

import numpy as np
import pytest

from cellclassifier.data.simulated_cells import CELL, PATTERNS, make_field
from cellclassifier.data.simulated_images import (
    FEWEST,
    NAMES,
    REAL_SHARES,
    SimulatedImages,
    draw_labels,
    simulated,
)

IN_NUCLEI = {"Nucleoplasm", "Nucleoli"}
OUTSIDE_OF_NUCLEI = {"Cytosol", "Endoplasmic reticulum", "Lysosomes", "Mitochondria"}


@pytest.fixture(scope="module")
def field():
    return make_field(128, np.random.default_rng(3))


def test_an_image_is_the_same_every_time_and_its_own():
    images = SimulatedImages(5, 48, seed=2)
    first = images.read(3)
    assert first.shape == (4, 48, 48) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_allclose(first * 255, np.rint(first * 255), atol=1e-4)  # of 8 bit
    np.testing.assert_array_equal(images.read(3), first)
    some = images.take([4, 3])
    np.testing.assert_array_equal(some.read(1), first)
    assert some.ids[1] == images.ids[3] and some.digest(1) == images.digest(3)
    assert len({images.digest(i) for i in range(5)}) == 5
    assert (images.read(2) != first).any()
    assert (SimulatedImages(5, 48, seed=3).read(3) != first).any()


def test_labels_have_the_real_shape():
    """One to three places; frequent ones are so, rare ones occur."""
    shown = draw_labels(20_000, np.random.default_rng(0))
    counts = np.bincount(shown.sum(axis=1), minlength=4) / len(shown)
    assert counts[0] == 0 and counts[1:] == pytest.approx([0.49, 0.40, 0.11], abs=0.01)
    share = dict(zip(NAMES, shown.mean(axis=0), strict=True))
    assert max(share, key=share.get) == "Nucleoplasm" and share["Nucleoplasm"] > 0.35
    frequent = [share[name] for name in sorted(REAL_SHARES, key=REAL_SHARES.get)[-4:]]
    assert frequent == sorted(frequent) and min(share.values()) > FEWEST


def test_chosen_images_keep_their_places():
    made = simulated(30, 32, seed=1)
    rows = np.array([7, 2])
    np.testing.assert_array_equal(made.images.take(rows).shown, made.shown[rows])
    assert made.locations.tolist() == sorted(made.locations)


@pytest.mark.parametrize("name", PATTERNS)
def test_every_place_is_where_its_name_says(field, name):
    picture = PATTERNS[name](field)
    assert picture.shape == (128, 128) and np.isfinite(picture).all() and picture.max() > 0.3
    light = np.clip(picture, 0, None)
    nuclear = (light * (field.distance < 1)).sum() / light.sum()
    assert (light * (field.distance > CELL + 0.5)).sum() < 0.05 * light.sum()
    if name in IN_NUCLEI:
        assert nuclear > 0.7
    if name in OUTSIDE_OF_NUCLEI:
        assert nuclear < 0.1
    if name == "Nuclear membrane":
        assert (light * (np.abs(field.distance - 1) < 0.25)).sum() > 0.6 * light.sum()


def test_a_marker_and_its_protein_are_the_same_threads(field):
    np.testing.assert_array_equal(PATTERNS["Microtubules"](field), PATTERNS["Microtubules"](field))
    np.testing.assert_array_equal(PATTERNS["Microtubules"](field), field.threads)
