"""Stacks of PNG channels: what they hold is read, and every bad input is a sentence."""

from __future__ import annotations

import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cellclassifier.data.images import CHANNELS, ImageFolder
from cellclassifier.data.png import MOST_PIXELS, read_png, size_of_png
from cellclassifier.errors import InputError


def write_stack(folder, id_: str, shape=(20, 30), dtype=np.uint8, leave_out=(), seed=0):
    """Random channels; returns (4, height, width) as written."""
    top = np.iinfo(dtype).max
    stack = np.random.default_rng(seed).integers(0, top, (4, *shape), endpoint=True).astype(dtype)
    for name, channel in zip(CHANNELS, stack, strict=True):
        if name not in leave_out:
            Image.fromarray(channel).save(folder / f"{id_}_{name}.png")
    return stack


def header_only(path, width: int, height: int, depth=8, color=0) -> None:
    """A PNG whose header claims a size, and that holds next to nothing."""
    fields = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunk = struct.pack(">I", 13) + fields + struct.pack(">I", zlib.crc32(fields))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(20, 30), (1, 1), (513, 7)])
def test_channels_of_any_size_and_depth(tmp_path, dtype, shape):
    written = write_stack(tmp_path, "a_b", shape, dtype)
    images = ImageFolder.find(tmp_path)
    assert images.ids.tolist() == ["a_b"] and len(images) == 1
    stack = images.read(0)
    assert stack.dtype == np.float32 and stack.shape == (4, *shape)
    np.testing.assert_allclose(stack, written / np.iinfo(dtype).max, atol=1e-7)


def test_images_are_sorted_by_id_and_others_are_left_alone(tmp_path):
    for i, id_ in enumerate(("b", "a", "c")):
        write_stack(tmp_path, id_, seed=i)
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    images = ImageFolder.find(tmp_path)
    assert images.ids.tolist() == ["a", "b", "c"]
    some = images.take([2, 0])
    np.testing.assert_array_equal(some.read(0), images.read(2))
    assert some.digest(1) == images.digest(0) != images.digest(1)


def test_a_channel_that_is_missing_is_named_with_its_id(tmp_path):
    write_stack(tmp_path, "whole")
    write_stack(tmp_path, "half", leave_out=("red", "yellow"))
    with pytest.raises(InputError, match=r"lacks channels of 1 of 2 images: half \(red, yellow\)"):
        ImageFolder.find(tmp_path)
    for i in range(5):
        write_stack(tmp_path, f"more{i}", leave_out=("blue",))
    with pytest.raises(InputError, match=r"of 6 of 7 images: .* and 3 others"):
        ImageFolder.find(tmp_path)
    assert len(ImageFolder.find(tmp_path, ("green",))) == 7


def test_channels_of_different_sizes(tmp_path):
    write_stack(tmp_path, "x")
    Image.fromarray(np.zeros((20, 31), np.uint8)).save(tmp_path / "x_blue.png")
    with pytest.raises(InputError, match=r"channels of x are of different sizes .*blue 31 x 20"):
        ImageFolder.find(tmp_path)


def test_a_folder_without_images_and_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"holds no images: expected <Id>_red\.png"):
        ImageFolder.find(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        ImageFolder.find(tmp_path / "nowhere")


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path):
    write_stack(tmp_path, "x")
    header_only(tmp_path / "x_green.png", 2**16, 2**16)
    with pytest.raises(InputError, match=f"65,536 x 65,536 pixels: at most {MOST_PIXELS:,}"):
        ImageFolder.find(tmp_path)
    header_only(tmp_path / "x_green.png", 2**13, 2**13)
    assert size_of_png(tmp_path / "x_green.png") == (2**13, 2**13)  # the limit itself is read


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty", b"", "is no PNG"),
        ("jpeg", b"\xff\xd8\xff" + bytes(60), "is no PNG"),
        ("header", b"\x89PNG\r\n\x1a\n" + bytes(40), "is damaged"),
    ],
)
def test_what_is_no_png(tmp_path, name, content, message):
    write_stack(tmp_path, name)
    (tmp_path / f"{name}_red.png").write_bytes(content)
    with pytest.raises(InputError, match=message):
        ImageFolder.find(tmp_path)


@pytest.mark.parametrize(("depth", "color"), [(8, 2), (8, 3), (8, 6), (4, 0)])
def test_colour_and_other_depths_are_refused(tmp_path, depth, color):
    header_only(tmp_path / "x.png", 8, 8, depth, color)
    with pytest.raises(InputError, match="expected one grey channel of 8 or 16 bit"):
        size_of_png(tmp_path / "x.png")


def test_a_pipe_is_not_waited_for(tmp_path):
    write_stack(tmp_path, "x", leave_out=("red",))
    os.mkfifo(tmp_path / "x_red.png")
    with pytest.raises(InputError, match="is no plain file"):
        ImageFolder.find(tmp_path)


@pytest.fixture(scope="module")
def whole_png(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("png")
    write_stack(folder, "x")
    return (folder / "x_red.png").read_bytes()


@given(st.data())
def test_damaged_files_are_a_sentence_or_a_picture(tmp_path_factory, whole_png, data):
    """Cut anywhere, or with any byte changed: never another error than the one for people."""
    content = bytearray(whole_png)
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(content)
    try:
        pixels = read_png(path)
    except InputError:
        return
    assert pixels.shape == size_of_png(path) and np.isfinite(pixels).all()


def test_real_channels_are_read(shared, tmp_path):
    folder = shared / "data" / "hpa" / "train_sample"
    if not folder.is_dir():
        pytest.skip(f"real images are not at hand: {folder} is missing")
    with pytest.raises(InputError, match="lacks channels of 200 of 200 images"):
        ImageFolder.find(folder)
    paths = sorted(folder.glob("*_green.png"))
    for path in paths:
        shutil.copyfile(path, tmp_path / path.name)
    green = ImageFolder.find(tmp_path, ("green",))
    assert len(green) == len(paths) == 50
    for i in range(0, 50, 10):
        expected = np.asarray(Image.open(green.paths(i)[0])) / 255
        np.testing.assert_allclose(green.read(i)[0], expected, atol=1e-7)
