"""Geneformer V1's dictionaries and model folder: where they are, whether they fit, downloads."""

from __future__ import annotations

import json
import logging
import struct
import sys
from numbers import Integral, Real
from pathlib import Path

from cellclassifier.data.download import Asset, Source, fetch_missing
from cellclassifier.data.safe_pickle.load import load_pickle
from cellclassifier.errors import InputError

FOLDER = Path("geneformer_files")
REPOSITORY = "ctheodoris/Geneformer"
REVISION = "04c2b2e84da7c0f385c3f9ad8f3ec24bab6650e5"
GET = "python finetune_geneformer.py --download"  # the one command that every message names
# Today's name of the model's folder first; the other is what it was called until 2025.
MODEL_FOLDERS = ("Geneformer-V1-10M", "gf-6L-30M-i2048")
WEIGHTS = "model.safetensors"
SPECIAL_TOKENS = {"<pad>": 0, "<mask>": 1}

log = logging.getLogger(__name__)


_DICTIONARIES = {
    "token_dictionary": "ab9dc40973fa5224d77b793e2fd114cacf3d08423ed9c4c49caf0ba9c7f218f1",
    "gene_median_dictionary": "b3b589bb5ec75040d05fc44dd6bf0184cf87f3c362cf158d196a6ed3b7fe5f39",
    "gene_name_id_dict": "55e67962e79c0039a6c32d43c5c99f38e51964bbcfa32f736150ee1e285c438c",
}
_MODEL = {
    "config.json": "9cf69ca3bdb0215c4188b54c451b6f02adfe68b8f66011a57d0f32845133fd4b",
    "model.safetensors": "a5e33a757431643b3697de7ef6127950cdc49e06e58d4266b3a3ab191b683f14",
}
ASSETS = tuple(
    Asset(f"geneformer/gene_dictionaries_30m/{name}_gc30M.pkl", f"{name}_gc30M.pkl", digest)
    for name, digest in _DICTIONARIES.items()
) + tuple(
    Asset(f"{MODEL_FOLDERS[0]}/{name}", f"{MODEL_FOLDERS[0]}/{name}", digest)
    for name, digest in _MODEL.items()
)


def download(
    folder: Path = FOLDER, assets: tuple[Asset, ...] = ASSETS, endpoint: str | None = None
) -> None:
    """Fetch what is missing in ``folder`` at the pinned revision, as ``fetch_missing`` does."""
    by_hand = "copy the files as geneformer_files/README.md says"
    source = Source(REPOSITORY, GET, by_hand, REVISION, endpoint)
    n_fetched = fetch_missing(assets, source, Path(folder))
    if n_fetched:
        log.info(f"Downloaded {n_fetched} files into {folder}, SHA-256 as published.")
    else:
        log.info(f"{folder} has all {len(assets)} files already, SHA-256 as published.")


def find_dictionary(name: str, folder: Path = FOLDER) -> Path:
    """Path of a dictionary by its bare name, with or without the suffix ``_gc30M``.

    Raises InputError with the command that gets it when there is none.
    """
    for path in (Path(folder) / f"{name}_gc30M.pkl", Path(folder) / f"{name}.pkl"):
        if path.is_file():
            return path
    raise InputError(f"{folder} has no {name}_gc30M.pkl (nor {name}.pkl): get it with {GET}")


def read_dictionary(name: str, folder: Path = FOLDER) -> dict:
    """A dictionary's content, text -> number or text as VALUES has it, unpickled as data only."""
    path = find_dictionary(name, folder)
    content = load_pickle(path)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(f"{path} is not a dictionary of genes: get it again with {GET}")
    expected, is_one = VALUES[name]
    for key, value in content.items():
        if not is_one(value):
            raise InputError(
                f"{path} says {repr(value)[:40]} for {key[:40]}, expected {expected}: "
                f"get it again with {GET}"
            )
    return content


def is_median(value: object) -> bool:
    """Whether a value is a number above zero that counts can be divided by."""
    return _is_number(value, Real) and 0 < value <= sys.float_info.max


def _is_token(value: object) -> bool:
    return _is_number(value, Integral) and value >= 0


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


# What a dictionary says for every key: in words, and as a check.
VALUES = {
    "token_dictionary": ("a whole number", _is_token),
    "gene_median_dictionary": ("a number above zero", is_median),
    "gene_name_id_dict": ("the id of a gene", lambda value: isinstance(value, str)),
}


def find_model(folder: Path = FOLDER) -> Path | None:
    """The folder of the pretrained model under either name, or None."""
    candidates = (Path(folder) / name for name in MODEL_FOLDERS)
    return next((path for path in candidates if (path / "config.json").is_file()), None)


def read_model_config(model: Path) -> dict:
    """The config.json of a model folder whose weights are there, as safetensors, and fit it.

    Raises InputError for a folder that is missing, incomplete, or holds pickled weights only.
    """
    model = Path(model)
    if not (model / "config.json").is_file():
        raise InputError(
            f"{model} holds no config.json: expected a model folder; get it with {GET}"
        )
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        n_tokens, width = config["vocab_size"], config["hidden_size"]
        sizes = n_tokens, width, config["max_position_embeddings"]
        if not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError(f"sizes of {sizes}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = repr(error)[:200]
        raise InputError(f"{model / 'config.json'} is damaged ({reason})") from error
    shape = _embedding_shape(model)
    if shape != [n_tokens, width]:
        raise InputError(
            f"{model}: its weights are for {shape[0]:,} tokens of width {shape[1]}, its "
            f"config.json says {n_tokens:,} of {width}: get both again with {GET}"
        )
    return config


def check_fit(n_vocabulary: int, model: Path) -> None:
    """Refuse a dictionary and a model of different versions before any training.

    n_vocabulary: entries of the token dictionary, special tokens included.
    """
    n_model = read_model_config(model)["vocab_size"]
    if n_vocabulary != n_model:
        raise InputError(
            f"the token dictionary has {n_vocabulary:,} entries, but {model} was trained with "
            f"{n_model:,}: they are of different versions of Geneformer (V1 has 25,426, V2 "
            f"20,275); get the pair that belongs together with {GET}"
        )


def _embedding_shape(model: Path) -> list[int]:
    """Shape of the token embedding, read from the header of model.safetensors alone."""
    path = model / WEIGHTS
    if not path.is_file():
        pickled = " (pytorch_model.bin is a pickle and is not read)"
        also = pickled if (model / "pytorch_model.bin").exists() else ""
        raise InputError(f"{model} has no model.safetensors{also}: get it with {GET}")
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, 10**7)))
        (shape,) = [
            header[name]["shape"]
            for name in header
            if name.endswith("embeddings.word_embeddings.weight")
        ]
        if list(map(type, shape)) != [int, int]:
            raise ValueError(f"an embedding of shape {shape}")
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged or no BERT model: get it again with {GET}") from error
    return shape
