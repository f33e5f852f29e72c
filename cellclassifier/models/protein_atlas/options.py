"""Options of the atlas's forests and of what they look at, readable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# How rare places are dealt with: both classes weigh alike; as many negatives as positives are
# drawn; the latter as the original authors did, with neither calibration nor thresholds.
WEIGHTED, UNDERSAMPLED, ORIGINAL = METHODS = (
    "protein_atlas",
    "protein_atlas_undersampled",
    "protein_atlas_original",
)


@dataclass(frozen=True)
class AtlasOptions:
    """What the forests are like."""

    n_trees: int = 100
    """trees per place"""

    leaf: int = 2
    """fewest images in a leaf"""

    inner_folds: int = 5
    """folds of the training images from which calibration and thresholds are learned"""


@dataclass(frozen=True)
class FoldOptions:
    """How the atlas is judged."""

    folds: int = 5
    """how many; every one is held out once"""


@dataclass(frozen=True)
class EmbeddingOptions:
    """What the forests look at."""

    embedding: Literal["classical", "efficientnet"] = "classical"
    """features of masks, light and texture, or those of an EfficientNetB0"""

    green_only: bool = False
    """classical features of the green channel alone, where no other was taken"""

    weights: Path | None = field(default=None, metadata={"changes_results": False})
    """folder of an EfficientNetB0 in the format of transformers (config.json, model.safetensors)"""

    fourth_channel: bool = False
    """EfficientNet also sees yellow; its stem's weights for it are the mean of the other three's"""

    batch_size: int = field(default=32, metadata={"changes_results": False})
    """images that EfficientNet is given together"""

    device: str = field(default="auto", metadata={"changes_results": False})
    """of EfficientNet: auto, cuda, mps or cpu"""


def options_in(config: AtlasOptions) -> AtlasOptions:
    """Those of the forests alone, of a script's options."""
    return AtlasOptions(config.n_trees, config.leaf, config.inner_folds)
