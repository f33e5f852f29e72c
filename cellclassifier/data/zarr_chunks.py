"""The pieces of a zarr array: is one as large as its array says, before it is unpacked?

Compression has no bound: a few bytes of zstd can stand for gigabytes of zeros.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from zarr.abc.store import SuffixByteRequest

TEXT = "vlen-utf8"
PACKED = ("blosc", "zstd", "gzip", "zlib")
# Codecs that are allowed; others, such as numcodecs' pickle, run programs or are not used.
CODECS = (*PACKED, TEXT, "bytes", "crc32c")
MOST_TEXT = 300  # bytes of a name, at the mean
SOME = 2**20  # bytes of text in any piece


@dataclass(frozen=True)
class Chunk:
    """What is known of every piece of an array."""

    codecs: list[str]
    n_values: int
    dtype: np.dtype
    per_shard: int = 0
    """pieces in a file, which then ends with where they are; 0 where a file is one piece"""

    @property
    def is_text(self) -> bool:
        """Whether values have lengths of their own."""
        return TEXT in self.codecs

    @property
    def n_bytes(self) -> int:
        """The most that it may take when it is unpacked."""
        size = MOST_TEXT if self.is_text else self.dtype.itemsize
        return SOME + self.n_values * size


def pieces_of(content: bytes, byte_range: object, chunk: Chunk) -> list[bytes]:
    """What of a file, or of a part of it, is unpacked by itself.

    A shard ends with offset and length of each of its pieces, (per_shard, 2), and a checksum:
    https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
    """
    if not chunk.per_shard:
        return [content]
    if isinstance(byte_range, SuffixByteRequest):
        return []  # this list itself
    if byte_range is not None:
        return [content]
    index = np.frombuffer(content[-16 * chunk.per_shard - 4 : -4], dtype="<u8").reshape(-1, 2)
    filled = index[(index != 2**64 - 1).all(axis=1)]
    return [content[start : start + size] for start, size in filled.tolist()]


def check_chunk(content: bytes, chunk: Chunk) -> None:
    """Raise ValueError where a piece would become larger than its array says."""
    start = content
    for codec in reversed([name for name in chunk.codecs if name in PACKED]):
        start = _unpacked(codec, content, chunk)
    if chunk.is_text and int.from_bytes(start[:4], "little") > chunk.n_values:
        raise ValueError("a piece of more texts than its array has")


def _unpacked(codec: str, content: bytes, chunk: Chunk) -> bytes:
    if codec == "blosc":
        # https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
        size = int.from_bytes(content[4:8], "little")
        found = _of_blosc(content) if chunk.is_text and size <= chunk.n_bytes else b""
    elif codec == "zlib":
        found = zlib.decompressobj().decompress(content, chunk.n_bytes + 1)
        size = len(found)
    else:
        with pa.CompressedInputStream(pa.BufferReader(content), codec) as stream:
            found = stream.read(chunk.n_bytes + 1)
        size = len(found)
    if size > chunk.n_bytes:
        raise ValueError("a piece that is larger than its array says, when it is unpacked")
    return found


def _of_blosc(content: bytes) -> bytes:
    from numcodecs.blosc import decompress

    return decompress(content)
