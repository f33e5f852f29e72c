"""Tokens on disk that are read like an array in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class MappedTokens:
    """All tokens of many cells, in pieces as they lie on disk; only what is asked for is read.

    pieces: memory-mapped arrays, none of them empty; begins: (n_pieces,) places of their first
    tokens among all.
    """

    pieces: list[np.ndarray]
    begins: np.ndarray
    dtype: np.dtype

    @classmethod
    def of(cls, lists: pa.ChunkedArray) -> MappedTokens:
        """From a column of lists, without a copy."""
        pieces = [chunk.flatten().to_numpy() for chunk in lists.chunks]
        pieces = [piece for piece in pieces if len(piece)]
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        dtype = np.dtype(lists.type.value_type.to_pandas_dtype())
        return cls(pieces, np.cumsum(lengths) - lengths, dtype)

    def __len__(self) -> int:
        return int(self.begins[-1]) + len(self.pieces[-1]) if self.pieces else 0

    def __getitem__(self, places: np.ndarray | slice) -> np.ndarray:
        """The tokens at some places, in the shape of ``places``."""
        if isinstance(places, slice):
            places = np.arange(*places.indices(len(self)))
        result = np.empty(places.shape, dtype=self.dtype)
        piece_of = np.searchsorted(self.begins, places, side="right") - 1
        for i in np.unique(piece_of):
            here = piece_of == i
            result[here] = self.pieces[i][places[here] - self.begins[i]]
        return result

    def largest(self) -> int:
        """The largest token of all."""
        return max(int(piece.max()) for piece in self.pieces)
