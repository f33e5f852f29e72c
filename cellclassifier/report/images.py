"""Figures as texts that a page holds whole: PNG of few colours, its title taken off."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from cellclassifier.output.figure_titles import FINDING, HEIGHT

N_COLORS = 128  # a figure has some ten, and their shades where edges are smooth
MOST_PIXELS = 60_000_000
WIDEST = 2000  # pixels


@dataclass(frozen=True)
class Image:
    """title: what stood above it, empty where nothing did; uri: "data:image/png;base64,..."."""

    title: str
    uri: str
    width: int
    height: int


def read_image(path: Path) -> Image | None:
    """A PNG without the title that its writer noted in it; None where it cannot be read."""
    from PIL import Image as Pillow
    from PIL.Image import open as open_image

    try:
        with open_image(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            title, n_rows = title_in(getattr(picture, "text", {}), picture.height)
            pixels = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None
    pixels = pixels.crop((0, n_rows, pixels.width, pixels.height))
    if pixels.width > WIDEST:
        size = (WIDEST, round(pixels.height * WIDEST / pixels.width))
        pixels = pixels.resize(size, Pillow.Resampling.LANCZOS)
    few = pixels.quantize(N_COLORS, method=Pillow.Quantize.FASTOCTREE, dither=Pillow.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    text = base64.b64encode(buffer.getvalue()).decode()
    return Image(title, f"data:image/png;base64,{text}", *pixels.size)


def title_in(texts: dict[str, str], height: int) -> tuple[str, int]:
    """The title in the texts of a PNG, and how many rows of pixels to cut off for it.

    height: of the picture; a title that would take half of it is left where it is.
    """
    title, told = str(texts.get(FINDING, "")).strip(), str(texts.get(HEIGHT, "0"))
    n_rows = int(told) if told.isdecimal() and len(told) < 6 else 0
    return title, n_rows if title and n_rows < height / 2 else 0
