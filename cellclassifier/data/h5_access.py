"""Reading HDF5 files of strangers: nothing outside the file, nothing larger than it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from cellclassifier.data.stored_rows import native
from cellclassifier.data.texts import decoded, printable
from cellclassifier.errors import InputError

SMALL = 2**24  # bytes that any dataset may claim
MOST_COMPRESSION = 1100  # times: deflate reaches 1,032
FEW_CHUNKS = 10_000  # that may hold nothing: libhdf5 takes 4 KiB of memory for each that is read


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The open file; whatever h5py, anndata and scipy raise of a damaged one is one sentence."""
    with as_sentence(f"{path} cannot be read as {path.suffix}"), h5py.File(path) as file:
        yield file


@contextmanager
def as_sentence(what: str) -> Iterator[None]:
    """Say in one sentence what libraries raise, of many kinds, for a damaged file."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = printable(str(error))[:200]
        raise InputError(f"{what} ({reason}): is it complete?") from error


def member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """What a group of a file holds under a name, such as "X" or "raw/var".

    Raises InputError for what is linked from elsewhere, stored in another file, or a group within
    itself, and ValueError where there is nothing.
    """
    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) and part else None
        if link is None:
            raise ValueError(f"it has no {name!r}")
        if not isinstance(link, h5py.HardLink):
            raise _elsewhere(group, part, "is a link to elsewhere")
        found = group[part]
        if isinstance(found, h5py.Group) and found in (group, group.file["/"]):
            raise _elsewhere(group, part, "is a group within itself")
        if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
            raise _elsewhere(group, part, "is stored in another file")
        group = found
    return group


def filled(group: h5py.Group, name: str) -> h5py.Dataset:
    """The dataset under a name, having checked that the file can hold what it claims."""
    stored = member(group, name)
    if not isinstance(stored, h5py.Dataset):
        raise ValueError(f"{stored.name!r} is no dataset")
    check_size(stored)
    return stored


def _elsewhere(group: h5py.Group, part: str, what: str) -> InputError:
    place = f"{group.name.rstrip('/')}/{part}"
    return InputError(
        f"{group.file.filename}: {place!r} {what}: read the file and write it anew with anndata"
    )


def attribute(stored: h5py.Group | h5py.Dataset, name: str, default=None):
    """An attribute of texts or numbers; ``default``, unless that is None, where there is none.

    Raises ValueError for anything else: HDF5's own reading of other kinds can crash.
    """
    if name not in stored.attrs:
        if default is None:
            raise ValueError(f"{stored.name!r} has no {name!r}")
        return default
    kind = stored.attrs.get_id(name)
    is_text = h5py.check_string_dtype(kind.dtype) is not None
    if kind.shape is None or not (is_text or kind.dtype.kind in "biuf"):
        raise ValueError(f"{name!r} of {stored.name!r} is neither text nor number")
    if np.prod(kind.shape, dtype=float) * kind.dtype.itemsize > SMALL:
        raise ValueError(f"{name!r} of {stored.name!r} is too large")
    value = stored.attrs[name]
    for text in np.atleast_1d(value) if is_text else ():
        str(text).encode()  # h5py makes half characters of what is not UTF-8
    return value


def check_size(stored: h5py.Dataset) -> None:
    """Raise InputError where a dataset claims more than its bytes in the file can hold."""
    if stored.shape is None:
        raise ValueError(f"{stored.name!r} holds nothing")
    chunk = stored.chunks or stored.shape
    claimed = max(np.prod(stored.shape, dtype=float), np.prod(chunk, dtype=float))
    claimed *= stored.dtype.itemsize
    n_chunks = np.prod(np.ceil(np.divide(stored.shape, np.maximum(chunk, 1))))
    held = stored.id.get_storage_size()
    if claimed > SMALL + MOST_COMPRESSION * held or n_chunks > FEW_CHUNKS + held:
        raise InputError(
            f"{stored.file.filename}: {stored.name!r} claims {claimed / 2**30:,.1f} GiB in "
            f"{n_chunks:,.0f} pieces, of which the file holds {held:,} bytes: it is damaged or was "
            "never filled"
        )


def array_of(stored: h5py.Dataset, most: int | None = None) -> np.ndarray:
    """All of a dataset of one dimension: numbers in this machine's byte order, or texts (object).

    most: values that there may be, compared before any is read.
    Raises InputError for text that is not UTF-8 and for sizes that cannot be, ValueError for
    anything else than numbers and texts one after another.
    """
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 1:
        raise ValueError(f"{stored.name!r} is no list of values")
    if most is not None and stored.shape[0] > most:
        raise ValueError(f"{stored.name!r} has {stored.shape[0]:,} values for {most:,} rows")
    check_size(stored)
    if h5py.check_string_dtype(stored.dtype) is not None:
        return decoded(stored[()], f"{stored.file.filename}: {stored.name!r}")
    if stored.dtype.kind not in "biuf":
        raise ValueError(f"{stored.name!r} holds {stored.dtype}, neither numbers nor texts")
    return native(stored[()])
