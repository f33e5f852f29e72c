"""Classical features: finite whatever the picture, and what they say they are."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.feature import graycomatrix, graycoprops

from cellclassifier.data.simulated_images import make_stack
from cellclassifier.models.protein_atlas import light, texture
from cellclassifier.models.protein_atlas.features import classical_features, smaller
from cellclassifier.models.protein_atlas.masks import compartments


def stack_of(*places: str, seed=0, size=128):
    return make_stack(np.array(places), size, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def features():
    """Of one image of every place that tests ask for."""
    names = ("Nucleoplasm", "Cytosol", "Lysosomes", "Microtubules", "Plasma membrane")
    return {name: classical_features(stack_of(name)) for name in names}


def test_light_is_where_the_protein_is(features):
    share = {name: found["nucleus_light"] for name, found in features.items()}
    assert share["Nucleoplasm"] > 0.6 > 0.2 > share["Cytosol"]
    edge = {name: found["edge_mean"] for name, found in features.items()}
    assert max(edge, key=edge.get) == "Plasma membrane"
    with_red = {name: found["fine_red_in_cytoplasm"] for name, found in features.items()}
    assert max(with_red, key=with_red.get) == "Microtubules" and with_red["Microtubules"] > 0.3
    spots = {name: found["spots0_light"] for name, found in features.items()}
    assert spots["Lysosomes"] > 3 * spots["Cytosol"]


@pytest.mark.parametrize("shape", [(64, 64), (20, 300), (3, 3), (1, 600)])
@pytest.mark.parametrize("value", [0.0, 1.0, "noise"])
def test_every_picture_has_the_same_finite_features(features, shape, value):
    rng = np.random.default_rng(0)
    stack = rng.random((4, *shape)) if value == "noise" else np.full((4, *shape), value)
    found = classical_features(stack)
    assert [*found] == [*features["Cytosol"]] and len(found) >= 172
    assert np.isfinite([*found.values()]).all()


def test_green_alone():
    stack = stack_of("Cytosol")
    of_four, of_one = classical_features(stack, True), classical_features(stack[[1]], True)
    assert of_four == of_one and np.isfinite([*of_one.values()]).all()
    stack[[0, 2, 3]] = 0
    assert classical_features(stack, True) == of_one


def test_relative_features_do_not_see_the_exposure():
    """Half the light, so half of every value; where light is and how it lies has not changed."""
    stack = stack_of("Golgi apparatus", seed=2)
    a, b = classical_features(stack), classical_features(stack / 2)
    for name in ("nucleus_light", "edge_mean", "red_in_cytoplasm", "from_nucleus_5"):
        assert a[name] == pytest.approx(b[name], rel=0.05, abs=0.01), name


def test_larger_pictures_are_averaged_over_blocks():
    stack = np.random.default_rng(0).random((4, 1030, 520)).astype(np.float32)
    small = smaller(stack)
    assert small.shape == (4, 343, 173)
    np.testing.assert_allclose(small[2, 5, 7], stack[2, 15:18, 21:24].mean(), rtol=1e-5)
    assert smaller(stack[:, :512, :512]).shape == (4, 512, 512)


def test_correlation_is_pearsons():
    stack = stack_of("Cytosol")
    masks = {"nucleus": compartments(*stack[[0, 2, 3]]).masks()["nucleus"]}
    found = light.with_markers(stack[1], {"red": stack[0]}, masks)
    inside = masks["nucleus"]
    expected = np.corrcoef(stack[1][inside], stack[0][inside])[0, 1]
    assert found["red_in_nucleus"] == pytest.approx(expected, abs=1e-5)


def test_distance_profile_against_a_loop():
    stack = stack_of("Nuclear membrane", seed=4)
    parts = compartments(*stack[[0, 2, 3]])
    found = light.along_distances(stack[1], parts)
    cell = parts.cells > 0
    for i, (low, high) in enumerate(zip(light.FROM_NUCLEUS, light.FROM_NUCLEUS[1:], strict=False)):
        at = cell & (parts.to_nucleus >= low) & (parts.to_nucleus < high)
        mean = stack[1][at].sum() / max(at.sum(), 1)
        expected = mean / (stack[1][cell].mean() + light.EPSILON)
        assert found[f"from_nucleus_{i}"] == pytest.approx(expected, rel=1e-4)


def test_co_occurrence_by_hand():
    """Of two grey levels in a checkerboard: neighbours differ, every other pixel is the same."""
    board = (np.indices((32, 32)).sum(axis=0) % 2).astype(np.float32)
    found = texture.of_picture(board, {"field": np.ones(board.shape, dtype=bool)})
    levels = (board * (texture.LEVELS - 1)).astype(np.uint8)
    counts = graycomatrix(levels, [1], [0], texture.LEVELS, symmetric=True, normed=True)
    assert graycoprops(counts, "correlation")[0, 0] == pytest.approx(-1)
    # Across and down neighbours differ, along both diagonals they are alike: the mean of four is 0.
    assert found["haralick_correlation_1"] == pytest.approx(0, abs=0.05)
    assert found["haralick_correlation_4"] == pytest.approx(1)


def test_shares_of_local_patterns_sum_to_one(features):
    for radius in texture.RADII:
        names = [f"pattern{i}_{radius}_nucleus" for i in range(texture.N_PATTERNS)]
        assert sum(features["Cytosol"][name] for name in names) == pytest.approx(1)


def test_a_line_is_longer_than_a_disc():
    lines = np.zeros((40, 40), dtype=int)
    lines[5, 2:38] = 1
    rows, columns = np.indices(lines.shape)
    lines[(rows - 25) ** 2 + (columns - 20) ** 2 <= 64] = 2
    found = texture._lengths(lines, 2, np.bincount(lines.ravel())[1:])
    assert found[1] == pytest.approx(1, abs=0.03) and found[0] > 4


def test_real_green_channels(shared):
    """Green alone, of ten real images with different places: finite, and no two alike."""
    folder = shared / "data" / "hpa" / "train_sample"
    if not folder.is_dir():
        pytest.skip(f"real images are not at hand: {folder} is missing")
    paths = sorted(folder.glob("*_green.png"))[::5]
    greens = [np.asarray(Image.open(path), dtype=np.float32)[None] / 255 for path in paths]
    rows = np.array([[*classical_features(green, True).values()] for green in greens])
    assert rows.shape[0] == 10 and np.isfinite(rows).all() and (rows.std(axis=0) > 0).mean() > 0.95
