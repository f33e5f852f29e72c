"""Rows of a matrix that lies in a file, checked before compiled code sees them.

The arrays are those of an HDF5 file or of a zarr folder, which are sliced alike, after a check that
the file can hold what they claim.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.sparse_checks import check_indices, check_indptr, compressed, usable

BLOCK = 2**26  # bytes of a dense matrix in memory at a time


def dense_rows(stored, start: int, stop: int) -> sp.csr_matrix:
    """Rows of a dense array, (stop - start, n_columns).

    So many at a time that a dense copy of them needs little memory.
    """
    blocks = [
        sp.csr_matrix(usable(stored[first:last])) for first, last in _steps(stored, 0, start, stop)
    ]
    return sp.vstack(blocks, format="csr")


def dense_columns(stored, start: int, stop: int) -> sp.csr_matrix:
    """Columns of a dense array as rows, (stop - start, n_rows), as ``dense_rows`` does it."""
    blocks = [
        sp.csr_matrix(usable(stored[:, first:last]).T)
        for first, last in _steps(stored, 1, start, stop)
    ]
    return sp.vstack(blocks, format="csr")


def _steps(stored, axis: int, start: int, stop: int) -> list[tuple[int, int]]:
    """Bounds of slices along an axis, each of whole chunks and of about ``BLOCK`` bytes."""
    together = stored.chunks[axis] if stored.chunks else 1  # what is decompressed together
    n_bytes = stored.dtype.itemsize * stored.shape[1 - axis] * together
    step = max(1, BLOCK // max(1, n_bytes)) * together
    return [(first, min(first + step, stop)) for first in range(start, stop, step)]


def sparse_rows(
    data, indices, indptr, shape: tuple[int, int], start: int, stop: int
) -> sp.csr_matrix:
    """Rows of a compressed sparse matrix of this shape, (stop - start, shape[1]).

    Raises ValueError where the three arrays do not fit together or the shape.
    """
    if len(data.shape) != 1 or indices.shape != data.shape or indptr.shape != (shape[0] + 1,):
        raise ValueError("values, indices and index pointer of sizes that do not fit together")
    n_values = data.shape[0]
    bounds = native(indptr[start : stop + 1])
    check_indices(bounds, n_values + 1, stop - start + 1)
    if (start == 0 and bounds[0] != 0) or (stop == shape[0] and bounds[-1] != n_values):
        raise ValueError("an index pointer that does not span the values")
    first, last = int(bounds[0]), int(bounds[-1])
    bounds = bounds - bounds[0]
    check_indptr(bounds, stop - start, last - first)
    parts = native(data[first:last]), native(indices[first:last]), bounds
    return compressed(sp.csr_matrix, *parts, (stop - start, shape[1]))


def native(values: np.ndarray) -> np.ndarray:
    """The same values in this machine's byte order."""
    return values.astype(values.dtype.newbyteorder("="), copy=False)
