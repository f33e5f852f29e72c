"""Annotation: seconds and memory at full size, per baseline, and on files beyond memory.

    python -m benchmarks.annotation
    python -m benchmarks.annotation --no-baselines --record    # the ready model alone; docs/records

The ready model names 65,943 cells that are drawn, with replacement, from the sorted ones: as many
as the full 68k file has, with the genes and counts of real cells. Models of baselines are those of
benchmarks.full_size, trained on the 65,943 simulated cells; the same file is annotated, in a
process of its own, start-up included. Then .h5ad files of up to 500,000 cells (the simulated ones,
repeated), stored by rows, are annotated in chunks: memory must not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
import tyro

from benchmarks.common import (
    OUTPUT,
    full_size_cells,
    print_table,
    run_measured,
    run_record,
    script,
    shared_data,
)
from benchmarks.leaving_out.cells import SORTED
from benchmarks.records import write_record
from cellclassifier.data.cell_source import CellSource
from cellclassifier.data.digests import sha256
from cellclassifier.data.open import open_cells
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.output.files import atomic_path

CHUNK_VALUES = 2**18  # of an .h5ad: about what anndata's own files have
COMMAND = "python -m benchmarks.annotation"
FULL_SIZE, SEED = 65_943, 42  # cells of the 68k file; of the draw
READY = "ready model"
MODELS = OUTPUT / "full_size_all" / "models"


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    methods: tuple[str, ...] = METHODS
    """baselines to measure"""

    sizes: tuple[int, ...] = (100_000, 500_000)
    """cells of the large files"""

    large_method: str = "logistic_regression"
    """the baseline that annotates the large files"""

    baselines: bool = True
    """measure the baselines, and files beyond memory"""

    record: bool = False
    """also write docs/records/annotation_ready.json"""


def main(config: Config) -> None:
    """Print a table of the ready model, one per baseline, and one per size of file."""
    real = shared_data(SORTED)
    if real is not None:
        table = pd.DataFrame([ready_row(resampled(real))])
        print_table("annotation by the ready model: whole command", table)
        if config.record:
            data = {"cells": {"file": SORTED, "sha256": sha256(real)}}
            print(write_record("annotation_ready", COMMAND, table, [SEED], data))
    if config.baselines:
        _measure_baselines(config)


def _measure_baselines(config: Config) -> None:
    cells = full_size_cells()
    if not all((MODELS / method / "model.json").exists() for method in config.methods):
        run_measured(script("benchmarks.full_size"))
    rows = [measure(method, cells) for method in config.methods]
    print_table("annotation speed: whole command per baseline", pd.DataFrame(rows))
    rows = [measure(config.large_method, large_file(cells, size)) for size in config.sizes]
    print_table("annotation in chunks: whole command per size of file", pd.DataFrame(rows))


def ready_row(cells: Path) -> dict:
    """What the ready model needs for a file, and what kind of file that is."""
    row = measure(READY, cells)
    source = open_cells(cells)
    genes = source.whole().nnz / source.n_cells
    return {"n_genes": len(source.var), "genes_per_cell": round(genes)} | row


def resampled(cells: Path, n_cells: int = FULL_SIZE) -> Path:
    """A cells.npy of as many cells as the full file has, drawn from this one's, made once."""
    path = OUTPUT / f"resampled_{n_cells}.npy"
    if not path.exists():
        source = open_cells(cells)
        rows = np.random.default_rng(SEED).integers(0, source.n_cells, n_cells)
        content = {"UMI": sp.csc_matrix(source.counts()[rows])}
        content["gene_ids"] = source.var.index.to_numpy(str)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.save(file, content, allow_pickle=True)
    return path


def measure(method: str, cells: Path) -> dict:
    """Annotate a file with a saved model, or the ready one."""
    folder = OUTPUT / "annotation"
    model = [] if method == READY else ["--model", MODELS / method]
    options = [*model, "--cells", cells, "--output", folder]
    measured = run_measured(script("annotate.py", *options))
    record = run_record(folder, "annotate")
    (facts,) = record["files"].values()
    return {
        "method": method,
        "n_cells": facts["n_cells"],
        "file_gib": round(cells.stat().st_size / 2**30, 2),
        "seconds": round(measured.seconds, 1),
        "cpu_seconds": round(measured.cpu_seconds, 1),
        "peak_gib": record["peak_gib"],
        **{name: step["seconds"] for name, step in record["steps"].items()},
    }


def large_file(cells: Path, n_cells: int) -> Path:
    """An .h5ad of so many cells, stored by rows: those of a file again and again, made once."""
    path = OUTPUT / f"cells_{n_cells}.h5ad"
    if not path.exists():
        source = open_cells(cells)
        names = pd.DataFrame(index=[f"cell_{i}" for i in range(n_cells)])
        with atomic_path(path) as temporary:
            ad.AnnData(obs=names, var=source.var).write_h5ad(temporary)
            with h5py.File(temporary, "r+") as file:
                write_rows(file, source, n_cells)
    return path


def write_rows(file: h5py.File, source: CellSource, n_cells: int) -> None:
    """Write X of an .h5ad by rows: the source's cells again and again until there are enough."""
    group = file.create_group("X")
    shape = {"shape": (n_cells, len(source.var))}
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"} | shape)
    growing = {"shape": (0,), "maxshape": (None,), "chunks": (CHUNK_VALUES,)}
    values = group.create_dataset("data", dtype="float32", **growing)
    columns = group.create_dataset("indices", dtype="int32", **growing)
    bounds, n_values = [np.zeros(1, dtype=np.int64)], 0
    for rows in repeated(source, n_cells):
        stop = n_values + rows.nnz
        for dataset, content in ((values, rows.data), (columns, rows.indices)):
            dataset.resize((stop,))
            dataset[n_values:] = content
        bounds.append(n_values + rows.indptr[1:].astype(np.int64))
        n_values = stop
    group.create_dataset("indptr", data=np.concatenate(bounds))


def repeated(source: CellSource, n_cells: int) -> Iterator[sp.csr_matrix]:
    """Chunks of the source's cells, from the start again at its end, until there are enough."""
    missing = n_cells
    while missing:
        for rows in source.chunks(10_000):
            yield rows[:missing]
            missing -= min(missing, rows.shape[0])
            if not missing:
                break


if __name__ == "__main__":
    main(tyro.cli(Config))
