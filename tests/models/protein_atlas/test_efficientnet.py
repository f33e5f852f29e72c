"""EfficientNet from a folder: tiny ones of random weights of a size that lets signals through."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import EfficientNetConfig, EfficientNetModel

from cellclassifier.data.images import CHANNELS
from cellclassifier.data.simulated_images import SimulatedImages
from cellclassifier.errors import InputError
from cellclassifier.models.protein_atlas import efficientnet
from cellclassifier.models.protein_atlas.efficientnet import MEAN, STD, EfficientNet
from cellclassifier.models.protein_atlas.embedding import embed, made_by, options_of
from cellclassifier.models.protein_atlas.options import EmbeddingOptions

IMAGES = SimulatedImages(3, 48, seed=1)
WIDTH = 128  # what round_filters makes of 1,280 and the width coefficient below


def tiny(folder, sensible: bool = True, **options):
    """A network a tenth as wide as B0, saved as transformers saves it.

    sensible: weights as He et al. 2015 draw them, batch norms of the mean and variance of
    a few images, as training leaves them; else as transformers starts, where signals fade away.
    """
    config = EfficientNetConfig(
        width_coefficient=0.1, depth_coefficient=0.1, hidden_dim=WIDTH, image_size=48, **options
    )
    torch.manual_seed(0)
    network = EfficientNetModel(config)
    if sensible:
        learn_batch_norms(network)
    network.save_pretrained(folder)
    return folder


def learn_batch_norms(network: EfficientNetModel) -> None:
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)  # which transformers draws around 0
            module.momentum = None  # a plain mean over what it sees
    pixels = torch.tensor(np.stack([IMAGES.read(i)[:3] for i in range(3)]))
    with torch.no_grad():
        network.train()(pixel_values=pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def _a_tiny_width(monkeypatch):
    monkeypatch.setattr(efficientnet, "WIDTH", WIDTH)


def options(folder, **others) -> EmbeddingOptions:
    return EmbeddingOptions("efficientnet", weights=folder, device="cpu", **others)


def test_two_images_differ(folder):
    values = embed(IMAGES, options(folder)).values
    assert values.shape == (3, WIDTH) and np.isfinite(values).all()
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(values[i] - values[j]).max() > 0.01 * np.abs(values).max() > 1e-3


def test_it_is_the_networks_own_pooled_output(folder):
    """Of red, green and blue, with ImageNet's mean and standard deviation."""
    stack = IMAGES.read(1)
    rgb = (stack[:3] - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    network = EfficientNetModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        found = network(pixel_values=torch.tensor(rgb[None], dtype=torch.float32)).pooler_output
    values = embed(IMAGES, options(folder)).values
    np.testing.assert_allclose(values[1], found[0].numpy(), atol=2e-4 * float(found.max()))


def test_an_untrained_network_is_refused(tmp_path):
    """transformers' own random start gives zeros, or nearly so, for every image."""
    nothing = tiny(tmp_path / "random", sensible=False)
    with pytest.raises(InputError, match=r"nothing but zeros .* look untrained"):
        embed(IMAGES, options(nothing))


def test_a_fourth_channel_has_the_mean_of_the_others_weights(folder):
    three, four = EfficientNet(options(folder)), EfficientNet(options(folder, fourth_channel=True))
    stems = [one.network.embeddings.convolution.weight for one in (three, four)]
    assert stems[1].shape[1] == 4
    torch.testing.assert_close(stems[1][:, :3], stems[0])
    torch.testing.assert_close(stems[1][:, 3], stems[0].mean(dim=1))
    assert [CHANNELS[place] for place in four.places] == ["red", "green", "blue", "yellow"]
    values = [embed(IMAGES, options(folder, fourth_channel=one)).values for one in (False, True)]
    assert np.abs(values[0] - values[1]).max() > 1e-3


def test_batches_change_nothing_but_the_last_digits(folder):
    network = EfficientNet(options(folder))
    alone = dict(network(IMAGES, [0, 1, 2]))
    network.batch_size = 2
    together = dict(network(IMAGES, [0, 1, 2]))
    for i in range(3):
        np.testing.assert_allclose(together[i], alone[i], atol=2e-4 * alone[i].max())


def test_images_of_two_sizes_go_in_two_batches(folder):
    class TwoSizes:
        def read(self, i):
            return IMAGES.read(i)[:, :, : 48 - 16 * (i == 1)]

    network = EfficientNet(options(folder))
    network.batch_size = 8
    assert [i for i, _ in network(TwoSizes(), [0, 1, 2])] == [0, 1, 2]


def test_new_images_need_the_weights_that_the_models_images_had(folder, tmp_path):
    made = made_by(options(folder, fourth_channel=True))
    again = options_of(made, EmbeddingOptions(weights=folder, device="cpu"))
    assert again.embedding == "efficientnet" and again.fourth_channel
    with pytest.raises(InputError, match="needs --weights FOLDER"):
        options_of(made, EmbeddingOptions())
    other = tiny(tmp_path / "other", sensible=False)
    with pytest.raises(InputError, match=r"embedded by other weights, .* give the same --weights"):
        options_of(made, EmbeddingOptions(weights=other))


def test_features_of_a_network_are_kept_by_its_weights(folder, tmp_path):
    first = embed(IMAGES, options(folder), tmp_path)
    assert first.names[0] == "efficientnet_0" and len(first.names) == WIDTH
    np.testing.assert_array_equal(embed(IMAGES, options(folder), tmp_path).values, first.values)
    embed(IMAGES, options(folder, fourth_channel=True), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_folders_that_hold_no_b0(tmp_path, folder, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "efficientnet"}))
    with pytest.raises(InputError, match="holds no EfficientNetB0"):
        efficientnet.load_network(tmp_path)
    monkeypatch.setattr(efficientnet, "WIDTH", 1280)
    with pytest.raises(InputError, match="network of 128 numbers for 3 channels: expected B0"):
        efficientnet.load_network(folder)
