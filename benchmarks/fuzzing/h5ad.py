"""Good .h5ad of several layouts, and damage to their structure."""

from __future__ import annotations

from pathlib import Path
from random import Random

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from benchmarks.fuzzing.values import HUGE, changed_array, damaged_bytes

LAYOUTS = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": np.asarray}
N_CELLS, N_GENES = 60, 40


def small_counts(n_cells: int = N_CELLS, n_genes: int = N_GENES) -> np.ndarray:
    """Raw counts without an empty cell, (n_cells, n_genes)."""
    counts = np.random.default_rng(4).poisson(0.6, (n_cells, n_genes))
    counts[:, 0] += 1
    return counts


def write_h5ad(folder: Path) -> None:
    """A file of every layout, one with layers, raw and columns of all kinds, and one of 2018."""
    for name, make in LAYOUTS.items():
        _cells(make).write_h5ad(folder / f"{name}.h5ad")
    rich = _cells(sp.csr_matrix)
    rich.layers["counts"], rich.raw = rich.X.copy(), rich
    rich.obs["number"] = pd.array([1, None] * (N_CELLS // 2), dtype="Int64")
    rich.obs["yes"] = pd.array([True, None] * (N_CELLS // 2), dtype="boolean")
    rich.obs["text"] = [f"donor {i % 4}" for i in range(N_CELLS)]
    rich.write_h5ad(folder / "rich.h5ad", compression="gzip")
    _write_old(folder / "old.h5ad")


def _cells(make) -> ad.AnnData:
    obs = pd.DataFrame({"cell_type": pd.Categorical(["B", "NK", "T"] * (N_CELLS // 3))})
    var = pd.DataFrame({"gene_ids": [f"id{i}" for i in range(N_GENES)]})
    obs.index = [f"cell{i}" for i in range(N_CELLS)]
    var.index = [f"g{i}" for i in range(N_GENES)]
    return ad.AnnData(make(small_counts().astype(np.float32)), obs, var)


def _write_old(path: Path) -> None:
    """As before anndata 0.7: obs and var are compound, the meaning of codes stands in uns."""
    counts = sp.csr_matrix(small_counts().astype(np.float32))
    obs = [(b"cell%d" % i, i % 3) for i in range(N_CELLS)]
    with h5py.File(path, "w") as file:
        for part in ("data", "indices", "indptr"):
            file[f"X/{part}"] = getattr(counts, part)
        file["X"].attrs.update({"h5sparse_format": "csr", "h5sparse_shape": counts.shape})
        file["obs"] = np.array(obs, [("index", "S8"), ("cell_type", "i1")])
        file["var"] = np.array([(b"g%d" % i,) for i in range(N_GENES)], [("index", "S8")])
        file["uns/cell_type_categories"] = np.array([b"B", b"NK", b"T"])


def damage_bytes(rng: Random, path: Path) -> None:
    """Bytes of the file."""
    path.write_bytes(damaged_bytes(rng, path.read_bytes()))


def damage_structure(rng: Random, path: Path) -> None:
    """Groups, datasets, attributes and links."""
    with h5py.File(path, "r+") as file:
        for _ in range(rng.choice([1, 1, 2])):
            names: list[str] = []
            file.visit(names.append)
            rng.choice(CHANGES)(rng, file, rng.choice(names))


def _removed(rng: Random, file: h5py.File, name: str) -> None:
    del file[name]


def _linked(rng: Random, file: h5py.File, name: str) -> None:
    names: list[str] = []
    file.visit(names.append)
    other = rng.choice(names)
    to_itself, elsewhere = h5py.SoftLink(f"/{name}"), h5py.ExternalLink("case.h5ad", other)
    there = [file["/"], file[other], file[name].parent]
    del file[name]
    file[name] = rng.choice([*there, to_itself, elsewhere, h5py.SoftLink(f"/{other}")])


def _odd_attribute(rng: Random, file: h5py.File, name: str) -> None:
    attributes = file[name].attrs
    key = rng.choice([*attributes, "categories", "encoding-type"])
    lists = np.empty(1, dtype=object)
    lists[0] = np.arange(3, dtype="u1")
    if rng.random() < 0.1:
        attributes.pop(key, None)
        attributes.create(key, lists, dtype=h5py.vlen_dtype(np.uint8))
        return
    attributes[key] = rng.choice([*ODD_ATTRIBUTES, [name, name], file[name].ref])


def _no_attribute(rng: Random, file: h5py.File, name: str) -> None:
    attributes = file[name].attrs
    for key in rng.sample(list(attributes), min(1, len(attributes))):
        del attributes[key]


def _values(rng: Random, file: h5py.File, name: str) -> None:
    """Other values, types and shapes."""
    name = _dataset(rng, file, name)
    values = file[name][()]
    if h5py.check_string_dtype(file[name].dtype):
        values = values.astype(rng.choice(["S8", object]))
    _replace(file, name, changed_array(rng, values))


def _claim(rng: Random, file: h5py.File, name: str) -> None:
    """A size that nothing fills."""
    name = _dataset(rng, file, name)
    old = file[name]
    shape = tuple(rng.choice([*HUGE[:3], 10**7, side, side]) for side in old.shape)
    chunks = tuple(min(side, rng.choice([1, 1000, 10**6])) for side in shape) or None
    dtype, attributes = old.dtype, dict(old.attrs)
    del file[name]
    file.create_dataset(name, shape, dtype, chunks=chunks).attrs.update(attributes)


def _other_kind(rng: Random, file: h5py.File, name: str) -> None:
    """Values that are nothing, compounds, references, lists of unequal length, or a group."""
    name = _dataset(rng, file, name)
    size = file[name].size or 1
    kinds = [
        h5py.Empty("f4"),
        np.zeros(size, [("index", "S4"), ("a", "f4", (2,))]),
        np.array([file["/"].ref] * size, dtype=h5py.ref_dtype),
        np.array([np.arange(i % 3) for i in range(size)] + [None], dtype=object)[:-1],
        np.zeros(size, h5py.enum_dtype({"a": 0, "b": 1}, "i1")),
        np.zeros(size, "V7"),
        np.zeros(size, "c8"),
    ]
    which = rng.randrange(len(kinds) + 1)
    attributes = dict(file[name].attrs)
    del file[name]
    if which == len(kinds):
        file.create_group(name)
    elif which == 3:
        file.create_dataset(name, data=kinds[3], dtype=h5py.vlen_dtype("i4"))
    else:
        file[name] = kinds[which]
    file[name].attrs.update(attributes)


def _elsewhere(rng: Random, file: h5py.File, name: str) -> None:
    """Values that are in another file, or in this one as a view of itself."""
    name = _dataset(rng, file, name)
    shape, dtype = file[name].shape, file[name].dtype
    source = rng.choice([".", "case.h5ad", "/etc/passwd", "/dev/zero"])
    del file[name]
    if rng.random() < 0.5:
        file.create_dataset(name, shape, dtype, external=[(source, 0, h5py.h5f.UNLIMITED)])
        return
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(source, name, shape)
    file.create_virtual_dataset(name, layout)


def _dataset(rng: Random, file: h5py.File, name: str) -> str:
    """The name, or where it is no dataset's, that of one."""
    names: list[str] = []
    file.visit(names.append)
    is_one = isinstance(file[name], h5py.Dataset)
    return name if is_one else rng.choice([n for n in names if isinstance(file[n], h5py.Dataset)])


def _replace(file: h5py.File, name: str, values) -> None:
    attributes = dict(file[name].attrs)
    del file[name]
    file[name] = values
    file[name].attrs.update(attributes)


CHANGES = (
    _removed,
    _linked,
    _odd_attribute,
    _odd_attribute,
    _no_attribute,
    _values,
    _values,
    _values,
    _values,
    _claim,
    _other_kind,
    _elsewhere,
)
ODD_ATTRIBUTES = (
    *(0, -1, 2**62, 1.5, "", "x", "array", "dataframe", "categorical", "csr_matrix", "csc_matrix"),
    *("_index", "cell_type", "nullable-integer", "nullable-boolean", "nullable-string-array"),
    *("string-array", "dict", "0.1.0", "0.2.0", b"\xff", np.bool_(True), h5py.Empty("f4")),
    *(np.array([1, 2, 3]), np.array([2**40, 2**40]), np.array([-60, 40]), np.zeros((2, 2))),
)
