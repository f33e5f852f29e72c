"""Files written whole or not at all: CSV, JSON, text, parquet, figures, folders."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

OURS = "-cellclassifier-"  # in the names of temporary files and folders, and of nothing else
READ_AND_WRITE = 0o666  # of the permissions of a folder, those that a file in it has
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
ENDS_IN_DIGEST = re.compile(r"-[0-9a-f]{10}$")
DPI = 150  # of figures
LONGEST_NAME = 100  # characters of a text that are kept in a file's name


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, moved into place if the block ends well.

    Who may read the file is what the umask says, whatever its writer thinks of that.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path, path.stem, path.suffix)
    temporary.open("xb").close()
    mode = _mode(temporary)
    try:
        yield temporary
        _set_mode(temporary, mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder``, which it replaces whole if the block ends well.

    Who may read what is in it is what the umask says: safetensors writes files that are private.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(folder, folder.name)
    temporary.mkdir()
    mode = _mode(temporary)
    try:
        yield temporary
        for path in [temporary, *temporary.rglob("*")]:
            _set_mode(path, mode if path.is_dir() else mode & READ_AND_WRITE)
        _replace(folder, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path: Path, stem: str, suffix: str = "") -> Path:
    return path.with_name(f".{stem}{OURS}{secrets.token_hex(4)}{suffix}")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _set_mode(path: Path, mode: int) -> None:
    if _mode(path) != mode:
        path.chmod(mode)


def _replace(folder: Path, new: Path) -> None:
    """Move ``new`` to ``folder``; whatever stops this, one of the two is there in the end."""
    old = new.with_name(f"{new.name}-old")
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def publish(source: Path, target: Path) -> None:
    """Make a file or folder appear at ``target``, too, as links where the disk knows them.

    Files are only ever replaced, never changed, so that the two cannot change each other.
    """
    if source.is_dir():
        with atomic_folder(target) as temporary:
            shutil.copytree(source, temporary, copy_function=_link, dirs_exist_ok=True)
        return
    with atomic_path(target) as temporary:
        temporary.unlink()
        _link(source, temporary)


def _link(source, target) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def file_name(text: str) -> str:
    """A file name of any text, at most 112 bytes, that no other text has, in whatever case.

    Letters and digits of ASCII, ".", "_" and "-" stay; other signs become "_", and a digest of the
    text tells it from others. A text that looks as if it ended in a digest gets one, too. So does
    what Windows takes for a device ("con", "aux.csv"), or cuts off (a dot at the end), and a text
    with capitals: where "B" and "b" are one file, as on macOS and Windows, both types keep theirs.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:LONGEST_NAME].lstrip(".-")
    if DEVICE.fullmatch(plain):
        plain = f"_{plain}"
    if plain and plain == text.lower() and not ENDS_IN_DIGEST.search(text) and text[-1] != ".":
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{plain}-{digest[:10]}"


def write_figure(path: Path, figure: Figure) -> None:
    """Write a PNG atomically, its title also as a text in the file, and close the figure."""
    import matplotlib.pyplot as plt  # half a second that only those who draw should spend

    from cellclassifier.output.figure_titles import texts_of

    with atomic_path(path) as temporary:
        texts = texts_of(figure, DPI)
        figure.savefig(temporary, dpi=DPI, bbox_inches="tight", metadata=texts)
    plt.close(figure)


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index atomically."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_text(path: Path, content: str) -> None:
    """Write text atomically, the same bytes on every system."""
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON atomically."""
    write_text(path, json.dumps(content, indent=1) + "\n")
