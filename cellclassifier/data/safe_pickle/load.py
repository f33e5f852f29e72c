"""Restricted unpickling of .npy and .pkl files: data only, never code.

A pickle is a program that may call anything it can name. Here it is recorded, not run: `_Recorder`
notes what a file asks for and refuses every name outside `_ROLES`; `rebuild.Builder` then makes
fresh numpy arrays, scipy.sparse matrices and plain values from the record, checking all it uses,
so that neither a crafted nor a damaged file can mislead compiled code.
"""

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy

from cellclassifier.data.safe_pickle.build import SPARSE, Builder, Call, Name
from cellclassifier.errors import InputError

_ROLES = {
    ("numpy", "ndarray"): "class",
    ("numpy", "matrix"): "class",
    ("numpy.matrixlib.defmatrix", "matrix"): "class",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    # Protocols 0 to 2 also write Python 2's names of these modules.
    ("builtins", "bytes"): "bytes",
    ("__builtin__", "bytes"): "bytes",
    ("copyreg", "_reconstructor"): "new",
    ("copy_reg", "_reconstructor"): "new",
    ("builtins", "object"): "class",
    ("__builtin__", "object"): "class",
    ("builtins", "dict"): "class",
    ("__builtin__", "dict"): "class",
}
for _core in ("numpy.core", "numpy._core"):  # numpy 1 and numpy 2
    _ROLES[f"{_core}.multiarray", "_reconstruct"] = "array"
    _ROLES[f"{_core}.multiarray", "scalar"] = "scalar"
    _ROLES[f"{_core}.numeric", "_frombuffer"] = "buffer"
for _name in SPARSE:
    for _module in (_name[:3], "_" + _name[:3]):  # scipy before and since 1.8
        _ROLES[f"scipy.sparse.{_module}", _name] = _name


def load_npy(path: str | Path) -> Any:
    """Read a .npy file as plain data: what ``numpy.load(path, allow_pickle=True)`` would give.

    Returns an array, or the object itself where the file holds one object (shape ``()``), such as
    the dict of a cells.npy. Arrays share the bytes read from the file and are read-only; sparse
    matrices own theirs. dia, lil and dok matrices come back as coo.

    Raises
    ------
    InputError
        If the file is missing, cut short or damaged, or asks for anything but numpy arrays,
        scipy.sparse matrices and plain values; nothing it asks for is run.
    """
    with _opened(path) as (file, size):
        version = numpy.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = numpy.lib.format.read_array_header_1_0(file)
        else:  # raises on any other version than 2.0: 3.0 is only for names of structured fields
            shape, fortran, dtype = numpy.lib.format.read_array_header_2_0(file)
        builder = Builder(size)
        if dtype.kind == "O":
            return builder.data(_Recorder(file, path).load())
        array = builder.array(file.read(), dtype, shape, fortran)
        return array[()]


def load_pickle(path: str | Path) -> Any:
    """Read a pickle of plain data, such as Geneformer's dictionaries (str -> number or str).

    Raises InputError as `load_npy` does; nothing the file asks for is run.
    """
    with _opened(path) as (file, size):
        return Builder(size).data(_Recorder(file, path).load())


class _Within:
    """A file asked for no more bytes than it has: Python reserves as many as a pickle claims."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size = file, size
        self.readline = file.readline

    def read(self, n: int = -1) -> bytes:
        """As many bytes as there are, at most ``n``; without a number all of them."""
        return self._file.read(min(n, self._size))


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[_Within, int]]:
    """Open a file and give its size; whatever then fails is told as the file's fault."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise InputError(f"{path} is empty. Copy or download it again.")
            yield _Within(file, size), size
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except EOFError as error:
        raise InputError(f"{path} is cut short. Copy or download it again.") from error
    except Exception as error:  # damaged bytes can provoke nearly any exception
        detail = ascii(f"{type(error).__name__}: {error}")[1:-1].removesuffix(": ")[:200]
        raise InputError(
            f"{path} is damaged or cut short, or is not a file of numpy arrays and "
            f"scipy.sparse matrices ({detail})."
        ) from error


class _Recorder(pickle._Unpickler):
    """Turns a pickle into plain values, `Name` and `Call`, without calling anything.

    Python's own unpickler, not the faster one in C: that one reserves up to 34 GB for its memo when
    six bytes of a file (LONG_BINPUT with a large index) tell it to.
    """

    def __init__(self, file: _Within, path: str | Path):
        super().__init__(file)
        self.path = path

    def find_class(self, module: str, name: str) -> Name:
        role = _ROLES.get((module, name))
        if role is None:
            self._refuse(ascii(f"{module}.{name}")[:200])
        return Name(role)

    def get_extension(self, code: int) -> None:
        self._refuse(f"the object registered under extension code {code}")

    def persistent_load(self, pid: Any) -> None:
        self._refuse("an object outside the file (a persistent id)")

    def _refuse(self, what: str) -> None:
        raise InputError(
            f"{self.path} asks for {what}, which is neither a numpy array nor a scipy.sparse "
            "matrix. Nothing was run. If you trust its author, save it again with plain arrays, "
            "for instance numpy.asarray(classes)."
        )

    def _record_call(self) -> None:
        args = self.stack.pop()
        name = self.stack[-1]
        if not isinstance(name, Name) or type(args) is not tuple:
            raise pickle.UnpicklingError("a call of something that is not a name")
        if name.role == "new":  # copyreg._reconstructor(class, base, state of base)
            name = args[0]
        self.stack[-1] = Call(name.role, args)

    def _record_state(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Call):
            raise pickle.UnpicklingError("a state for something that has none")
        self.stack[-1].state = state

    def _set_items(self) -> None:
        items = self.pop_mark()
        self._fill(self.stack[-1], items)

    def _set_item(self) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self._fill(self.stack[-1], items)

    def _make_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._fill(self.stack[-1], items)

    def _fill(self, mapping: dict, items: list) -> None:
        if type(mapping) is not dict:
            raise pickle.UnpicklingError("items for something that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Tuples nested in tuples may take for ever to hash; only dok_matrix has pairs as keys.
            pair = key if type(key) is tuple and len(key) == 2 else (key,)
            if any(isinstance(part, tuple) for part in pair):
                raise pickle.UnpicklingError("a dictionary key that is neither text nor number")
            mapping[key] = value

    dispatch: ClassVar[dict] = {
        **pickle._Unpickler.dispatch,
        pickle.REDUCE[0]: _record_call,
        pickle.NEWOBJ[0]: _record_call,
        pickle.BUILD[0]: _record_state,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.DICT[0]: _make_dict,
        # A bytearray is filled with zeros as long as the file claims it to be; bytes only as read.
        pickle.BYTEARRAY8[0]: pickle._Unpickler.load_binbytes8,
    }
    for _opcode in (pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET, pickle.NEWOBJ_EX):
        del dispatch[_opcode[0]]
