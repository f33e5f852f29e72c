"""Files of a repository on Hugging Face: fetched once, and compared with the SHA-256 expected."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError


@dataclass(frozen=True)
class Asset:
    """One file: its path there and here, and its SHA-256 (None: of any content)."""

    remote: str
    local: str
    sha256: str | None


@dataclass(frozen=True)
class Source:
    """Where files come from.

    repository: "owner/name"; get: the command that goes on with a download that has stopped;
    by_hand: what a person without network does instead; revision: a commit, None for the newest;
    endpoint: another server than huggingface.co (also by the environment's HF_ENDPOINT).
    """

    repository: str
    get: str
    by_hand: str
    revision: str | None = None
    endpoint: str | None = None


def fetch_missing(assets: tuple[Asset, ...], source: Source, folder: Path) -> int:
    """Fetch what is missing in ``folder``; returns how many files that were.

    Files that are there with the right SHA-256 are not fetched again, so that a download that
    stopped goes on with the next file; a connection that breaks inside a file is taken up where
    it broke (by huggingface_hub, which also draws the progress bars).
    Raises InputError when the server does not answer or a file has another SHA-256.
    """
    missing = [asset for asset in assets if not is_whole(folder / asset.local, asset.sha256)]
    staging = folder / ".download"
    for asset in missing:
        path = fetched(asset, source, staging)
        (folder / asset.local).parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, folder / asset.local)
    shutil.rmtree(staging, ignore_errors=True)
    return len(missing)


def is_whole(path: Path, digest: str | None) -> bool:
    """Whether a file is there, with this SHA-256."""
    return path.is_file() and digest in (None, sha256(path))


def fetched(asset: Asset, source: Source, staging: Path) -> Path:
    """One file, checked, under ``staging``, of which nothing is left where it is not the one.

    Raises InputError as ``fetch_missing`` does.
    """
    import huggingface_hub  # only a download needs it

    try:
        path = huggingface_hub.hf_hub_download(
            source.repository,
            asset.remote,
            revision=source.revision,
            local_dir=staging,
            endpoint=source.endpoint,
        )
    except Exception as error:  # of many kinds: no network, offline mode, no such file, full disk
        raise not_reached(asset.remote, source, error) from error
    found = sha256(Path(path))
    if asset.sha256 not in (None, found):
        shutil.rmtree(staging)
        raise InputError(
            f"{asset.remote} of {source.repository} came with SHA-256 {found}, expected "
            f"{asset.sha256}: nothing was kept of it; try again with {source.get}"
        )
    return Path(path)


def not_reached(what: str, source: Source, error: Exception) -> InputError:
    """Says why a download failed, and what to do."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return InputError(
        f"{what} of {source.repository} could not be downloaded ({reason}); finished files are "
        f"kept: go on with {source.get}, or {source.by_hand}"
    )
