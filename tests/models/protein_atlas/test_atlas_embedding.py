"""Features are computed once, kept by what they depend on, and taken up after a stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellclassifier.data.simulated_images import SimulatedImages
from cellclassifier.errors import InputError
from cellclassifier.models.protein_atlas import embedding
from cellclassifier.models.protein_atlas.embedding import embed, feature_names
from cellclassifier.models.protein_atlas.options import EmbeddingOptions

GREEN = EmbeddingOptions(green_only=True)
IMAGES = SimulatedImages(5, 32, seed=1)


class Counting:
    """Images that count how often they are read; the one of ``stop_at`` stops the run."""

    def __init__(self, images, stop_at: int | None = None):
        self.images, self.stop_at, self.reads = images, stop_at, 0
        self.ids, self.source = images.ids, images.source

    def __len__(self):
        return len(self.images)

    def digest(self, i):
        return self.images.digest(i)

    def read(self, i):
        if i == self.stop_at:
            raise KeyboardInterrupt
        self.reads += 1
        return self.images.read(i)


def test_features_of_every_image_in_order():
    found = embed(IMAGES, GREEN, jobs=2)
    assert found.values.shape == (5, len(found.names)) and found.values.dtype == np.float32
    for i in (0, 4):
        row = embedding.features.classical_features(IMAGES.read(i), True)
        np.testing.assert_array_equal(found.values[i], np.float32([*row.values()]))
        assert found.names.tolist() == [*row]


def test_nothing_is_computed_twice(tmp_path):
    images = Counting(IMAGES)
    first = embed(images, GREEN, tmp_path)
    assert images.reads == 5
    again = embed(images, GREEN, tmp_path)
    np.testing.assert_array_equal(first.values, again.values)
    some = Counting(IMAGES.take([3, 1]))
    np.testing.assert_array_equal(embed(some, GREEN, tmp_path).values, first.values[[3, 1]])
    assert images.reads == 5 and some.reads == 0
    embed(images, replace(GREEN, green_only=False), tmp_path)
    assert images.reads == 10  # other options, other features


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "KEPT_AT_ONCE", 2)
    with pytest.raises(KeyboardInterrupt):
        embed(Counting(IMAGES, stop_at=4), GREEN, tmp_path)
    rest = Counting(IMAGES)
    found = embed(rest, GREEN, tmp_path)
    assert rest.reads == 1
    np.testing.assert_array_equal(found.values, embed(IMAGES, GREEN).values)


def test_a_damaged_file_is_made_again(tmp_path, caplog):
    expected = embed(IMAGES, GREEN, tmp_path).values
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:200])
    images = Counting(IMAGES)
    np.testing.assert_array_equal(embed(images, GREEN, tmp_path).values, expected)
    assert images.reads == 5 and "is damaged" in caplog.text


def test_what_options_contradict_or_need(tmp_path):
    network = EmbeddingOptions(embedding="efficientnet")
    with pytest.raises(InputError, match="needs --weights FOLDER"):
        embed(IMAGES, network)
    with pytest.raises(InputError, match=r"has no config\.json"):
        embed(IMAGES, replace(network, weights=tmp_path))
    with pytest.raises(InputError, match="--green-only is for --embedding classical"):
        embed(IMAGES, replace(network, green_only=True))


def test_names_of_features():
    names = feature_names(EmbeddingOptions(), 0)
    assert len(set(names)) == len(names) >= 172
    network = feature_names(EmbeddingOptions(embedding="efficientnet"), 3)
    assert network.tolist() == ["efficientnet_0", "efficientnet_1", "efficientnet_2"]
