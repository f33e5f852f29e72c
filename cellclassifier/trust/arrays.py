"""Arrays that were learned, read from a file that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cellclassifier.data.stored_arrays import claimed_shapes


def read_arrays(
    path: Path, names: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Arrays that ``numpy.savez`` wrote, by name; shapes and values are the caller's to check.

    optional: names that files of before do not have.
    Raises ValueError where the file is damaged, lacks one of them or would unpack to more than it
    holds.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            n_bytes = sum(member.file_size for member in stored.zip.infolist())
            if n_bytes > path.stat().st_size:  # ``savez`` compresses nothing
                raise ValueError(f"{n_bytes:,} bytes when unpacked")
            claimed_shapes(stored.zip, stored.zip.infolist())
            found = [name for name in optional if name in stored.files]
            return {name: stored[name] for name in (*names, *found)}
    except Exception as error:  # whatever a damaged or hostile file provokes in its reader
        raise ValueError(f"{path.name}: {error}") from error
