"""A saved model's folder: written whole, and read only if it is whole and fits this program.

    model.json    format version, class, method, types, genes, library versions, provenance, and
                  the SHA-256 of every other file but the card, and of itself
    ...           what the model's class wrote, none of it a pickle
    README.md     the model card, for people: never read here, and not sealed, so that they may
                  edit it

The digests find damage and edits. They are no signature: whoever can write the folder can renew
them, so every file in it is still read as data from a stranger.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

from cellclassifier.data.digests import sha256
from cellclassifier.data.texts import HALVES, printable
from cellclassifier.errors import InputError
from cellclassifier.output.files import atomic_folder, write_json, write_text
from cellclassifier.output.model_card import model_card
from cellclassifier.output.versions import installed_build, library_of, version_of

FORMAT_VERSION = 3  # a newer one is refused
DESCRIPTION, CARD = "model.json", "README.md"
KINDS = {
    **dict.fromkeys(("method", "class", "digest", "question"), str),
    "types": list,
    **dict.fromkeys(("versions", "files", "calibration"), dict),
}
# Whose saved state is for one minor version only, as is that of whatever is at version 0; the
# others promise it for a major one.
BY_MINOR_VERSION = ("scikit-learn",)
# Libraries that models of this project name. What else a stranger's model names is not advised.
LIBRARIES = ("numpy", "scikit-learn", "skops", "xgboost", "torch", "transformers", "safetensors")
VERSION = re.compile(r"\d+(\.\w+)*", re.ASCII)
LARGEST_DESCRIPTION = 2**28  # bytes; that of 60,000 genes has 2 % of it
LONGEST_NUMBER = 18  # digits, that 64 bits hold
AGAIN = "train and save the model again"


def write(folder: Path, description: dict, write_parts: Callable[[Path], dict]) -> None:
    """Write a model's folder, which replaces the one there once all of it is on the disk.

    description: JSON values for model.json; write_parts: writes the other files into the folder
    it is given, and returns what model.json must hold beside ``description``.
    """
    with atomic_folder(folder) as temporary:
        content = description | write_parts(temporary)
        write_text(temporary / CARD, model_card(content))
        seal(temporary, content)


def seal(folder: Path, description: dict) -> None:
    """Write model.json with the digests of everything in the folder."""
    content = {key: value for key, value in description.items() if key != "digest"}
    content |= {"format_version": content.get("format_version", FORMAT_VERSION)}
    content |= {"files": {name: sha256(folder / name) for name in sorted(_parts_in(folder))}}
    content |= {"digest": _digest(content)}
    write_json(folder / DESCRIPTION, content)


def read_description(folder: Path) -> dict:
    """The content of a folder's model.json, after every check that needs no model.

    Raises InputError where the folder is none, from a newer format, damaged, changed since it was
    saved, or made with library versions that cannot be read with those installed.
    """
    folder = Path(folder)
    path = folder / DESCRIPTION
    try:
        _check_plain(path)
        if path.stat().st_size > LARGEST_DESCRIPTION:
            raise ValueError(f"more than {LARGEST_DESCRIPTION:,} bytes")
        description = json.loads(path.read_text(encoding="utf-8"), parse_int=_whole_number)
        version = description["format_version"]
        _digest(description)  # which may be nested too deeply for it
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists():
            found = f"{folder} holds no model.json: expected a folder made by save"
        else:
            found = f"{folder} does not exist: expected the folder of a saved model"
        raise InputError(f"{found}, for instance model_output/models/soft_vote") from None
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged (its text is not UTF-8): {AGAIN}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({repr(error)[:200]}): {AGAIN}") from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}: "
            "use the version of cellclassifier that saved it, or train again"
        )
    _check_content(description, path)
    _check_files(description["files"], folder)
    _check_versions(description["versions"], folder)
    return description


def class_of(description: dict, folder: Path) -> type:
    """The class that a model.json names, from a module of this package.

    Importing a module of our own is all that a stranger's folder can cause here.
    """
    module, _, name = description["class"].rpartition(".")
    try:
        if not re.fullmatch(r"cellclassifier(\.[a-z_]\w*)+", module):
            raise ImportError
        kind = getattr(importlib.import_module(module), name)
        if not isinstance(kind, type):
            raise ImportError
        return kind
    except (ImportError, AttributeError):
        raise InputError(
            f"{folder} holds a {description['class']!r}, which this version of cellclassifier "
            "does not know: use the version that saved it"
        ) from None


def _whole_number(text: str) -> int:
    """Of JSON; ValueError for one that no array holds."""
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _check_plain(path: Path) -> None:
    """Raise InputError for a link, a device or a pipe, which might never end; OSError for none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise InputError(f"{path} is no plain file, as those of a saved model are: {AGAIN}")


def _check_content(description: dict, path: Path) -> None:
    for key, kind in KINDS.items():
        if not isinstance(description.get(key), kind):
            raise InputError(f"{path} is damaged (no {key!r}): {AGAIN}")
    if _digest(description) != description["digest"]:
        raise InputError(f"{path} was changed after the model was saved: {AGAIN}")
    _check_items(description, "types", _is_text, path)
    if len(set(description["types"])) < len(description["types"]):
        raise InputError(f"{path} is damaged (a type twice): {AGAIN}")


def check_genes(description: dict, folder: Path) -> None:
    """Raise InputError unless a model.json names genes, their symbols and their importance."""
    path = Path(folder) / DESCRIPTION
    for key, is_one in (("genes", _is_text), ("symbols", _is_text), ("importance", _is_share)):
        if not isinstance(description.get(key), list):
            raise InputError(f"{path} is damaged (no {key!r}): {AGAIN}")
        _check_items(description, key, is_one, path)
        if len(description[key]) != len(description["genes"]):
            raise InputError(f"{path} is damaged (genes, symbols and importance disagree): {AGAIN}")


def _check_items(description: dict, key: str, is_one: Callable, path: Path) -> None:
    if not all(map(is_one, description[key])):
        raise InputError(f"{path} is damaged ({key!r} holds other values): {AGAIN}")


def _is_text(value: object) -> bool:
    """Text that can be written, and that arrays hold unchanged."""
    return isinstance(value, str) and "\0" not in value and not HALVES.search(value)


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _check_files(digests: dict[str, str], folder: Path) -> None:
    found = _parts_in(folder)
    missing, strange = sorted(digests.keys() - found), sorted(found - digests.keys())
    if missing or strange:
        what = f"{missing[0]} is missing" if missing else f"{strange[0]} is no part of the model"
        raise InputError(f"{folder} is not as it was saved: {what}; {AGAIN}")
    for name, digest in digests.items():
        _check_plain(folder / name)
        if sha256(folder / name) != digest:
            raise InputError(
                f"{folder / name} is damaged or was changed after the model was saved "
                f"(another SHA-256 than in {DESCRIPTION}): {AGAIN}"
            )


def _parts_in(folder: Path) -> set[str]:
    """Names of the files that are sealed; hidden ones are the file manager's."""
    names = {path.name for path in folder.iterdir()} - {DESCRIPTION, CARD}
    return {name for name in names if not name.startswith(".")}


def _check_versions(saved: dict[str, str], folder: Path) -> None:
    for name, version in saved.items():
        library = library_of(name)  # some models name the build that they were saved with
        installed, build = version_of(library) or "none", installed_build(library) or library
        n_parts = 2 if library in BY_MINOR_VERSION or installed.startswith("0.") else 1
        if installed.split(".")[:n_parts] != str(version).split(".")[:n_parts]:
            is_ours = library in LIBRARIES and VERSION.fullmatch(str(version))
            what = f"pip install {build}=={version}, or train again" if is_ours else AGAIN
            saved_with = f"{printable(name)} {printable(str(version))}"
            raise InputError(
                f"{folder} was saved with {saved_with}, installed is {installed}, which may read "
                f"it otherwise: {what}"
            )


def _digest(description: dict) -> str:
    content = {key: value for key, value in description.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
