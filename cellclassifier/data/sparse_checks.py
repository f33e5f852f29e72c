"""What the index arrays of a sparse matrix must fulfil before compiled code may see them.

scipy's own full check lets two things pass that lead its compiled code outside the arrays: an index
pointer that rises and falls back to 0, and one whose falls overflow int32.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def check_indices(indices: np.ndarray, end: int, length: int) -> None:
    """Raise ValueError unless these are ``length`` whole numbers from 0 to below ``end``."""
    if indices.dtype.kind not in "iu" or indices.shape != (length,):
        raise ValueError("indices of a sparse matrix in a wrong shape")
    if length and not 0 <= indices.min() <= indices.max() < end:
        raise ValueError("indices of a sparse matrix that point outside it")


def check_indptr(indptr: np.ndarray, n_rows: int, n_values: int) -> None:
    """Raise ValueError unless these are the bounds of ``n_rows`` rows in ``n_values`` values."""
    check_indices(indptr, n_values + 1, n_rows + 1)
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError("an index pointer that does not rise from 0")


def compressed(make: type, data, indices, indptr, shape: tuple[int, int]) -> sp.spmatrix:
    """A CSR or CSC matrix of arrays from a file; index arrays of two types get one.

    make: ``csr_matrix`` or ``csc_matrix``; the arrays are (n_values,), (n_values,), (n_major + 1,).
    Raises ValueError where they do not fit together or the shape.
    """
    n_major, n_minor = shape if make is sp.csr_matrix else shape[::-1]
    if data.shape != (len(data),) or data.dtype.kind not in "biuf":
        raise ValueError("values of a sparse matrix that are no numbers, one after another")
    check_indices(indices, n_minor, len(data))
    check_indptr(indptr, n_major, len(data))
    if indptr[-1] != len(data):
        raise ValueError("an index pointer that does not end with the values")
    return make((usable(data), indices, indptr), shape=shape)


def usable(values: np.ndarray) -> np.ndarray:
    """The same numbers as scipy needs them: this machine's byte order, no half precision."""
    if values.dtype == np.float16 or values.dtype == ">f2":
        return values.astype(np.float32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
