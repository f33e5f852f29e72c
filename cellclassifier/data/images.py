"""Stacks of fluorescence images: a folder with a grey PNG for every image and channel.

The layout is that of Kaggle's "Human Protein Atlas Image Classification": <Id>_red.png
(microtubules), <Id>_green.png (the protein), <Id>_blue.png (nucleus) and <Id>_yellow.png
(endoplasmic reticulum), of 8 or 16 bit and any size up to ``png.MOST_PIXELS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from cellclassifier.data.digests import sha256_of_all
from cellclassifier.data.png import read_png, size_of_png
from cellclassifier.data.texts import printable
from cellclassifier.errors import InputError

CHANNELS = ("red", "green", "blue", "yellow")
FILE = re.compile(rf"(.+)_({'|'.join(CHANNELS)})\.png", re.DOTALL)
NAMED = 3  # Ids that a sentence names at most


class Images(Protocol):
    """Images that are read one by one, from a folder or made by a simulator.

    ids: (n_images,) str; source: where they come from, as ``Run`` keeps it.
    """

    ids: np.ndarray
    source: dict

    def __len__(self) -> int:
        """How many."""

    def read(self, i: int) -> np.ndarray:
        """Stack i, (n_channels, height, width) float32, 0 to 1."""

    def digest(self, i: int) -> str:
        """What the content of stack i is known by."""

    def take(self, rows) -> Images:
        """Some of them, by indices."""


@dataclass(frozen=True)
class ImageFolder:
    """Stacks of a folder; nothing but headers is read before ``read``."""

    folder: Path
    ids: np.ndarray
    channels: tuple[str, ...] = CHANNELS

    @classmethod
    def find(cls, folder: Path, channels: tuple[str, ...] = CHANNELS) -> ImageFolder:
        """All images of a folder, by Id; every file's header is looked at.

        Raises InputError where there are none, where an Id lacks a channel, and where channels are
        no grey PNG of 8 or 16 bit, too large, or of different sizes.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: expected one of <Id>_<channel>.png")
        found: dict[str, set[str]] = {}
        for path in folder.iterdir():
            if match := FILE.fullmatch(path.name):
                found.setdefault(match[1], set()).add(match[2])
        if not found:
            raise InputError(
                f"{folder} holds no images: expected <Id>_red.png, <Id>_green.png, <Id>_blue.png "
                "and <Id>_yellow.png"
            )
        _require_channels(folder, found, channels)
        images = cls(folder, np.array(sorted(found)), channels)
        for i in range(len(images)):
            images._require_one_size(i)
        return images

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def source(self) -> dict:
        """Where they come from; what is in them is told by ``digest``."""
        return {"file": str(self.folder), "n_images": len(self), "n_channels": len(self.channels)}

    def paths(self, i: int) -> list[Path]:
        """The files of stack i, in the order of ``channels``."""
        return [self.folder / f"{self.ids[i]}_{channel}.png" for channel in self.channels]

    def read(self, i: int) -> np.ndarray:
        """Stack i, (n_channels, height, width) float32, 0 to 1; InputError where it is damaged."""
        self._require_one_size(i)
        return np.stack([read_png(path) for path in self.paths(i)])

    def digest(self, i: int) -> str:
        """SHA-256 of the names and contents of its files."""
        return sha256_of_all(self.paths(i))

    def take(self, rows) -> ImageFolder:
        """Some of them, by indices."""
        return ImageFolder(self.folder, self.ids[rows], self.channels)

    def _require_one_size(self, i: int) -> None:
        paths = self.paths(i)
        sizes = [size_of_png(path) for path in paths]
        if len(set(sizes)) > 1:
            texts = (f"{name} {w} x {h}" for name, (h, w) in zip(self.channels, sizes, strict=True))
            raise InputError(
                f"the channels of {printable(self.ids[i])} are of different sizes "
                f"({', '.join(texts)}): expected pictures of one field"
            )


def _require_channels(folder: Path, found: dict[str, set[str]], channels: Iterable[str]) -> None:
    missing = {
        id_: [channel for channel in channels if channel not in held]
        for id_, held in sorted(found.items())
    }
    missing = {id_: lacks for id_, lacks in missing.items() if lacks}
    if missing:
        first = [f"{printable(i)} ({', '.join(missing[i])})" for i in [*missing][:NAMED]]
        more = f" and {len(missing) - NAMED:,} others" if len(missing) > NAMED else ""
        raise InputError(
            f"{folder} lacks channels of {len(missing):,} of {len(found):,} images: "
            f"{', '.join(first)}{more}; expected a PNG of each of {', '.join(channels)}"
        )
