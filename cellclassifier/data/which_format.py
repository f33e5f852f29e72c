"""Which format a path is of: by the end of its name, or by what is in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cellclassifier.data.formats.mtx import BARCODES, GENES, matrices_in, prefix_of
from cellclassifier.data.text_files import GZIP
from cellclassifier.errors import InputError

ZARR, MTX, SAMPLES = ".zarr", ".mtx", "samples"
ZARR_FILES = (".zgroup", "zarr.json")
# Where Cell Ranger puts the cells of a sample; what is unfiltered beside them is not meant.
CELL_RANGER = ("filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix")
CELL_RANGER += tuple(f"outs/{place}" for place in CELL_RANGER)


def suffix_of(path: Path, known: Iterable[str]) -> str | None:
    """The longest of the known ends that a file's name has, whatever the case of letters."""
    name = path.name.lower()
    return max((end for end in known if name.endswith(end)), key=len, default=None)


def format_of(path: Path, known: Iterable[str]) -> str | None:
    """The format of a file or folder, one of ``known`` or ``SAMPLES``; None for none of them."""
    if not path.is_dir():
        return suffix_of(path, known)
    if _is_zarr(path):
        return ZARR
    if len(matrices_in(path)) == 1:
        return MTX
    return SAMPLES if samples_in(path, known) else None


def stem_of(path: Path, known: Iterable[str]) -> str:
    """A file's name without the end that says its format; of a matrix file, what is before it."""
    end = suffix_of(path, known)
    if end is None or (path.is_dir() and end != ZARR):
        return path.name
    if end.startswith(MTX):
        return prefix_of(path).rstrip("_.-") or path.resolve().parent.name
    return path.name[: -len(end)]


def in_cell_ranger(path: Path) -> Path:
    """The filtered cells of a folder that Cell Ranger wrote, else the path itself."""
    return next((path / place for place in CELL_RANGER if (path / place).exists()), path)


def samples_in(folder: Path, known: Iterable[str]) -> dict[str, Path]:
    """The samples of a folder, by their names in order.

    Each is a file of a known format, or a folder that is of one or holds exactly one such thing.
    """
    samples: dict[str, Path] = {}
    for child in sorted(folder.iterdir()):
        found = None if child.name.startswith(".") else _sample(child, known)
        if found is not None:
            name = stem_of(child, known)
            samples[child.name if name in samples else name] = found
    return samples


def _sample(child: Path, known: Iterable[str]) -> Path | None:
    child = in_cell_ranger(child)
    if _is_cells(child, known):
        return child
    children = sorted(child.iterdir()) if child.is_dir() else []
    inside = [path for path in children if _is_cells(path, known)]
    if len(inside) > 1:
        listed = ", ".join(path.name for path in inside[:3])
        raise InputError(
            f"{child} holds {len(inside)} files of cells ({listed}, ...): expected one in the "
            "folder of each sample"
        )
    return inside[0] if inside else None


def _is_cells(path: Path, known: Iterable[str]) -> bool:
    """Whether this alone is cells of some format: no folder of samples, no table of a matrix's."""
    if path.is_dir():
        return _is_zarr(path) or len(matrices_in(path)) == 1
    is_table = path.name.removesuffix(GZIP).endswith((*GENES, *BARCODES))
    return path.is_file() and not is_table and suffix_of(path, known) is not None


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ZARR_FILES)
