"""Arrays in a zip archive: what they claim to be, before memory is made for them."""

from __future__ import annotations

import math
from zipfile import ZipFile, ZipInfo

import numpy as np

VERSION = 1, 0  # of numpy's format; later ones are for headers that no array of ours needs


def claimed_shapes(archive: ZipFile, members: list[ZipInfo]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of arrays that are stored as .npy, from their headers.

    Raises ValueError for a member that is none, and for one that claims more or fewer bytes than
    it has: numpy makes room for what is claimed before it reads.
    """
    return {member.filename: _shape(archive, member) for member in members}


def _shape(archive: ZipFile, member: ZipInfo) -> tuple[int, ...]:
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != VERSION:
            raise ValueError(f"{member.filename[:40]} is an array of another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        held = member.file_size - file.tell()
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != held:
        raise ValueError(
            f"{member.filename[:40]} claims {str(shape)[:40]} values of {str(dtype)[:40]} in "
            f"{held:,} bytes"
        )
    return shape
