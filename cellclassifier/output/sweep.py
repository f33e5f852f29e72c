"""What killed runs left behind."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from cellclassifier.output.files import OURS

# An output folder may be one with much else in it: only what scripts write into is looked at.
FOLDERS = ("results", "plots", "predictions", "models", "annotations", ".finished", ".checkpoints")
TEMPORARY = re.compile(rf"\.(.+){OURS}[a-z0-9_]{{8}}(-old|\.[^.]*)?", re.DOTALL)
SWEPT_AFTER = 3600  # seconds in which a temporary file or folder was not touched


def sweep(output: Path) -> None:
    """Remove temporary files and folders from an output folder that are an hour old.

    A folder that was about to be replaced comes back where the new one did not get there.
    """
    for name in FOLDERS:
        for place, folders, files in os.walk(output / name):
            for found in filter(TEMPORARY.fullmatch, [*folders, *files]):
                with suppress(OSError):  # who else tidied up was faster
                    _remove_if_left(Path(place, found))
            folders[:] = [folder for folder in folders if not TEMPORARY.fullmatch(folder)]


def _remove_if_left(path: Path) -> None:
    touched = [path.lstat().st_mtime, *(inner.lstat().st_mtime for inner in path.rglob("*"))]
    if max(touched) > time.time() - SWEPT_AFTER:
        return
    target = path.with_name(TEMPORARY.fullmatch(path.name)[1])
    if path.name.endswith("-old") and not target.exists():
        path.rename(target)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
