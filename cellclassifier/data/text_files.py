"""Text files of strangers, gzipped or not: read line by line, and no line without end."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cellclassifier.data.h5_access import as_sentence
from cellclassifier.data.texts import decoded
from cellclassifier.errors import InputError

LONGEST_LINE = 2**24  # bytes: a table of 8 million genes has such lines
GZIP = ".gz"
SEPARATORS = (b"\t", b",", b";")


@contextmanager
def opened_text(path: Path) -> Iterator[BinaryIO]:
    """The open file's bytes, unpacked where its name ends in .gz.

    What gzip, pandas, numpy and scipy raise of a damaged one is one sentence.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file")
    open_bytes = gzip.open if path.suffix == GZIP else open
    with as_sentence(f"{path} cannot be read"), open_bytes(path, "rb") as file:
        yield file


def lines_of(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Lines without their ends, a mark of byte order or blank lines."""
    first = True
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InputError(
                f"{path} has a line of over {LONGEST_LINE // 2**20} MiB: it is no table of cells"
            )
        line = line.removeprefix(b"\xef\xbb\xbf") if first else line
        first = False
        line = line.rstrip(b"\r\n")
        if line:
            yield line


def separator_of(header: bytes) -> bytes:
    """The sign between the fields of a table: tab, comma or semicolon, whichever is most there."""
    return max(SEPARATORS, key=header.count)


def fields_of(line: bytes, separator: bytes, path: Path) -> list[str]:
    """Fields of a line as texts, without quotes; InputError where they are not UTF-8."""
    text = decoded(np.array([line], dtype=object), str(path))[0]
    return next(csv.reader([text], delimiter=separator.decode()))


def first_field(line: bytes, separator: bytes) -> bytes:
    """The first field of a line, without quotes, without looking at the others."""
    if line.startswith(b'"'):
        return line[1:].split(b'"' + separator, 1)[0].removesuffix(b'"').replace(b'""', b'"')
    return line.split(separator, 1)[0]


def column_of_text(path: Path, columns: int) -> list[list[str]]:
    """The first ``columns`` columns of a table without header, each of n_lines texts.

    A line with fewer fields has its last one again.
    """
    with opened_text(path) as file:
        rows = [fields_of(line, b"\t", path) for line in lines_of(file, path)]
    return [[row[min(i, len(row) - 1)] for row in rows] for i in range(columns)]
