"""EfficientNetB0's weights, fetched once from the Hugging Face hub."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.data.download import Asset, Source, fetched, not_reached
from cellclassifier.output.files import write_json

REPOSITORY = "google/efficientnet-b0"
FOLDER = Path("efficientnet_files")
FILES = ("config.json", "model.safetensors")
DIGESTS = "sha256.json"
SOURCE = Source(
    REPOSITORY, "python protein_atlas.py --download", f"copy {' and '.join(FILES)} into {FOLDER}"
)

log = logging.getLogger(__name__)


def download(folder: Path = FOLDER) -> None:
    """Fetch what is missing in ``folder``, and check the weights' SHA-256.

    The hub states it beside the file, at the one commit that both files are taken from; commit and
    digests are kept in sha256.json, with which files that are there are compared.
    Raises InputError when the server does not answer or the weights have another SHA-256.
    """
    folder = Path(folder)
    if is_whole(folder):
        log.info(f"{folder} has EfficientNetB0 already, SHA-256 as when it was fetched.")
        return
    staging = folder / ".download"
    commit, stated = _stated()
    source = replace(SOURCE, revision=commit)
    expected = dict(zip(FILES, (None, stated), strict=True))
    paths = {
        name: fetched(Asset(name, name, digest), source, staging)
        for name, digest in expected.items()
    }
    found = {name: sha256(path) for name, path in paths.items()}
    for name, path in paths.items():
        os.replace(path, folder / name)
    write_json(folder / DIGESTS, {"repository": REPOSITORY, "commit": commit, "sha256": found})
    shutil.rmtree(staging)
    log.info(
        f"Downloaded EfficientNetB0 into {folder}: --embedding efficientnet --weights {folder}"
    )


def is_whole(folder: Path) -> bool:
    """Whether a folder holds what an earlier download put there, unchanged."""
    import json

    try:
        kept = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))["sha256"]
        return all(sha256(folder / name) == kept[name] for name in FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _stated() -> tuple[str, str]:
    """(commit, SHA-256 of the weights) as the hub states them."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # only a download needs it

    try:
        stated = get_hf_file_metadata(hf_hub_url(REPOSITORY, "model.safetensors"))
    except Exception as error:  # of many kinds: no network, offline mode, another server
        raise not_reached("model.safetensors", SOURCE, error) from error
    return stated.commit_hash, stated.etag  # of large files the hub's ETag is their SHA-256
