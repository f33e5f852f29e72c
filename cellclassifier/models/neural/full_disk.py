"""A disk that is full is said with the file that did not fit, and with the room that is left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from cellclassifier.errors import InputError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell what stops the writing of ``path`` in a sentence: safetensors has its own error for it.

    Raises InputError.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        parent = next(folder for folder in path.absolute().parents if folder.exists())
        free = shutil.disk_usage(parent).free / 1e6
        raise InputError(
            f"{path} could not be written ({error}); {free:,.1f} MB of that disk are free: make "
            "room, and the same command goes on from the last checkpoint"
        ) from error
