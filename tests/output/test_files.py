"""Files and folders are whole or absent, the same bytes for the same content."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys

import pytest
from conftest import ROOT, files_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cellclassifier.output.files import (
    atomic_folder,
    atomic_path,
    file_name,
    publish,
    write_json,
    write_text,
)


def test_a_whole_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "new" / "table.csv"
    for content in ("old", "new"):
        with atomic_path(path) as temporary:
            assert temporary.parent == path.parent and temporary.suffix == ".csv"
            temporary.write_text(content)
        assert path.read_text() == content
    assert files_of(tmp_path) == {"new/table.csv"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o002], ids=oct)
def umask(request):
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def mode_of(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write_privately(path) -> None:
    """As safetensors does."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def test_the_umask_says_who_may_read(tmp_path, umask):
    """Whatever the writer thinks; also of files that stand for older ones, in folders, as links."""
    for _ in range(2):
        with atomic_path(tmp_path / "file") as temporary:
            write_privately(temporary)
        with atomic_folder(tmp_path / "folder") as temporary:
            write_privately(temporary / "private")
            (temporary / "inner").mkdir()
            (temporary / "inner/plain").touch()
        publish(tmp_path / "folder", tmp_path / "published/folder")
        publish(tmp_path / "file", tmp_path / "published/file")
    for path in (tmp_path, tmp_path / "published"):
        for name in ("file", "folder/private", "folder/inner/plain"):
            assert mode_of(path / name) == 0o666 & ~umask
        for name in ("folder", "folder/inner"):
            assert mode_of(path / name) == 0o777 & ~umask


def test_who_reads_the_old_file_keeps_reading_it(tmp_path):
    """The new file takes the old one's name in one step; the old one is never written into."""
    path = tmp_path / "table.csv"
    path.write_text("old")
    with path.open() as reader:
        with atomic_path(path) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old" and path.read_text() == "new"


def write_half(path, error):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")

    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old" and files_of(tmp_path) == {"table.csv"}


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    code = (
        "import os, sys; from cellclassifier.output.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n    path.write_text('half'); os._exit(9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, path], env=environment, timeout=60)
    assert done.returncode == 9 and path.read_text() == "old"


def test_write_json_keeps_the_old_file_when_the_content_is_none(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1, None]})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, None]}
    assert files_of(tmp_path) == {"a.json"}


SIGNS = "/_ .-%~aA0éÉ\n\t'\"$*|&;<>()\\\0"


@settings(deadline=None)
@given(st.lists(st.text() | st.text(SIGNS), min_size=2, max_size=5, unique=True))
def test_no_two_texts_share_a_file_name(texts):
    names = [file_name(text) for text in texts]
    assert len({name.casefold() for name in names}) == len(texts)  # also on macOS and Windows
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name) for name in names)
    assert all(len(f"{name}.parquet") <= 120 for name in names)


@pytest.mark.parametrize("text", ["A/B", "A B", "x" * 300, "", "\ud800"])
def test_what_stands_for_a_text_stands_for_no_other(text):
    """Not even for the text that looks like it."""
    name = file_name(text)
    assert name != text and file_name(name) != name


def test_the_digest_is_there_only_where_it_is_needed():
    assert file_name("gbdt-split42") == "gbdt-split42"
    assert file_name("CD4+/CD25 T Reg").startswith("CD4_CD25_T_Reg-")


@given(st.text("abBC", min_size=1), st.lists(st.booleans(), min_size=30, max_size=30))
def test_types_that_differ_in_case_alone_have_files_of_their_own(text, capital):
    other = "".join(c.upper() if up else c.lower() for c, up in zip(text, capital, strict=False))
    assume(other != text[: len(other)])
    assert file_name(other).casefold() != file_name(text[: len(other)]).casefold()


RESERVED = ["con", "NUL", "Aux.csv", "com1", "lpt9.tar.gz", "T.", "a..."]


@pytest.mark.parametrize("text", RESERVED)
def test_names_that_windows_keeps_for_itself(text):
    """Devices, with any ending, and names whose last dots it would cut off."""
    for name in (file_name(text), f"{file_name(text)}.png"):
        first = name.split(".")[0].lower()
        assert not re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", first)
        assert not name.endswith((".", " "))


def test_names_that_only_look_like_those_stay():
    for text in ("cone", "com", "nullish", "t.cell", "lpt10"):
        assert file_name(text) == text


def test_text_has_the_same_bytes_on_every_system(tmp_path):
    write_text(tmp_path / "a.txt", "é\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == "é\nb\n".encode()
