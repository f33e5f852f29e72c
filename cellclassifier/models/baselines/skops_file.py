"""Save fitted scikit-learn objects without pickle, and load them as data that may be hostile."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from zipfile import ZIP_DEFLATED, ZipFile

from cellclassifier.errors import InputError
from cellclassifier.models.baselines.skops_schema import check_archive

# What a file may build beyond its estimators and what skops trusts by itself.
TRUSTED = {
    "sklearn.utils._bunch.Bunch",  # a dict
    "sklearn.tree._tree.Tree",  # scikit-learn follows its indices unchecked: see fitted.py
}


def save_parts(parts: dict[str, object], path: Path) -> None:
    """Write named fitted objects into one .skops file (a zip of JSON and arrays)."""
    skops_io().dump(parts, path, compression=ZIP_DEFLATED, compresslevel=1)


def load_parts(path: Path, types: set[str], check: Callable[[dict], None]) -> dict[str, object]:
    """Read the named objects of a .skops file; InputError for anything else that it holds.

    types: full names of the types of objects that it may build; check: what raises any error for
    objects that are not as they should be.
    """
    try:
        with ZipFile(path) as archive:
            check_archive(archive, path.stat().st_size, types)
        parts = skops_io().load(path, trusted=sorted(types | TRUSTED))
        check(parts)
    except Exception as error:  # whatever a damaged or hostile file provokes in its reader
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(
            f"the model in {path} cannot be read ({reason}): train and save it again"
        ) from error
    return parts


def skops_io() -> ModuleType:
    """The module skops.io, imported without torch.

    It lists all of scikit-learn on import, and with it a module that imports torch where that is
    installed: 2 seconds and 0.2 GiB for nothing.
    """
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # as if it were not installed
    try:
        return importlib.import_module("skops.io")
    finally:
        if hidden:
            del sys.modules["torch"]
