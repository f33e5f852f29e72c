"""Read cells.npy, .h5ad or the embedded sample into one validated AnnData of raw counts."""

from __future__ import annotations

import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from cellclassifier.data import gene_symbols as genes
from cellclassifier.data.digests import sha256
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.safe_pickle.load import load_npy
from cellclassifier.data.validate import (
    check_counts,
    check_groups,
    check_labels,
    check_names,
    drop_or_refuse_empty,
)
from cellclassifier.errors import InputError

DEFAULT_PATHS = (Path("cells.npy"), Path("data/cells.npy"))
SAMPLE_NAME = "embedded sample (scanpy pbmc68k_reduced)"
NPY_KEYS = ("UMI", "classes", "gene_ids")


def read_cells(options: CellsOptions, report=print) -> ad.AnnData:
    """Read, validate and name: AnnData of raw counts, cells x genes.

    ``X`` is CSR float32 without stored zeros, ``obs["cell_type"]`` categorical, ``var_names`` the
    gene ids of the file, ``var["gene_symbol"]`` their symbols where known, ``obs["group"]`` the
    groups where asked for; ``uns["source"]`` has the file's name, SHA-256 and shape.

    report: called with one line for whatever a person should know.
    Raises InputError, in one sentence, for anything that is not raw counts with labels.
    """
    counts, obs, var, path = read_unchecked(options, report)
    cells = _validated(counts, obs, var)
    cells.var["gene_symbol"] = genes.symbols_of(cells.var_names.to_numpy(str), report=report)
    cells.uns["source"] = {"file": path.name, "sha256": sha256(path), "shape": list(cells.shape)}
    kept = genes.are_genes(cells.var)
    if not kept.all():
        report(f"{(~kept).sum():,} columns are no genes (feature_types): left out.")
        cells = cells[:, kept].copy()
    if options.drop_unmapped_genes:
        cells = genes.drop_unmapped(cells)
    return drop_or_refuse_empty(cells, options.drop_empty_cells, report)


def read_unchecked(options: CellsOptions, report=print):
    """What the file holds, as it holds it: (counts, obs with "cell_type", var, path).

    For ``read_cells`` and for whoever wants to say what is wrong with a file; only a file that is
    missing, unreadable or no cells file raises InputError here.
    """
    path = find_cells(options.cells)
    if path is None:
        return *read_sample(report), sample_path()
    if path.suffix == ".h5ad":
        return *_read_h5ad(path, options), path
    if options.group_key:
        raise InputError(f"--group-key {options.group_key}: {path} has no obs columns; use .h5ad")
    return *_read_npy(path), path


def find_cells(given: Path | None) -> Path | None:
    """The file to read: the one given, which must exist, else a cells.npy at hand, else None."""
    if given is None:
        return next((path for path in DEFAULT_PATHS if path.exists()), None)
    given = Path(given)
    if not given.is_file():
        raise InputError(f"{given} does not exist or is no file: expected a .npy or .h5ad file")
    if given.suffix not in (".npy", ".h5ad"):
        raise InputError(f"{given} ends in {given.suffix!r}: expected a .npy or .h5ad file")
    return given


def sample_path() -> Path:
    """Where scanpy keeps the sample that it ships."""
    import scanpy

    return Path(scanpy.datasets.__file__).parent / "10x_pbmc68k_reduced.h5ad"


def _read_npy(path: Path):
    content = npy_content(path, NPY_KEYS)
    labels, gene_ids = (as_strings(path, key, content[key]) for key in ("classes", "gene_ids"))
    names = npy_cell_names(path, content, len(labels))
    if len(names) != len(labels):
        raise InputError(f"{path} has {len(names)} cell names for {len(labels)} labels")
    obs = pd.DataFrame({"cell_type": labels}, index=names)
    return content["UMI"], obs, pd.DataFrame(index=gene_ids)


def npy_content(path: Path, keys: tuple[str, ...]) -> dict:
    """The dict that a cells.npy holds; InputError unless it has all the keys."""
    content = load_npy(path)
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        found = (
            ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        )
        expected = f"{', '.join(keys[:-1])} and {keys[-1]}"
        raise InputError(
            f"{path} is not a cells file: expected a dict with {expected}, found "
            f"{found or 'an empty dict'}"
        )
    return content


def npy_cell_names(path: Path, content: dict, n_cells: int) -> np.ndarray:
    """A cells.npy's own names of its cells, however many; cell_0, cell_1, ... without them."""
    names = content.get("cell_names", content.get("barcodes"))
    if names is None:
        names = np.array([f"cell_{i}" for i in range(n_cells)], dtype=str)
    return as_strings(path, "cell_names", names)


def as_strings(path: Path, key: str, values) -> np.ndarray:
    """One text per entry, None where it is missing, (n,) object; InputError for anything else."""
    try:
        values = np.asarray(values)
    except ValueError:  # lists of unequal lengths
        values = np.asarray(values, dtype=object)
    is_flat = values.ndim == 1 and values.dtype.kind in "UOSiu"
    if not is_flat or not all(value is None or np.isscalar(value) for value in values):
        raise InputError(
            f"{path}: {key!r} is an array of shape {values.shape} and type {values.dtype}; "
            "expected one text per entry"
        )
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    missing = pd.isna(values)
    texts = values.astype(str).astype(object)
    texts[missing] = None
    return texts


def _read_h5ad(path: Path, options: CellsOptions):
    try:
        with h5py.File(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old format versions are read all the same
            obs = ad.io.read_elem(file["obs"])
            source, var = counts_of(file, options.layer, path)
            counts = ad.io.read_elem(source)
            var = ad.io.read_elem(var)
    except InputError:
        raise
    except Exception as error:  # h5py and anndata raise many kinds for a damaged file
        raise InputError(f"{path} cannot be read as .h5ad ({error}): is it complete?") from error
    labels = _obs_column(obs, options.label_key, "--label-key", path)
    columns = {"cell_type": labels}
    if options.group_key:
        columns["group"] = _obs_column(obs, options.group_key, "--group-key", path)
    return counts, pd.DataFrame(columns, index=obs.index), var


def counts_of(file: h5py.File, layer: str | None, path: Path):
    """The stored matrix and gene table that hold the raw counts."""
    layers = list(file.get("layers", ()))
    if layer is None and "X" in file:
        return file["X"], file["var"]
    if layer in layers:
        return file["layers"][layer], file["var"]
    if layer == "raw" and "raw" in file:
        return file["raw/X"], file["raw/var"]
    known = ", ".join(layers + ["raw"] * ("raw" in file)) or "no layers"
    wanted = "X" if layer is None else f"layer {layer!r}"
    raise InputError(f"{path} has no {wanted}: it has {known}; choose with --layer")


def _obs_column(obs: pd.DataFrame, key: str, option: str, path: Path) -> np.ndarray:
    if key not in obs:
        known = ", ".join(map(str, obs.columns)) or "none"
        raise InputError(f"{path} has no obs column {key!r}: it has {known}; choose with {option}")
    values = obs[key]
    return values.astype(str).astype(object).mask(values.isna(), None).to_numpy()


def read_sample(report=print):
    """Raw counts of ``scanpy.datasets.pbmc68k_reduced``, which keeps log-normalised values only.

    Returns (counts, obs with "cell_type", var), having reported that it is the sample that is read.
    expm1 of a cell's values is counts times a factor of the cell; the smallest value stands for
    one count, as every cell has a gene that was counted once.
    """
    import scanpy

    report(
        f"No cells.npy found: using the {SAMPLE_NAME}, 700 cells. "
        "For real data put cells.npy here or pass --cells FILE (.npy or .h5ad)."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the file's format
        sample = scanpy.datasets.pbmc68k_reduced()
    values = sample.raw.X.tocsr().astype(np.float64)
    np.expm1(values.data, out=values.data)
    one_count = np.minimum.reduceat(values.data, values.indptr[:-1])
    values.data = np.rint(values.data / np.repeat(one_count, np.diff(values.indptr)))
    obs = pd.DataFrame({"cell_type": sample.obs["bulk_labels"].astype(str)})
    return values, obs.set_axis(sample.obs_names), pd.DataFrame(index=sample.raw.var_names)


def _validated(counts, obs, var) -> ad.AnnData:
    counts = check_counts(counts, n_cells=len(obs), n_genes=len(var))
    check_names(obs.index, "cell name")
    check_names(var.index, "gene id")
    check_labels(obs)
    check_groups(obs)
    cells = ad.AnnData(counts, obs=obs, var=var)
    cells.obs["cell_type"] = pd.Categorical(cells.obs["cell_type"])
    return cells
