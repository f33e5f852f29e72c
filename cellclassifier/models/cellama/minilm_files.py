"""all-MiniLM-L6-v2: where its files may lie, whether they are the published ones, the download."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError

REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
FOLDER = Path("cellama_files") / "all-MiniLM-L6-v2"
PLACE = "CELLCLASSIFIER_MINILM"  # in the environment: another folder
GET = "python cellama.py --download"
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
FILES = (*DIGESTS, "config.json")

log = logging.getLogger(__name__)


def find_minilm() -> Path:
    """The folder of the published model: of the environment, here, or of Hugging Face's cache.

    Raises InputError where there is none, and for files of another SHA-256.
    """
    given = os.environ.get(PLACE)
    places = [Path(given)] if given else [FOLDER, *_cached()]
    for folder in places:
        if all((folder / name).is_file() for name in FILES):
            check_digests(folder)
            return folder
    where = ", ".join(map(str, places))
    raise InputError(
        f"all-MiniLM-L6-v2 is not at hand ({where} lacks one of {', '.join(FILES)}): fetch it with "
        f"{GET} (91 MB), or say in {PLACE} which folder holds it"
    )


def _cached() -> list[Path]:
    """Snapshots of the model in Hugging Face's cache."""
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    return sorted((hub / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots").glob("*"))


def check_digests(folder: Path) -> None:
    """Raise InputError for a file that is not the published one."""
    for name, expected in DIGESTS.items():
        found = sha256(folder / name)
        if found != expected:
            raise InputError(
                f"{folder / name} has SHA-256 {found}, expected {expected} of all-MiniLM-L6-v2: "
                f"fetch it again with {GET}, or name the folder with --encoder for another model"
            )


def download(folder: Path = FOLDER, endpoint: str | None = None) -> None:
    """Fetch what is missing from Hugging Face, and check it.

    endpoint: another server than huggingface.co. Raises InputError where it does not answer, or a
    file has another SHA-256; nothing is kept of that one.
    """
    staging = folder.parent / ".download"
    for name in FILES:
        if (folder / name).is_file():
            continue
        path = _fetch(name, staging, endpoint)
        if name in DIGESTS and sha256(path) != DIGESTS[name]:
            shutil.rmtree(staging)
            raise InputError(f"{name} came with another SHA-256 than published: nothing was kept")
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(path, folder / name)
    shutil.rmtree(staging, ignore_errors=True)
    check_digests(folder)
    log.info(f"{folder} has all {len(FILES)} files, SHA-256 as published.")


def _fetch(name: str, staging: Path, endpoint: str | None) -> Path:
    import huggingface_hub  # only a download needs it

    try:
        return Path(
            huggingface_hub.hf_hub_download(REPOSITORY, name, local_dir=staging, endpoint=endpoint)
        )
    except Exception as error:  # of many kinds: no network, offline mode, no such file, full disk
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(
            f"{name} of {REPOSITORY} could not be downloaded ({reason}); finished files are kept: "
            f"go on with {GET}, or copy {', '.join(FILES)} into {folder_text()}"
        ) from error


def folder_text() -> str:
    """Where the files are looked for."""
    return str(FOLDER)
