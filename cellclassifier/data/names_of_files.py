"""What files are called beside each other: by name, or as much of the path as is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cellclassifier.data.open import name_of
from cellclassifier.errors import InputError


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """A name for every file: ``filtered``, or ``a/filtered`` and ``b/filtered``.

    Files that differ in nothing but the end of their names keep it. "X" and "x" do not tell apart:
    on macOS and Windows they are one folder. Raises InputError where a file is given twice.
    """
    paths = [Path(path).resolve() for path in paths]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice: name every file once")
    stems = [(*path.parent.parts[1:], name_of(path)) for path in paths]
    full = [path.parts[1:] for path in paths]
    parts = [
        whole if stems.count(stem) > 1 else stem for stem, whole in zip(stems, full, strict=True)
    ]
    return ["/".join(_shortest_end(own, parts)) for own in parts]


def _shortest_end(own: tuple[str, ...], all_parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The shortest end of a path that no other one has, in whatever case."""
    for length in range(1, len(own)):
        end = _folded(own[-length:])
        if sum(_folded(other[-length:]) == end for other in all_parts) == 1:
            return own[-length:]
    return own


def _folded(parts: tuple[str, ...]) -> list[str]:
    return [part.casefold() for part in parts]
