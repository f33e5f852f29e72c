"""The same cells in every format: one writer each, as the formats' own tools write them."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp


def as_npy(cells: ad.AnnData, path: Path) -> Path:
    content = {
        "UMI": cells.X,
        "classes": cells.obs["cell_type"].to_numpy(str),
        "gene_ids": cells.var_names.to_numpy(str),
        "cell_names": cells.obs_names.to_numpy(str),
    }
    np.save(path / "cells.npy", content, allow_pickle=True)
    return path / "cells.npy"


def as_h5ad(cells: ad.AnnData, path: Path) -> Path:
    cells.write_h5ad(path / "cells.h5ad")
    return path / "cells.h5ad"


def as_zarr(
    cells: ad.AnnData, path: Path, version: int = 2, make: Callable = sp.csr_matrix
) -> Path:
    """Of either version; shards are left to those who ask for them."""
    cells = cells.copy()
    cells.X = make(cells.X)
    settings = ad.settings.override(zarr_write_format=version, auto_shard_zarr_v3=False)
    with settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the versions to come
        cells.write_zarr(path / "cells.zarr")
    return path / "cells.zarr"


def as_zarr_3(cells: ad.AnnData, path: Path) -> Path:
    return as_zarr(cells, path, 3)


def as_dense_zarr(cells: ad.AnnData, path: Path) -> Path:
    return as_zarr(cells, path, 3, lambda counts: counts.toarray())


def as_zarr_by_columns(cells: ad.AnnData, path: Path) -> Path:
    return as_zarr(cells, path, 2, sp.csc_matrix)


def as_10x_v3(cells: ad.AnnData, path: Path) -> Path:
    """https://www.10xgenomics.com/support/software/cell-ranger, HDF5 feature-barcode matrix."""
    with h5py.File(path / "cells.h5", "w") as file:
        group = _write_10x(file.create_group("matrix"), cells)
        features = group.create_group("features")
        names = cells.var_names.to_numpy("S")
        features["id"], features["name"] = names, np.char.add(b"symbol-", names)
        features["feature_type"] = np.full(cells.n_vars, b"Gene Expression")
        features["genome"] = np.full(cells.n_vars, b"GRCh38")
    return path / "cells.h5"


def as_10x_v2(cells: ad.AnnData, path: Path) -> Path:
    with h5py.File(path / "cells.h5", "w") as file:
        group = _write_10x(file.create_group("hg19"), cells)
        names = cells.var_names.to_numpy("S")
        group["genes"], group["gene_names"] = names, np.char.add(b"symbol-", names)
    return path / "cells.h5"


def _write_10x(group: h5py.Group, cells: ad.AnnData) -> h5py.Group:
    counts = sp.csc_matrix(cells.X.T)
    group["data"] = counts.data.astype(np.int32)
    group["indices"], group["indptr"] = counts.indices.astype("i8"), counts.indptr.astype("i8")
    group["shape"] = np.array(counts.shape, dtype=np.int32)
    group["barcodes"] = cells.obs_names.to_numpy("S")
    return group


def as_matrix_folder(
    cells: ad.AnnData,
    path: Path,
    genes: str = "features.tsv",
    packed: bool = True,
    prefix: str = "",
) -> Path:
    """matrix.mtx by scipy, and the two tables beside it."""
    folder = path / "matrix"
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.mmwrite(folder / "matrix.mtx", cells.X.T.astype(np.int64), symmetry="general")
    (folder / "barcodes.tsv").write_text("".join(f"{name}\n" for name in cells.obs_names))
    rows = [f"{name}\tsymbol-{name}" for name in cells.var_names]
    if genes == "features.tsv":
        rows = [f"{row}\tGene Expression" for row in rows]
    (folder / genes).write_text("".join(f"{row}\n" for row in rows))
    for name in ("matrix.mtx", "barcodes.tsv", genes):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        end = ".gz" if packed else ""
        content = gzip.compress(content) if packed else content
        (folder / f"{prefix}{name}{end}").write_bytes(content)
    return folder


def as_old_matrix_folder(cells: ad.AnnData, path: Path) -> Path:
    return as_matrix_folder(cells, path, "genes.tsv", packed=False)


def as_loom(cells: ad.AnnData, path: Path) -> Path:
    """http://linnarssonlab.org/loompy/format: genes x cells, in pieces of 64 x 64."""
    with h5py.File(path / "cells.loom", "w") as file:
        file["attrs/LOOM_SPEC_VERSION"] = "3.0.0"
        counts = cells.X.T.toarray().astype("f4")
        file.create_dataset("matrix", data=counts, chunks=(64, 64), maxshape=(None, None))
        file["row_attrs/Gene"] = cells.var_names.to_numpy(object)
        file["col_attrs/CellID"] = cells.obs_names.to_numpy(object)
        file["col_attrs/cell_type"] = cells.obs["cell_type"].to_numpy(object)
        for name in ("layers", "row_graphs", "col_graphs"):
            file.create_group(name)
    return path / "cells.loom"


def as_csv(cells: ad.AnnData, path: Path, name: str = "cells.csv", labels: bool = True) -> Path:
    table = cells.to_df().astype(int)
    if labels:
        table.insert(2, "cell_type", cells.obs["cell_type"].astype(str))
    table.to_csv(path / name, sep="\t" if ".tsv" in name else ",")
    return path / name


def as_tsv_gz(cells: ad.AnnData, path: Path) -> Path:
    return as_csv(cells, path, "cells.tsv.gz")


def as_bare_csv(cells: ad.AnnData, path: Path) -> Path:
    return as_csv(cells, path, labels=False)


def as_semicolons_of_r(cells: ad.AnnData, path: Path) -> Path:
    """R's write.table: names in quotes, and none above those of the cells."""
    frame = cells.to_df().astype(int)
    header = ";".join(f'"{name}"' for name in frame.columns)
    rows = [
        f'"{name}";' + ";".join(map(str, row))
        for name, row in zip(frame.index, frame.values, strict=True)
    ]
    (path / "cells.csv").write_text("\r\n".join([header, *rows]) + "\r\n")
    return path / "cells.csv"


WITH_LABELS = {
    "npy": as_npy,
    "h5ad": as_h5ad,
    "zarr 2": as_zarr,
    "zarr 3": as_zarr_3,
    "zarr dense": as_dense_zarr,
    "zarr by columns": as_zarr_by_columns,
    "loom": as_loom,
    "csv": as_csv,
    "tsv.gz": as_tsv_gz,
}
WITHOUT_LABELS = {
    "10x v3": as_10x_v3,
    "10x v2": as_10x_v2,
    "features": as_matrix_folder,
    "genes": as_old_matrix_folder,
    "bare csv": as_bare_csv,
    "csv of R": as_semicolons_of_r,
}
ALL = WITH_LABELS | WITHOUT_LABELS


def cells_of(counts: np.ndarray, labels) -> ad.AnnData:
    """Raw counts with names and labels."""
    obs = pd.DataFrame({"cell_type": pd.Categorical(labels)})
    obs.index = [f"AAACCTG{i}-1" for i in range(len(obs))]
    var = pd.DataFrame(index=[f"gene{i}" for i in range(counts.shape[1])])
    return ad.AnnData(sp.csr_matrix(counts.astype(np.float32)), obs, var)
