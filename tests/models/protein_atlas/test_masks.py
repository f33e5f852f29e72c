"""Nuclei and cells of fields whose nuclei and cells are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cellclassifier.data.simulated_cells import CELL, make_field
from cellclassifier.data.simulated_images import make_stack
from cellclassifier.models.protein_atlas.masks import compartments


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("seed", range(3))
def test_masks_are_where_cells_were_drawn(seed):
    """A field of that seed is drawn first of all, so that its geometry is known here, too."""
    stack = make_stack(np.array(["Cytosol"]), 192, np.random.default_rng(seed))
    field = make_field(192, np.random.default_rng(seed))
    parts = compartments(stack[0], stack[2], stack[3])
    assert overlap(parts.nuclei > 0, field.distance < 1) > 0.85
    assert overlap(parts.cells > 0, field.distance < CELL) > 0.75
    whole = [c for c in field.centres if ((c > 15) & (c < 177)).all()]
    found = {parts.nuclei[tuple(np.rint(c).astype(int))] for c in whole}
    assert 0 not in found and len(found) == len(whole)  # every nucleus is one of its own


def test_compartments_share_the_field_out():
    stack = make_stack(np.array(["Cytosol"]), 160, np.random.default_rng(5))
    parts = compartments(stack[0], stack[2], stack[3])
    masks = parts.masks()
    three = [masks[name].astype(int) for name in ("nucleus", "cytoplasm", "background")]
    assert (sum(three) == 1).all()
    assert (masks["edge"] <= masks["cytoplasm"]).all()
    assert set(np.unique(parts.nuclei)) - {0} == set(range(1, parts.n_cells + 1))
    own = parts.nuclei > 0
    np.testing.assert_array_equal(parts.cells[own], parts.nuclei[own])
    assert (parts.to_nucleus[own] < 0).all() and (parts.to_nucleus[~own] > 0).all()


def test_a_brighter_picture_has_the_same_masks():
    stack = make_stack(np.array(["Cytosol"]), 160, np.random.default_rng(5))
    a, b = (compartments(*(k * stack[[0, 2, 3]])) for k in (1, 0.25))
    assert overlap(a.nuclei > 0, b.nuclei > 0) > 0.98 and overlap(a.cells > 0, b.cells > 0) > 0.98


@pytest.mark.parametrize("value", [0, 1])
def test_a_field_without_cells(value):
    flat = np.full((40, 30), value, dtype=np.float32)
    parts = compartments(flat, flat, flat)
    assert parts.n_cells == 0 and parts.masks()["background"].all()


def test_real_nuclei(shared):
    """Of 12 real blue channels: a few to some hundred nuclei each, of a size that nuclei have."""
    folder = shared / "data" / "hpa" / "train_sample"
    if not folder.is_dir():
        pytest.skip(f"real images are not at hand: {folder} is missing")
    for path in sorted(folder.glob("*_blue.png"))[::5]:
        blue = np.asarray(Image.open(path), dtype=np.float32) / 255
        dark = np.zeros_like(blue)
        parts = compartments(dark, blue, dark)
        share = (parts.nuclei > 0).mean()
        assert 2 <= parts.n_cells <= 300 and 0.01 < share < 0.6, path.name
        inside, outside = blue[parts.nuclei > 0], blue[parts.nuclei == 0]
        assert np.median(inside) > 2 * np.median(outside)
