"""EfficientNetB0 (Tan and Le 2019, arXiv:1905.11946) without its top: 1,280 numbers an image."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from transformers import EfficientNetConfig, EfficientNetModel

from cellclassifier.data.images import CHANNELS, Images
from cellclassifier.errors import InputError
from cellclassifier.models.neural.device import autocast, choose_device, one_thread
from cellclassifier.models.protein_atlas.features import smaller
from cellclassifier.models.protein_atlas.options import EmbeddingOptions

# Of ImageNet's pictures, for red, green and blue; the original authors left them out.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FAINTEST = 1e-6  # of an image's largest number; trained networks have about 1
WIDTH = 1280  # of B0's last layer; transformers' default configuration says 2560


class EfficientNet:
    """The network, and batches of images through it.

    On a CPU images go through one by one in one thread, for the same digits whatever the batch and
    the machine; on a GPU in batches of one size, in bf16 where it has it.
    """

    def __init__(self, options: EmbeddingOptions):
        """Raises InputError for a folder that holds no EfficientNetB0."""
        self.device = choose_device(options.device)
        self.batch_size = options.batch_size if self.device.type != "cpu" else 1
        self.network = load_network(options.weights)
        channels = ["red", "green", "blue"]
        mean, std = torch.tensor(MEAN), torch.tensor(STD)
        if options.fourth_channel:
            add_channel(self.network)
            channels.append("yellow")
            mean, std = torch.cat([mean, mean.mean()[None]]), torch.cat([std, std.mean()[None]])
        self.places = [CHANNELS.index(name) for name in channels]
        self.mean, self.std = mean[:, None, None], std[:, None, None]
        self.network.to(self.device)

    def __call__(self, images: Images, rows: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (i, (1280,) float32) of every row; images of one size that follow go together."""
        read = ((i, self._prepared(images.read(i))) for i in rows)
        for _, same in groupby(read, key=lambda pair: pair[1].shape):
            batch = []
            for pair in same:
                batch.append(pair)
                if len(batch) == self.batch_size:
                    yield from self._embedded(batch)
                    batch = []
            if batch:
                yield from self._embedded(batch)

    def _prepared(self, stack: np.ndarray) -> torch.Tensor:
        picture = torch.from_numpy(smaller(stack)[self.places])  # (n_channels, height, width)
        return (picture - self.mean) / self.std

    @torch.inference_mode()
    def _embedded(self, batch: list[tuple[int, torch.Tensor]]) -> Iterator[tuple[int, np.ndarray]]:
        pixels = torch.stack([picture for _, picture in batch]).to(self.device)
        with one_thread(), autocast(self.device):
            last = self.network(pixel_values=pixels).last_hidden_state  # (B, 1280, h, w)
        pooled = last.float().mean(dim=(2, 3)).cpu().numpy()
        require_signal(pooled)
        yield from zip([i for i, _ in batch], pooled, strict=True)


def load_network(folder: Path) -> EfficientNetModel:
    """The network of a folder in the format of transformers, from safetensors; never fetched.

    Raises InputError where it is no EfficientNetB0, or lacks weights.
    """
    try:
        network, found = EfficientNetModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # of many kinds: no such file, other sizes, no safetensors
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"--weights {folder} holds no EfficientNetB0 ({reason})") from error
    if found["missing_keys"]:
        raise InputError(
            f"--weights {folder} lacks {len(found['missing_keys'])} of the network's tensors "
            f"({sorted(found['missing_keys'])[0]}, ...): expected a whole EfficientNetB0"
        )
    config: EfficientNetConfig = network.config
    if config.hidden_dim != WIDTH or config.num_channels != 3:
        raise InputError(
            f"--weights {folder} is a network of {config.hidden_dim} numbers for "
            f"{config.num_channels} channels: expected B0, {WIDTH} for 3"
        )
    return network.eval()


def add_channel(network: EfficientNetModel) -> None:
    """Let the stem take a fourth channel, whose weights are the mean of the other three's."""
    stem = network.embeddings.convolution
    weights = torch.cat([stem.weight, stem.weight.mean(dim=1, keepdim=True)], dim=1)
    stem.weight, stem.in_channels = torch.nn.Parameter(weights), 4
    network.config.num_channels = 4


def require_signal(pooled: np.ndarray) -> None:
    """Raise InputError for images that became nothing, as in a network of random weights.

    Through transformers' own random start signals shrink a millionfold a stage: every image's
    pooled output is exactly 0, forests learn nothing, and no other error would say so.
    """
    if not np.isfinite(pooled).all() or (np.abs(pooled).max(axis=1) < FAINTEST).any():
        raise InputError(
            "EfficientNet gives nothing but zeros (or no finite numbers) for an image: its weights "
            "look untrained; expected pretrained ones in --weights"
        )
