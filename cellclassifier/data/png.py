"""Grey PNG files of strangers: how large one is, before it is decoded, and its pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from cellclassifier.errors import InputError

MOST_PIXELS = 2**26  # 8,192 x 8,192: the atlas's largest images have a fifth of it
HEADER = struct.Struct(">8sI4sIIBBBBB")  # https://www.w3.org/TR/png-3/#11IHDR
SIGNATURE, GREY = b"\x89PNG\r\n\x1a\n", 0
DEPTHS = (8, 16)  # bits per pixel


def size_of_png(path: Path) -> tuple[int, int]:
    """(height, width) from the first 29 bytes; nothing is decoded.

    Raises InputError where it is no grey PNG of 8 or 16 bit, and for more than ``MOST_PIXELS``.
    """
    if not path.is_file():
        raise InputError(f"{path} is no plain file: expected a grey PNG of 8 or 16 bit")
    with open(path, "rb") as file:
        start = file.read(HEADER.size)
    if len(start) < HEADER.size or not start.startswith(SIGNATURE):
        raise InputError(f"{path} is no PNG: expected a grey one of 8 or 16 bit per channel")
    _, _, kind, width, height, depth, color, *_ = HEADER.unpack(start)
    if kind != b"IHDR" or not width or not height:
        raise InputError(f"{path} is damaged (its PNG header): copy it again")
    if color != GREY or depth not in DEPTHS:
        raise InputError(
            f"{path} is of PNG colour type {color} with {depth} bit: expected one grey channel of "
            "8 or 16 bit in a file"
        )
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{path} says that it is {width:,} x {height:,} pixels: at most {MOST_PIXELS:,} are "
            "read; make it smaller"
        )
    return height, width


def read_png(path: Path) -> np.ndarray:
    """Pixels (height, width) float32, 0 to 1 of what 8 or 16 bit can hold.

    Raises InputError as ``size_of_png`` does, and where the pixels cannot be decoded.
    """
    from PIL.Image import open as opened  # what no other reader needs

    shape = size_of_png(path)
    try:
        with opened(path, formats=["PNG"]) as image:
            pixels = np.asarray(image)
    # What damaged files provoke in Pillow.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is damaged ({reason}): copy it again") from error
    if pixels.shape != shape:
        raise InputError(f"{path} is damaged (its header says {shape}): copy it again")
    largest = 255 if pixels.dtype == np.uint8 else 65535
    return pixels.astype(np.float32) / largest
