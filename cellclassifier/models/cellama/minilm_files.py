"""all-MiniLM-L6-v2: where its files may lie, whether they are the published ones, the download."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.data.download import Asset, Source, fetch_missing
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
    """Fetch what is missing from Hugging Face, and check it, as ``fetch_missing`` does.

    endpoint: another server than huggingface.co.
    """
    assets = tuple(Asset(name, name, DIGESTS.get(name)) for name in FILES)
    source = Source(REPOSITORY, GET, f"copy {', '.join(FILES)} into {folder}", endpoint=endpoint)
    fetch_missing(assets, source, folder)
    log.info(f"{folder} has all {len(FILES)} files, SHA-256 as published.")
