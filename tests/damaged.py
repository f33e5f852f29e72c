"""Files of cells with one thing wrong: small builders, each from a good file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

N_CELLS, N_GENES = 60, 40
COUNTS = np.random.default_rng(4).poisson(0.6, (N_CELLS, N_GENES)) + np.eye(N_CELLS, N_GENES, -20)
COUNTS[:, 0] += 1  # no empty cell
LABELS = np.array(["B", "NK", "T"] * 20)


def write_good(path: Path, make: Callable = sp.csr_matrix) -> Path:
    """A whole file with raw counts in X, of any layout, labels and a gene table."""
    obs = pd.DataFrame({"cell_type": pd.Categorical(LABELS)})
    var = pd.DataFrame({"gene_ids": [f"id{i}" for i in range(N_GENES)]})
    obs.index, var.index = [f"cell{i}" for i in range(N_CELLS)], [f"g{i}" for i in range(N_GENES)]
    ad.AnnData(make(COUNTS.astype(np.float32)), obs, var).write_h5ad(path)
    return path


def replaced(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[h5py.File], None]:
    """What replaces a dataset by what ``change`` makes of its values; attributes stay."""

    def damage(file: h5py.File) -> None:
        attributes, values = dict(file[name].attrs), change(file[name][()])
        del file[name]
        file[name] = values
        file[name].attrs.update(attributes)

    return damage


def at(place: int, value) -> Callable[[np.ndarray], np.ndarray]:
    """What sets one value of an array."""

    def change(values: np.ndarray) -> np.ndarray:
        values[place] = value
        return values

    return change


def claimed(
    name: str, shape: tuple[int, ...], dtype="f4", piece: int = 1000
) -> Callable[[h5py.File], None]:
    """What replaces a dataset by one that claims a size, in pieces, and holds nothing."""

    def damage(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        chunks = tuple(min(side, piece) for side in shape)
        file.create_dataset(name, shape, dtype, chunks=chunks)
        file[name].attrs.update(attributes)

    return damage


def virtual(file: h5py.File) -> None:
    """X/data is a view of the same values in another file."""
    path = f"{file.filename}.other"
    with h5py.File(path, "w") as other:
        other["data"] = file["X/data"][()]
    layout = h5py.VirtualLayout(file["X/data"].shape, "f4")
    layout[:] = h5py.VirtualSource(path, "data", file["X/data"].shape)
    del file["X/data"]
    file["X"].create_virtual_dataset("data", layout)


def external(file: h5py.File) -> None:
    """X/data is the bytes of another file."""
    values = file["X/data"][()]
    del file["X/data"]
    place = [(f"{file.filename}.bytes", 0, values.nbytes)]
    file["X"].create_dataset("data", values.shape, "f4", external=place)
    Path(f"{file.filename}.bytes").write_bytes(values.tobytes())


def linked(name: str, link) -> Callable[[h5py.File], None]:
    """What replaces a group or dataset by a link."""

    def damage(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = link

    return damage


def root_within_itself(name: str) -> Callable[[h5py.File], None]:
    """What makes a group of the file the file's own root."""

    def damage(file: h5py.File) -> None:
        del file[name]
        file[name] = file["/"]

    return damage


def labels(values: np.ndarray, **options) -> Callable[[h5py.File], None]:
    """What stores other labels, as they are."""

    def damage(file: h5py.File) -> None:
        del file["obs/cell_type"]
        file.create_dataset("obs/cell_type", data=values, **options)

    return damage


def labels_claimed(shape: tuple[int, ...]) -> Callable[[h5py.File], None]:
    """What replaces the labels by numbers that are claimed and not there."""

    def damage(file: h5py.File) -> None:
        del file["obs/cell_type"]
        file.create_dataset("obs/cell_type", shape, "i1", chunks=(10**6,))

    return damage


def ragged() -> Callable[[h5py.File], None]:
    """What stores a list of numbers as the label of each cell."""
    values = np.empty(N_CELLS, dtype=object)
    values[:] = [np.arange(i % 3) for i in range(N_CELLS)]
    return labels(values, dtype=h5py.vlen_dtype(np.int32))


def attribute(name: str, key: str, value) -> Callable[[h5py.File], None]:
    """What sets an attribute of a group or dataset."""
    return lambda file: file[name].attrs.__setitem__(key, value)


def up_and_down(indptr: np.ndarray) -> np.ndarray:
    """Bounds of rows that rise, fall back, and end as they should."""
    indptr[5] = indptr[-1]
    indptr[6:9] = 0
    return indptr


def list_as_attribute(name: str, key: str) -> Callable[[h5py.File], None]:
    """What makes an attribute a list of lists of bytes, whose reading crashes in HDF5 if bent."""

    def damage(file: h5py.File) -> None:
        values = np.empty(1, dtype=object)
        values[0] = np.frombuffer(b"cell_type", dtype="u1")
        del file[name].attrs[key]
        file[name].attrs.create(key, values, dtype=h5py.vlen_dtype(np.uint8))

    return damage


def layers_only(file: h5py.File) -> None:
    """No X, and a layer whose name is not UTF-8."""
    file.move("X", b"layers/a\xff")


def categories_apart(file: h5py.File) -> None:
    """What anndata 0.7 wrote: categories of obs stand in __categories, beside the codes."""
    obs = file["obs"]
    codes, categories = obs["cell_type/codes"][()], obs["cell_type/categories"][()]
    del obs["cell_type"]
    obs["cell_type"], obs["__categories/cell_type"] = codes, categories
    obs["cell_type"].attrs["categories"] = obs["__categories/cell_type"].ref
    obs.attrs["encoding-version"] = "0.1.0"
