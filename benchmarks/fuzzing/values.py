"""Odd values, in place of those of JSON documents, arrays and dictionaries; and plain bytes."""

from __future__ import annotations

import copy
import math
from random import Random

import numpy as np

HUGE = (2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**64, 10**12)
NUMBERS = (0, 1, -1, 2, 255, *HUGE, -(2**31), -(2**63), 0.5, 1e308, -1e-9)
TEXTS = ("", "x", "\0", "\ud800", "../x", "/etc/passwd", "T\r\nB", "$\\x$", "a" * 300, "é", "1")
OTHERS = (None, True, False, math.nan, math.inf, -math.inf, 10**400, [], {}, [[]], [None], {"": 0})
ODD = (*NUMBERS, *TEXTS, *OTHERS)
# Names that a document may give a class or module to be built of.
NAMES = (
    "os",
    "system",
    "posix",
    "builtins",
    "eval",
    "object",
    "numpy",
    "ndarray",
    "sklearn.tree._tree",
    "Tree",
    "sklearn.tree._classes",
    "DecisionTreeClassifier",
    "sklearn.pipeline",
    "Pipeline",
    "sklearn.preprocessing._function_transformer",
    "FunctionTransformer",
    "cellclassifier.models.baselines.boosting",
    "BoostedTrees",
)
DTYPES = ("i1", "u1", "i2", "i8", "u8", ">i4", "f2", "f4", "f8", ">f8", "c8", "S4", "U3", "?")


def damaged_bytes(rng: Random, content: bytes) -> bytes:
    """Some bytes flipped, overwritten, moved or cut; as often in the first 6,000 as anywhere."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        if not content:
            break
        at = rng.randrange(rng.choice([len(content), min(len(content), 6000)]))
        length = rng.choice([1, 2, 4, 8, rng.randrange(1, 64)])
        new = rng.choice(
            [b"\0" * length, b"\xff" * length, b"\x7f" * length, rng.randbytes(length)]
        )
        how = rng.randrange(8)
        if how < 3:
            content[at] ^= 1 << rng.randrange(8)
        elif how < 6:
            content[at : at + length] = new
        elif how == 6:
            content[at:at] = content[at : at + length] if rng.random() < 0.5 else new
        else:
            del content[at : at + length]
    return bytes(content[: rng.randrange(len(content))] if rng.random() < 0.05 else content)


def changed_json(rng: Random, document):
    """The document with one value, anywhere in it, removed, doubled or replaced."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return rng.choice(ODD)
    # One of ten documents' lists has a thousand values: keys are chosen as often as items.
    depth = rng.choice(sorted({len(path) for path in places}))
    *path, key = rng.choice([path for path in places if len(path) == depth])
    holder = document
    for step in path:
        holder = holder[step]
    how = rng.randrange(7)
    if how == 0:
        del holder[key]
    elif how == 1:
        holder[key] = _at(document, rng.choice(places))
    elif how == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = odd_like(rng, holder[key])
    return document


def odd_like(rng: Random, value):
    """Another value: often of the same kind, near it or far off."""
    how = rng.random()
    if how < 0.4 or isinstance(value, bool | None):
        return rng.choice(ODD)
    if isinstance(value, str):
        return rng.choice([*NAMES, *TEXTS, value + "x", value[:-1], value * 1000])
    if isinstance(value, int | float):
        return rng.choice([*NUMBERS, value + 1, value - 1, -value, str(value), [value]])
    if isinstance(value, list):
        return rng.choice([value[:-1], value * 2, value[::-1], [value], [], [*value, None]])
    if isinstance(value, dict):
        return rng.choice([{}, list(value), [value], {"": value}, _deep(rng)])
    return rng.choice(ODD)


def _deep(rng: Random) -> list:
    value: list = []
    for _ in range(rng.choice([50, 900, 5000])):
        value = [value]
    return value


def _places(document, path=()):
    items = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _at(document, path):
    for step in path:
        document = document[step]
    return copy.deepcopy(document)


def changed_array(rng: Random, array: np.ndarray) -> np.ndarray:
    """An array with a few other values, or of another type or shape."""
    array = np.array(array)
    how = rng.randrange(8)
    if how < 4:
        return _with_odd_values(rng, array)
    if how < 6 and not array.dtype.names:
        with np.errstate(all="ignore"):
            return array.astype(rng.choice(DTYPES))
    return _reshaped(rng, array)


def _with_odd_values(rng: Random, array: np.ndarray) -> np.ndarray:
    part = array[rng.choice(array.dtype.names)] if array.dtype.names else array
    if part.size == 0:
        return array
    for _ in range(rng.choice([1, 1, 3, part.size])):
        value = rng.choice([*NUMBERS, math.nan, math.inf, part.size, len(array) - 1])
        if part.dtype.kind in "OSU":
            value = rng.choice(ODD if part.dtype.kind == "O" else TEXTS[:3])
        try:
            with np.errstate(all="ignore"):
                part[np.unravel_index(rng.randrange(part.size), part.shape)] = value
        except (ValueError, OverflowError, TypeError):
            continue
    return array


def _reshaped(rng: Random, array: np.ndarray) -> np.ndarray:
    return rng.choice(
        [
            lambda x: x[:-1],
            lambda x: np.concatenate([x, x]),
            lambda x: x[None],
            lambda x: x[..., None],
            lambda x: x.ravel(),
            lambda x: x.T,
            lambda x: x[:0],
            lambda x: x.ravel()[0],
            lambda x: x[::-1],
            lambda x: np.roll(x, 1),
        ]
    )(array)
