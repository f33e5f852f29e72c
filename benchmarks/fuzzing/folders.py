"""Damage to a model's folder, which is then sealed again: digests are no signature."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.fuzzing.pickles import PAYLOADS
from benchmarks.fuzzing.values import changed_array, changed_json, damaged_bytes
from cellclassifier import model_folder

DESCRIPTION = model_folder.DESCRIPTION
TREES = ("left_children", "right_children", "parents", "split_indices", "split_conditions")
TREES += ("base_weights", "tree_info", "iteration_indptr", "split_type", "default_left")
BOMB_MIB = 2560


def damage_bytes(rng: Random, folder: Path) -> None:
    """Bytes of any file."""
    path = _any_file(rng, folder)
    path.write_bytes(damaged_bytes(rng, path.read_bytes()))
    seal(rng, folder)


def damage_description(rng: Random, folder: Path) -> None:
    """Fields of model.json, whose lists of genes are as likely as single numbers."""
    path = folder / DESCRIPTION
    content = json.loads(path.read_text())
    key = rng.choice(list(content))
    changed = changed_json(rng, {key: content.pop(key)})
    path.write_text(json.dumps(content | changed))
    seal(rng, folder)


def damage_parts(rng: Random, folder: Path) -> None:
    """Arrays, trees and fields of the other files."""
    names = [path for path in sorted(folder.iterdir()) if path.suffix in FORMATS]
    path = rng.choice([path for path in names if path.name != DESCRIPTION] or names)
    path.write_bytes(FORMATS[path.suffix](rng, path.read_bytes()))
    seal(rng, folder)


def damage_files(rng: Random, folder: Path) -> None:
    """Files that are missing, more than there were, or no files."""
    path = _any_file(rng, folder)
    seal(rng, folder)
    rng.choice([_no_file, _link, _pipe, _another, _index])(rng, path)


def seal(rng: Random, folder: Path) -> None:
    """Renew the digests, but for a case in twenty, and where there is no description."""
    if (folder / DESCRIPTION).exists() and rng.random() < 0.95:
        try:
            model_folder.seal(folder, json.loads((folder / DESCRIPTION).read_text()))
        except (ValueError, AttributeError, RecursionError):
            return


def _any_file(rng: Random, folder: Path) -> Path:
    return rng.choice(sorted(path for path in folder.iterdir() if path.is_file()))


def _no_file(rng: Random, path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    if rng.random() < 0.3:
        path.mkdir()
    elif rng.random() < 0.5:
        path.write_bytes(content[:0])


def _link(rng: Random, path: Path) -> None:
    path.unlink()
    path.symlink_to(
        rng.choice([path.name, "/dev/zero", "/dev/stdin", "/etc/passwd", "..", "/none"])
    )


def _pipe(rng: Random, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _another(rng: Random, path: Path) -> None:
    names = [
        "pytorch_model.bin",
        "model.pkl",
        "modeling.py",
        ".x",
        "profiles.npz",
        "a\nb",
        "é" * 99,
    ]
    new = path.parent / rng.choice(names)
    new.write_bytes(rng.choice([*PAYLOADS, b"", b"open('ran', 'w')"]))
    seal(rng, path.parent)


def _index(rng: Random, path: Path) -> None:
    """Weights that are listed in an index, in a file outside the folder."""
    weights, folder = path.parent / "model.safetensors", path.parent
    if not weights.exists():
        return _no_file(rng, path)
    names = [name for name in _header(weights.read_bytes())[0] if name != "__metadata__"]
    outside = rng.choice(["../outside.safetensors", "/dev/zero", "model-1.safetensors"])
    shutil.copy(weights, folder / "../outside.safetensors")
    weights.unlink()
    content = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, outside)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(content))
    seal(rng, folder)


def _json(rng: Random, content: bytes) -> bytes:
    return json.dumps(changed_json(rng, json.loads(content))).encode()


def _npy(rng: Random, content: bytes) -> bytes:
    """An array changed, its trees changed where it holds XGBoost's, or its header's claims."""
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    how, file = rng.random(), io.BytesIO()
    if how < 0.1:
        shape = rng.choice([(2**40,), (10**6, 10**6), (-1,), (), (2**63,)])
        descr = rng.choice([array.dtype.str, "|O", "<U1000000"])
        head = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, head)
        return file.getvalue() + rng.choice([array.tobytes(), *PAYLOADS])
    is_trees = array.dtype == np.uint8 and array[:2].tobytes() == b"{L"
    if is_trees and how < 0.9:
        array = np.frombuffer(_trees(rng, array.tobytes()), np.uint8)
    else:
        array = changed_array(rng, array)
    np.lib.format.write_array(file, array)
    return file.getvalue()


def _trees(rng: Random, content: bytes) -> bytes:
    """XGBoost's universal binary JSON with other numbers in its typed arrays or its texts."""
    for _ in range(rng.choice([1, 1, 3])):
        arrays = [m for name in TREES for m in re.finditer(name.encode() + rb"\[\$(.)#L", content)]
        texts = list(re.finditer(rb"L.{8}(num_\w+|size_\w+|base_score)SL.{7}(.)", content, re.S))
        if rng.random() < 0.6 and arrays:
            content = _typed(rng, content, rng.choice(arrays))
        elif texts:
            found = rng.choice(texts)
            end = found.end() + found[2][0]
            new = rng.choice([b"-1", b"0", b"1", b"4294967296", b"2147483647", b"x", b"", b"1e999"])
            length = len(new).to_bytes(1)
            content = content[: found.end() - 1] + length + new + content[end:]
    return content


def _typed(rng: Random, content: bytes, found: re.Match) -> bytes:
    sizes = {b"l": 4, b"d": 4, b"L": 8, b"D": 8}
    step = sizes.get(found[1], 1)
    (n,) = struct.unpack_from(">q", content, found.end())
    new = rng.choice([0, 1, -1, 2**31 - 1, -(2**31), n, n - 1, rng.randrange(256)])
    at = found.end() + 8 + step * rng.randrange(max(n, 1))
    if rng.random() < 0.1:
        at, step, new = found.end(), 8, rng.choice([n - 1, n + 1, 2**31, -1, 2**62])
    value = (new % 2 ** (8 * step)).to_bytes(step)
    return content[:at] + value + content[at + step :]


def _zip(rng: Random, content: bytes) -> bytes:
    """An archive with a member changed, missing, doubled, renamed, or far larger than it looks."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    suffix = rng.choice(sorted({Path(name).suffix for name, _ in members}))
    at = rng.choice([i for i, (name, _) in enumerate(members) if Path(name).suffix == suffix])
    name, member = members[at]
    how, bomb = rng.random(), None
    if how < 0.8:
        members[at] = name, FORMATS.get(suffix, damaged_bytes)(rng, member)
    elif how < 0.85:
        del members[at]
    elif how < 0.9:
        members.append((name, rng.choice(members)[1]))
    elif how < 0.97:
        members[at] = rng.choice(["../x.npy", "/x", "", "schema.json", f"{name}x"]), member
    else:
        bomb = members.pop(at)
    return _zipped(members, bomb)


def _zipped(members: list[tuple[str, bytes]], bomb: tuple[str, bytes] | None) -> bytes:
    """An archive; its bomb is a member followed by zeros that are no part of it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, member in members:
            archive.writestr(name, member)
        if bomb:
            packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
            packed = packer.compress(bomb[1]) + packer.flush(zlib.Z_FULL_FLUSH) + _packed_zeros()
            archive.writestr(bomb[0], packed, zipfile.ZIP_STORED)
            # The directory at the end says otherwise (its checksum is only compared at the end).
            info = archive.getinfo(bomb[0])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = len(bomb[1]) + BOMB_MIB * 2**20
    return file.getvalue()


@cache
def _packed_zeros() -> bytes:
    """``BOMB_MIB`` of zeros, compressed: the same piece over and over, and an end."""
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    piece = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * BOMB_MIB + packer.flush()


def _header(content: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _tensors(rng: Random, content: bytes) -> bytes:
    """Weights whose header says otherwise, or that are no numbers."""
    header, data = _header(content)
    if rng.random() < 0.2:
        values = np.frombuffer(data, "<f4").copy()
        values[rng.randrange(len(values)) :] = rng.choice([np.nan, np.inf, 1e38, -0.0])
        data = values.tobytes()
    else:
        header = changed_json(rng, header)
    head = json.dumps(header).encode()
    length = rng.choice([len(head)] * 20 + [2**63, 2**40, 0])
    return struct.pack("<Q", length) + head + data


FORMATS = {
    ".json": _json,
    ".npy": _npy,
    ".npz": _zip,
    ".skops": _zip,
    ".safetensors": _tensors,
}
