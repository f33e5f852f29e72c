"""EfficientNetB0's weights, fetched once from the Hugging Face hub."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError
from cellclassifier.output.files import write_json

REPOSITORY = "google/efficientnet-b0"
FOLDER = Path("efficientnet_files")
FILES = ("config.json", "model.safetensors")
DIGESTS = "sha256.json"

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
    try:
        commit, stated = _stated()
        paths = {name: _fetched(name, commit, staging) for name in FILES}
    except Exception as error:  # of many kinds: no network, offline mode, no such file, full disk
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(
            f"{REPOSITORY} could not be downloaded ({reason}); try again, or copy its config.json "
            f"and model.safetensors into {folder}"
        ) from error
    found = {name: sha256(path) for name, path in paths.items()}
    if found["model.safetensors"] != stated:
        shutil.rmtree(staging)
        raise InputError(
            f"model.safetensors of {REPOSITORY} came with SHA-256 {found['model.safetensors']}, "
            f"the hub states {stated}: nothing was kept of it; try again"
        )
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

    stated = get_hf_file_metadata(hf_hub_url(REPOSITORY, "model.safetensors"))
    return stated.commit_hash, stated.etag  # of large files the hub's ETag is their SHA-256


def _fetched(name: str, commit: str, staging: Path) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(REPOSITORY, name, revision=commit, local_dir=staging))
