"""Names and labels of any file as Python's own text."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from cellclassifier.errors import InputError, escaped

HALVES = re.compile("[\ud800-\udfff]")  # of a pair of surrogates, that alone are no text


def as_texts(values, where: str) -> np.ndarray:
    """One text per entry, None where it is missing, (n,) object.

    values: texts, bytes in UTF-8, or whole numbers, (n,).
    where: what the person knows them by, such as "cells.npy: 'classes'".
    Raises InputError for anything else, for the character NUL, which no table can hold, and for
    halves of characters (lone surrogates), which no file can.
    """
    values = _array(values)
    if values.shape == (0,):
        return values.astype(object)
    is_flat = values.ndim == 1 and values.dtype.kind in "UOSiub"
    if not is_flat or not all(value is None or np.isscalar(value) for value in values):
        raise InputError(
            f"{where} is an array of shape {values.shape} and type {values.dtype}; "
            "expected one text per entry"
        )
    missing = pd.isna(values)
    texts = decoded(values, where)
    if texts.dtype.kind == "O":  # one by one, since arrays of text cut a NUL at the end
        texts = np.array([str(text) for text in texts], dtype=object)
    texts = texts.astype(str if texts.dtype.kind in "iub" else object).astype(object)
    if any("\0" in text for text in texts):
        raise InputError(f"{where} holds a text with the character NUL: remove it")
    half = next((text for text in texts if HALVES.search(text)), None)
    if half is not None:
        raise InputError(
            f"{where} holds half a character ({half[:40]}), which no file can: write it anew"
        )
    texts[missing] = None
    return texts


def _array(values) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:  # lists of unequal lengths
        return np.asarray(values, dtype=object)


def printable(text: str) -> str:
    """One line that any output takes: what cannot be printed as escapes, line ends as blanks."""
    return escaped(" ".join(text.split()))


def decoded(values: np.ndarray, where: str) -> np.ndarray:
    """The same values with text in place of bytes; InputError where the bytes are no UTF-8."""
    if values.dtype.kind not in "SO":
        return values
    try:
        if values.dtype.kind == "S":
            return np.char.decode(values, "utf-8").astype(object)
        texts = [value.decode() if isinstance(value, bytes) else value for value in values.flat]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} holds text that is not UTF-8 ({ascii(error.object[:40])[1:]}): write the "
            "file anew with its text in UTF-8"
        ) from error
    result = np.empty(len(texts), dtype=object)
    result[:] = texts
    return result.reshape(values.shape)
