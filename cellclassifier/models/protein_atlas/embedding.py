"""Images become rows of numbers, image by image; what is done is kept and never done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellclassifier.data.digests import sha256
from cellclassifier.data.images import Images
from cellclassifier.errors import InputError
from cellclassifier.models.one_vs_rest.side_by_side import side_by_side
from cellclassifier.models.protein_atlas import features
from cellclassifier.models.protein_atlas.kept import KeptRows
from cellclassifier.models.protein_atlas.options import EmbeddingOptions
from cellclassifier.output.progress import Progress

KEPT_AT_ONCE = 256  # rows written together: what a stopped run loses at most
WEIGHTS = ("config.json", "model.safetensors")


@dataclass(frozen=True)
class Embedded:
    """Features of images.

    values: (n_images, n_features) float32; names: (n_features,) str, in their order; digests: what
    the content of each image is known by.
    """

    values: np.ndarray
    names: np.ndarray
    digests: list[str]


def made_by(options: EmbeddingOptions) -> dict:
    """What features depend on beside the image, as JSON values; saved with a model.

    Raises InputError where EfficientNet's weights are not given or not there.
    """
    if options.embedding == "classical":
        return {
            "embedding": "classical",
            "green_only": options.green_only,
            "version": features.VERSION,
        }
    if options.green_only:
        raise InputError("--green-only is for --embedding classical: leave one of them out")
    if options.weights is None:
        raise InputError(
            "--embedding efficientnet needs --weights FOLDER: an EfficientNetB0 in the format of "
            "transformers (python protein_atlas.py --download fetches one)"
        )
    missing = [name for name in WEIGHTS if not (options.weights / name).is_file()]
    if missing:
        raise InputError(f"--weights {options.weights} has no {missing[0]}: expected {WEIGHTS}")
    return {
        "embedding": "efficientnet",
        "fourth_channel": options.fourth_channel,
        "weights": {name: sha256(options.weights / name) for name in WEIGHTS},
        "version": features.VERSION,
    }


def options_of(made: dict, given: EmbeddingOptions) -> EmbeddingOptions:
    """How to embed new images for a model, as its own were.

    made: the model's ``made_by``; given: where the weights are, and the device. Raises InputError
    where these are other weights than the model's, or features of another version.
    """
    kind = made.get("embedding")
    if kind not in ("classical", "efficientnet"):
        raise InputError(f"the model does not say how its images were embedded ({kind!r})")
    options = replace(
        given,
        embedding=kind,
        green_only=made.get("green_only") is True,
        fourth_channel=made.get("fourth_channel") is True,
    )
    if made_by(options) != made:
        raise InputError(
            "the model's images were embedded by other weights, or by another version of the "
            "features: give the same --weights, or train again"
        )
    return options


def embed(
    images: Images, options: EmbeddingOptions, folder: Path | None = None, jobs: int = 1
) -> Embedded:
    """Features of all images, in their order.

    folder: where rows are kept by the images' digests, so that neither a stopped run nor another
    split, seed or model computes them again; memory holds the pictures of ``jobs`` images (of a
    batch, for EfficientNet), whatever their number.
    """
    kept = KeptRows(folder, made_by(options))
    digests = [images.digest(i) for i in range(len(images))]
    to_do = [i for i, digest in enumerate(digests) if digest not in kept]
    compute = _classical if options.embedding == "classical" else _efficientnet
    with Progress(len(images), "image", done=len(images) - len(to_do)) as progress:
        for start in range(0, len(to_do), KEPT_AT_ONCE):
            rows = to_do[start : start + KEPT_AT_ONCE]
            found = {}
            for i, values in compute(images, rows, options, jobs):
                found[digests[i]] = values
                progress.add()
            kept.add(found)
    values = np.stack([kept[digest] for digest in digests])
    return Embedded(values, feature_names(options, values.shape[1]), digests)


def feature_names(options: EmbeddingOptions, n_features: int) -> np.ndarray:
    """Names of the columns."""
    if options.embedding != "classical":
        return np.array([f"efficientnet_{i}" for i in range(n_features)])
    flat = np.zeros((1 if options.green_only else 4, 64, 64), dtype=np.float32)
    return np.array([*features.classical_features(flat, options.green_only)])


Rows = Iterator[tuple[int, np.ndarray]]


def _classical(images: Images, rows: list[int], options: EmbeddingOptions, jobs: int) -> Rows:
    """Side by side: most of the time is spent in compiled code that releases Python's lock."""
    tasks = ((images, i, options.green_only) for i in rows)
    yield from side_by_side(_classical_row, tasks, jobs)


def _classical_row(images: Images, i: int, green_only: bool) -> tuple[int, np.ndarray]:
    values = features.classical_features(images.read(i), green_only)
    return i, np.array([*values.values()], dtype=np.float32)


def _efficientnet(images: Images, rows: list[int], options: EmbeddingOptions, jobs: int) -> Rows:
    yield from _network(options)(images, rows)


_networks: dict[tuple, Callable] = {}


def _network(options: EmbeddingOptions) -> Callable:
    """One network for all batches of a run."""
    from cellclassifier.models.protein_atlas.efficientnet import EfficientNet

    key = (str(options.weights), options.fourth_channel, options.device, options.batch_size)
    if key not in _networks:
        _networks.clear()
        _networks[key] = EfficientNet(options)
    return _networks[key]
