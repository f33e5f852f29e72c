"""The title of a figure can be read from its PNG, and cut off without touching what is below."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from cellclassifier.output.figure_titles import in_a_line
from cellclassifier.output.files import write_figure
from cellclassifier.plots.style import title_above
from cellclassifier.report.images import read_image

EDGE = 4  # rows of pixels that the frame of the square takes


def drawn(path, title: str) -> np.ndarray:
    """A black square below a title, as the pixels of its PNG."""
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.set_facecolor("black")
    axes.set(xticks=[], yticks=[])
    write_figure(path, title_above(figure, title))
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


@pytest.mark.parametrize("title", ["One line", "A title\nof two lines", "Ж β \u05d0 <b>"])
def test_what_is_cut_off_is_the_title(tmp_path, title):
    pixels = drawn(tmp_path / "a.png", title)
    image = read_image(tmp_path / "a.png")
    assert image.title == " ".join(title.split())
    rows = np.flatnonzero((pixels < 40).mean(axis=1) > 0.5)  # of the square
    n_cut = len(pixels) - image.height
    ink = np.flatnonzero((pixels[: rows[0] - EDGE] < 128).any(axis=1))  # of the letters above it
    assert ink[-1] < n_cut <= rows[0]


def test_a_figure_without_a_title_is_left_whole(tmp_path):
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    write_figure(tmp_path / "a.png", figure)
    image = read_image(tmp_path / "a.png")
    assert image.title == ""
    with Image.open(tmp_path / "a.png") as picture:
        assert (image.width, image.height) == picture.size


def test_lines_are_joined():
    assert in_a_line("a\n(b)\n† c") == "a (b); † c"


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(20)])
def test_what_is_no_png_is_no_image(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    assert read_image(tmp_path / "a.png") is None
