"""Fresh arrays and matrices from the record of a pickle that `unpickle` takes.

Every size, text and index is checked here before numpy or scipy.sparse sees it: their own checks
are made for honest mistakes. Whatever is wrong raises; `unpickle` tells it as the file's fault.
"""

import math
import operator
import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy
import scipy.sparse

from cellclassifier.data.sparse_checks import check_indices, check_indptr

SPARSE = {
    f"{layout}_{kind}": getattr(scipy.sparse, f"{layout}_{kind}")
    for layout in ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
    for kind in ("matrix", "array")
}
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|12|16)|[SU]\d{1,9}|O8?)")
_PLAIN = (str, bytes, int, float, list, type(None), numpy.generic)


@dataclass(slots=True, eq=False)
class Name:
    """A name the file may mention; not callable, so that nothing can call it."""

    role: str


@dataclass(slots=True, eq=False)
class Call:
    """A call the file asks for, with the state it sets; `value` once `Builder` has made it."""

    role: str
    args: tuple
    state: Any = None
    value: Any = None


class Builder:
    """Makes data of what `unpickle` noted, within what a file of `size` bytes can honestly hold.

    An honest file pays for every value and every byte of an array with bytes of its own, so the
    budget stops lists that hold each other and copies of copies before they fill the memory.
    """

    def __init__(self, size: int):
        self.size = size
        self.budget = 4 * size

    def data(self, noted: Any) -> Any:
        """Return the plain value, array or matrix that was noted."""
        self._spend(1)
        if isinstance(noted, Call):
            if noted.value is None:
                noted.value = self._build(noted)
            return noted.value
        if isinstance(noted, list | tuple):
            return type(noted)([self.data(item) for item in noted])
        if isinstance(noted, dict):
            return {self.data(key): self.data(value) for key, value in noted.items()}
        if isinstance(noted, Name) or (isinstance(noted, int) and noted.bit_length() > 64):
            raise ValueError("a class or an enormous number where data should be")
        if isinstance(noted, str):
            noted.encode()  # half a surrogate pair could not be written to any output
        return noted

    def array(self, raw: Any, dtype: numpy.dtype, shape: Any, fortran: Any) -> Any:
        """Return a read-only array on the bytes `raw`, or one of the objects in the list `raw`.

        Of an object array of shape ``()``, which is how numpy.save wraps a dict, the object itself.
        """
        shape = self._shape(shape)
        if dtype.kind == "O":
            return _object_array(raw, shape, "F" if fortran else "C")
        if dtype.kind not in "biufSU":
            raise ValueError(f"an array of {dtype}, which is neither number nor text")
        wanted = math.prod(shape) * dtype.itemsize
        if not isinstance(raw, bytes) or len(raw) != wanted:
            raise ValueError(f"{len(raw)} bytes for an array of {wanted}")
        if dtype.itemsize == 0 and math.prod(shape):  # 10**12 empty texts would need no bytes
            raise ValueError("text of no length")
        self._spend(wanted)
        if dtype.kind == "U":
            _check_text(numpy.frombuffer(raw, numpy.dtype("u4").newbyteorder(dtype.byteorder)))
        array = numpy.ndarray(shape, dtype, raw, order="F" if fortran else "C")
        return array.astype(dtype.newbyteorder("="), copy=False)

    def _spend(self, cost: int) -> None:
        self.budget -= cost
        if self.budget < 0:
            raise ValueError("more data than a file of this size can hold")

    def _shape(self, shape: Any) -> tuple[int, ...]:
        # No side can be longer than the file: each cell and each gene has its name in there.
        shape = tuple(operator.index(side) for side in self.data(shape))
        if any(not 0 <= side <= self.size for side in shape):
            raise ValueError("a shape too large for the size of the file")
        return shape

    def _build(self, call: Call) -> Any:
        if call.role in SPARSE:
            return self._sparse(call)
        if call.role == "array":  # what _reconstruct would make is always replaced by this state
            _, shape, dtype, fortran, raw = call.state
            return self.array(self.data(raw), self.data(dtype), shape, fortran)
        if call.role == "buffer":
            raw, dtype, shape, order = call.args
            return self.array(self.data(raw), self.data(dtype), shape, order == "F")
        if call.role == "scalar":
            dtype, raw = call.args
            return self.array(self.data(raw), self.data(dtype), (), False)[()]
        if call.role == "dtype":
            return _dtype(call.args[0], call.state)
        if call.role == "bytes" and not call.args:
            return b""
        if call.role == "encode" and call.args[1] in ("latin1", "latin-1"):
            self._spend(len(call.args[0]))
            return call.args[0].encode("latin-1")
        raise ValueError("a call that makes no data")

    def _sparse(self, call: Call) -> Any:
        layout, kind = call.role.split("_")
        parts = self.data(call.state)
        shape = self._shape(parts["_shape"])
        if len(shape) != 2:
            raise ValueError("a sparse matrix that does not have two dimensions")
        if layout == "dok":
            parts["pairs"] = self.data(call.args[2])
        for array in parts.values():
            self._spend(getattr(array, "nbytes", 0))  # the copy below
        if layout in ("csr", "csc", "bsr"):
            return _compressed(call.role, parts, shape)
        data, row, col = _coordinates(layout, parts)
        self._spend(data.nbytes)
        check_indices(row, shape[0], len(_numbers(data, 1)))
        check_indices(col, shape[1], len(data))
        return SPARSE[f"coo_{kind}"]((data, (row, col)), shape=shape, copy=True)


def _dtype(spec: str, state: tuple | None) -> numpy.dtype:
    if not _DTYPE.fullmatch(spec):
        raise ValueError("a dtype that is neither number nor text")
    if state is None:
        return numpy.dtype(spec)
    _, byteorder, base, names, fields, *_ = state
    if not (base is names is fields is None):
        raise ValueError("a dtype with fields")
    return numpy.dtype(spec).newbyteorder(byteorder)


def _object_array(values: list, shape: tuple[int, ...], order: str) -> Any:
    if type(values) is not list or len(values) != math.prod(shape):
        raise ValueError("an array of objects whose shape and content disagree")
    if shape == ():
        return values[0]
    if not all(isinstance(value, _PLAIN) for value in values):
        raise ValueError("an array of objects that are neither text nor numbers")
    return numpy.fromiter(values, object, len(values)).reshape(shape, order=order)


def _check_text(codes: numpy.ndarray) -> None:
    if len(codes) and (codes.max() > 0x10FFFF or ((codes >= 0xD800) & (codes < 0xE000)).any()):
        raise ValueError("text with impossible characters")


def _numbers(data: Any, ndim: int) -> numpy.ndarray:
    # scipy.sparse has no half precision
    if data.ndim != ndim or data.dtype.kind not in "biuf" or data.dtype == numpy.float16:
        raise ValueError("values of a sparse matrix that are not numbers")
    return data


def _compressed(name: str, parts: dict, shape: tuple[int, int]) -> Any:
    """Rebuild a csr, csc or bsr matrix from arrays that are checked here."""
    bsr = name.startswith("bsr")
    data = _numbers(parts["data"], 3 if bsr else 1)
    indices, indptr = parts["indices"], parts["indptr"]
    n_major, n_minor = reversed(shape) if name.startswith("csc") else shape
    if bsr:
        block_rows, block_cols = data.shape[1:]
        if shape[0] % block_rows or shape[1] % block_cols:
            raise ValueError("a bsr matrix whose blocks do not fill it")
        n_major, n_minor = n_major // block_rows, n_minor // block_cols
    check_indices(indices, n_minor, len(data))
    check_indptr(indptr, n_major, len(data))
    matrix = SPARSE[name]((data, indices, indptr), shape=shape, copy=True)
    matrix.check_format(full_check=True)
    return matrix


def _coordinates(layout: str, parts: dict) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Give the values, rows and columns of a coo, dia, lil or dok matrix."""
    if layout == "coo":
        row, col = parts["coords"] if "coords" in parts else (parts["row"], parts["col"])
        return parts["data"], row, col
    if layout == "dia":  # data[k, j] stands in column j, offsets[k] to the right of the diagonal
        data = _numbers(parts["data"], 2)
        col, offset = numpy.broadcast_arrays(range(data.shape[1]), parts["offsets"][:, None])
        row = col - offset
        inside = (row >= 0) & (row < parts["_shape"][0]) & (col < parts["_shape"][1])
        return data[inside], row[inside], col[inside]
    if layout == "lil":
        row = numpy.repeat(range(len(parts["rows"])), [len(cols) for cols in parts["rows"]])
        col, values = chain.from_iterable(parts["rows"]), chain.from_iterable(parts["data"])
    else:
        row, col = (numpy.fromiter((k[axis] for k in parts["pairs"]), "i8") for axis in (0, 1))
        values = parts["pairs"].values()
    data = numpy.fromiter(values, _numbers(numpy.empty(0, parts["dtype"]), 1).dtype)
    return data, row, numpy.fromiter(col, "i8")
