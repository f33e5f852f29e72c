"""Reading zarr folders of strangers: nothing outside the folder, nothing larger than it, no code.

The same functions as ``h5_access`` has for HDF5.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from zarr.storage import LocalStore

from cellclassifier.data.h5_access import FEW_CHUNKS, MOST_COMPRESSION, SMALL, as_sentence
from cellclassifier.data.stored_rows import native
from cellclassifier.data.texts import decoded
from cellclassifier.data.zarr_chunks import CODECS, TEXT, Chunk, check_chunk, pieces_of
from cellclassifier.errors import InputError

METADATA = (".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json")


@contextmanager
def opened(path: Path) -> Iterator[zarr.Group]:
    """The open folder; whatever zarr, numcodecs and anndata raise of a damaged one is one sentence.

    Raises InputError where anything in the folder is neither a folder nor a file: a link, a pipe.
    """
    with as_sentence(f"{path} cannot be read as .zarr"):
        _refuse_odd_entries(path, path)
        store = _CheckedStore(path, read_only=True)
        yield zarr.open_group(store, mode="r", use_consolidated=False)


def _refuse_odd_entries(folder: Path, path: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _refuse_odd_entries(Path(entry.path), path)
            elif not entry.is_file(follow_symlinks=False):
                inside = Path(entry.path).relative_to(path)
                raise InputError(
                    f"{path}: {str(inside)!r} is a link to elsewhere, or no file: read the folder "
                    "and write it anew with anndata"
                )
            elif entry.name in METADATA[:3] and entry.stat().st_size > SMALL:
                raise InputError(f"{path}: {entry.name} is larger than any description of an array")


class _CheckedStore(LocalStore):
    """A folder whose chunks are unpacked only if they are as large as their array says."""

    def __init__(self, root: Path, *, read_only: bool = True):
        super().__init__(root, read_only=read_only)
        self.chunks: dict[str, Chunk] = {}

    async def get(self, key, prototype=None, byte_range=None):
        """What lies under a key, as ``LocalStore`` gives it."""
        found = await super().get(key, prototype, byte_range)
        chunk = None
        if found is not None and key.rpartition("/")[2] not in METADATA:
            parents = (key[:i] for i, sign in enumerate(key) if sign == "/")
            chunk = next((self.chunks[name] for name in parents if name in self.chunks), None)
            if chunk is None:
                raise ValueError(f"{key!r} is a part of no array that was checked")
            for piece in pieces_of(found.to_bytes(), byte_range, chunk):
                check_chunk(piece, chunk)
        return found


def member(group: zarr.Group, name: str):
    """What a group holds under a name; an array only if it is of numbers or texts.

    Raises ValueError where there is nothing, and for arrays that need unknown codecs: some of them
    run programs.
    """
    found = group.get(name) if isinstance(group, zarr.Group) and name else None
    if found is None:
        raise ValueError(f"it has no {name!r}")
    if isinstance(found, zarr.Array):
        _check_codecs(found)
    return found


def _check_codecs(array: zarr.Array) -> None:
    names = _codecs(array)
    unknown = [name for name in names if name not in CODECS]
    is_text = TEXT in names
    if unknown or array.dtype.kind not in ("OT" if is_text else "biufUS"):
        raise ValueError(f"{array.path!r} holds {array.dtype}, packed as {', '.join(names)}")


def _codecs(array: zarr.Array) -> list[str]:
    """Names of an array's codecs, in either version of the format."""
    content = array.metadata.to_dict()
    if array.metadata.zarr_format == 2:
        stored = [*(content["filters"] or ()), content["compressor"]]
        stored = [codec for codec in stored if codec]
        return [getattr(codec, "codec_id", None) or codec["id"] for codec in stored]
    return [codec["name"] for codec in _inside_shards(content["codecs"])]


def _inside_shards(codecs: list[dict]) -> list[dict]:
    """The codecs of the pieces, where several of them are in one file."""
    if len(codecs) != 1 or codecs[0]["name"] != "sharding_indexed":
        return codecs
    shards = codecs[0]["configuration"]
    if shards["index_location"] != "end":
        raise ValueError("its shards do not end with their index, as those of anndata do")
    return [*shards["codecs"]]


def filled(group: zarr.Group, name: str) -> zarr.Array:
    """The array under a name, having checked that the folder can hold what it claims."""
    array = member(group, name)
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{name!r} is no array")
    store = array.store
    folder = Path(store.root) / array.path
    held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    itemsize = 8 if array.dtype.kind in "OT" else array.dtype.itemsize
    sizes = np.array([array.shape, array.chunks, array.shards or array.chunks], dtype=float)
    claimed = itemsize * sizes.prod(axis=1).max()
    n_chunks = np.prod(np.ceil(sizes.max(axis=0) / np.maximum(array.chunks, 1)))
    if claimed > SMALL + MOST_COMPRESSION * held or n_chunks > FEW_CHUNKS + held:
        raise InputError(
            f"{store.root}: {array.path!r} claims {claimed / 2**30:,.1f} GiB in {n_chunks:,.0f} "
            f"pieces, of which the folder holds {held:,} bytes: it is damaged or was never filled"
        )
    n_values = math.prod(array.chunks)
    per_shard = math.prod(array.shards) // max(1, n_values) if array.shards else 0
    store.chunks[array.path] = Chunk(_codecs(array), n_values, array.dtype, per_shard)
    return array


def attribute(stored: zarr.Group | zarr.Array, name: str, default=None):
    """An attribute; ``default``, unless that is None, where there is none."""
    if name not in stored.attrs and default is None:
        raise ValueError(f"{stored.path!r} has no {name!r}")
    return stored.attrs.get(name, default)


def array_of(stored: zarr.Array) -> np.ndarray:
    """All of an array of one dimension: numbers in this machine's byte order, or texts (object)."""
    if not isinstance(stored, zarr.Array) or len(stored.shape) != 1:
        raise ValueError(f"{stored.path!r} is no list of values")
    return plain(stored[:], f"{stored.store.root}: {stored.path!r}")


def plain(values: np.ndarray, where: str) -> np.ndarray:
    """Numbers in this machine's byte order, texts as objects."""
    if values.dtype.kind in "biuf":
        return native(values)
    return decoded(np.asarray(values).astype(object), where)
