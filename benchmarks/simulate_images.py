"""Write simulated fluorescence images in Kaggle's layout: a folder of PNG and a table of places.

python -m benchmarks.simulate_images --output data/simulated_images --n 320 --size 512

They are for tests, demonstration and speed: what a method scores on them is no accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from tqdm import tqdm

from cellclassifier.data.images import CHANNELS
from cellclassifier.data.locations import LOCATIONS
from cellclassifier.data.simulated_images import NAMES, simulated
from cellclassifier.output.files import atomic_folder, write_text


@dataclass(frozen=True)
class Config:
    """Options of the simulation."""

    output: Path = Path("data/simulated_images")
    """new folder, which holds images/ and train.csv"""

    n: int = 320
    """images"""

    size: int = 256
    """pixels along an edge"""

    seed: int = 0
    """of the images"""


def main(config: Config) -> None:
    """Write images/<Id>_<channel>.png and train.csv, or nothing."""
    made = simulated(config.n, config.size, config.seed)
    rows = ["Id,Target"]
    with atomic_folder(config.output) as folder:
        (folder / "images").mkdir()
        for i, id_ in enumerate(tqdm(made.images.ids, unit="image")):
            for name, channel in zip(CHANNELS, made.images.read(i), strict=True):
                pixels = np.rint(channel * 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / "images" / f"{id_}_{name}.png")
            numbers = sorted(LOCATIONS.index(name) for name in NAMES[made.shown[i]])
            rows.append(f"{id_},{' '.join(map(str, numbers))}")
        write_text(folder / "train.csv", "\n".join(rows) + "\n")
    print(f"SIMULATED images: {config.output.resolve()}")


if __name__ == "__main__":
    main(tyro.cli(Config))
