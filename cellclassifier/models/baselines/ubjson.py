"""Universal Binary JSON, as XGBoost writes its models: read strictly, arrays as numpy has them.

https://ubjson.org/type-reference/. Anything that two readers might take differently is refused.
"""

from __future__ import annotations

import struct

import numpy as np

# Types by their markers, all big-endian.
NUMBERS = {b"i": "i1", b"U": "u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
CONSTANTS = {b"Z": None, b"T": True, b"F": False}
DEEPEST = 20


def read(content: bytes) -> object:
    """What the bytes say: dict, list, array, str, number, bool or None; ValueError if damaged."""
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.place != len(content):
        raise ValueError("more bytes than one value")
    return value


class _Reader:
    def __init__(self, content: bytes):
        self.content, self.place = content, 0

    def take(self, n_bytes: int) -> bytes:
        """The next bytes."""
        if not 0 <= n_bytes <= len(self.content) - self.place:
            raise ValueError("cut short")
        self.place += n_bytes
        return self.content[self.place - n_bytes : self.place]

    def value(self, marker: bytes, depth: int) -> object:
        """The value after its marker."""
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker == b"S":
            return self._text()
        if marker in NUMBERS:
            return self._numbers(marker, 1)[0].item()
        if marker in CONSTANTS:
            return CONSTANTS[marker]
        raise ValueError(f"an unknown marker {marker!r}")

    def _text(self) -> str:
        return self.take(self._length()).decode()

    def _length(self) -> int:
        (length,) = struct.unpack(">q", self.take(8)) if self.take(1) == b"L" else (-1,)
        return length

    def _numbers(self, marker: bytes, n: int) -> np.ndarray:
        dtype = np.dtype(NUMBERS[marker])
        return np.frombuffer(self.take(n * dtype.itemsize), dtype)

    def _object(self, depth: int) -> dict:
        found = {}
        while self.content[self.place : self.place + 1] != b"}":
            key = self._text()
            if key in found:
                raise ValueError(f"{key[:40]} twice")
            found[key] = self.value(self.take(1), depth + 1)
        self.take(1)
        return found

    def _array(self, depth: int) -> list | np.ndarray:
        marker = self.take(1)
        if marker == b"$":
            kind = self.take(1)
            if kind not in NUMBERS or self.take(1) != b"#":
                raise ValueError("an array of no numbers")
            return self._numbers(kind, self._length())
        if marker == b"#":
            n = self._length()
            if not 0 <= n <= len(self.content):
                raise ValueError("cut short")
            return [self.value(self.take(1), depth + 1) for _ in range(n)]
        found = []
        while marker != b"]":
            found.append(self.value(marker, depth + 1))
            marker = self.take(1)
        return found
