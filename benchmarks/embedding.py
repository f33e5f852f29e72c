"""Do cells of a type lie together whatever their batch? Embeddings of held-out cells, by scIB.

    python -m benchmarks.embedding                       # ifnb by condition, studies joined
    python -m benchmarks.embedding --methods PCA cellular --n-splits 1
    python -m benchmarks.embedding --record              # also docs/records and docs/images, where
                                                         # rows that were not measured stay

Every method learns from training cells (70 %) of all batches; test cells, which it has not seen,
are embedded and judged by scib-metrics (Luecken et al. 2022, doi 10.1038/s41592-021-01336-8;
requirements-bench.txt): types by ASW, NMI and ARI of k-means, batches by BRAS, iLISI and kBET, and
the overall score of its Benchmarker. Harmony sees the test cells, without labels; PCA and Harmony
see no label at all. Geneformer learns as with --quick, from random weights and 96 genes a cell, of
at most 2,000 cells, and of the first split alone: it takes minutes where the others take seconds.
Embeddings and scores are kept in benchmarks/output/embedding/, and not computed again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import tyro

from benchmarks.common import OUTPUT, ROOT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.embedded.methods import METHODS, QUICK, embed, key_of_embedding
from benchmarks.embedded.scib import COLUMNS, scores_of
from benchmarks.kept import kept_path, key_of
from benchmarks.leaving_out.cells import IFNB, PBMC3K, SORTED, at_common_level
from benchmarks.records import FOLDER as RECORDS
from benchmarks.records import read_record, write_record
from cellclassifier.data.features import log_normalize, total_counts
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.output.files import atomic_path, write_figure, write_json
from cellclassifier.plots.annotated_map import umap_of
from cellclassifier.plots.side_by_side import maps_side_by_side
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_cells, subset

COMMAND = "python -m benchmarks.embedding"
FOLDER = OUTPUT / "embedding"
IMAGES = ROOT / "docs" / "images"
LEAST = SplitOptions(min_cells_per_type=20)
FIRST_SPLIT_ONLY = (QUICK,)
SHOWN = ("PCA", "Harmony", "cellular")  # in the figure


@dataclass(frozen=True)
class Config(SplitOptions):
    """Options of the measurement."""

    seed: int = REPORTED_SEED
    """seed of the first split"""

    methods: tuple[str, ...] = tuple(METHODS)
    """embeddings to judge"""

    data: tuple[str, ...] = ("ifnb", "studies")
    """ifnb by condition; sorted cells, pbmc3k and ifnb by study"""

    record: bool = False
    """also write docs/records/embedding.json and docs/images/embedding_<data>.png"""


def main(config: Config) -> None:
    """Print the scores of every data set and method, draw the first split."""
    seeds = list(range(config.seed, config.seed + config.n_splits))
    rows, files = [], {}
    for name in config.data:
        cells = cells_of(name)
        if cells is None:
            continue
        files[name] = cells.uns["source"]
        for seed in seeds:
            methods = [m for m in config.methods if seed == seeds[0] or m not in FIRST_SPLIT_ONLY]
            rows += [{"data": name} | row for row in judged(name, cells, methods, seed)]
        shown = [method for method in SHOWN if method in config.methods]
        if shown:
            figure = drawn(name, cells, shown, seeds[0])
            write_figure(OUTPUT / f"embedding_{name}.png", figure)
        if shown and config.record:
            target = IMAGES / f"embedding_{name}.png"
            target.write_bytes((OUTPUT / f"embedding_{name}.png").read_bytes())
    table = over_splits(pd.DataFrame(rows))
    print_table("embedding: held-out cells", table.round(3))
    if config.record:
        print(write_record("embedding", COMMAND, *with_recorded(table, seeds, files)))


def with_recorded(
    table: pd.DataFrame, seeds: list[int], files: dict[str, dict]
) -> tuple[pd.DataFrame, list[int], dict[str, dict]]:
    """What was measured, and what the record holds of data and methods that were not measured."""
    if not (RECORDS / "embedding.json").exists():
        return table, seeds, files
    known = read_record("embedding")
    rows = pd.concat([table, pd.DataFrame(known["rows"])])
    rows = rows.drop_duplicates(["data", "method"])
    rows = rows.assign(place=rows["method"].map([*METHODS].index))
    rows = rows.sort_values(["data", "place"]).drop(columns="place")
    return rows, sorted({*seeds, *known["seeds"]}), known["data"] | files


def cells_of(name: str) -> ad.AnnData | None:
    """Cells with obs["batch"]; None where a file is not at hand."""
    if name == "ifnb":
        path = shared_data(IFNB)
        cells = path and read_cells(CellsOptions(path, group_key="batch"))
        if cells is not None:
            cells.obs["batch"] = cells.obs["group"].astype(str)
    else:
        paths = [shared_data(file) for file in (SORTED, PBMC3K, IFNB)]
        cells = None if None in paths else at_common_level(*paths)
        if cells is not None:
            cells.obs["batch"] = cells.obs["study"].astype(str)
    return cells if cells is None else subset(cells, LEAST)


def parts_of(cells: ad.AnnData, seed: int) -> np.ndarray:
    """Training, validation and test cells, drawn within each type, whatever the batch."""
    return split_cells(cells.obs["cell_type"].to_numpy().astype(str), seed)


def judged(name: str, cells: ad.AnnData, methods: list[str], seed: int) -> list[dict]:
    """Scores of every method's embedding of the test cells of one split, computed once."""
    parts = parts_of(cells, seed)
    paths = {
        method: kept_path(
            FOLDER,
            f"{name}-{method}-{seed}",
            key_of(scores_of.__module__, embedding=key_of_embedding(method, cells, parts, seed)),
            ".json",
        )
        for method in methods
    }
    missing = [method for method, path in paths.items() if not path.exists()]
    if missing:
        test = cells[parts == "test"].copy()
        values = ad.AnnData(log_normalize(test.X, total_counts(test.X)), obs=test.obs)
        for method in missing:
            values.obsm[method] = kept_embedding(name, method, cells, parts, seed)
        for method, scores in scores_of(values, missing).iterrows():
            known = {"method": method, "seed": seed, "n_cells": test.n_obs}
            write_json(paths[method], known | scores.to_dict())
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths.values()]


def kept_embedding(
    name: str, method: str, cells: ad.AnnData, parts: np.ndarray, seed: int
) -> np.ndarray:
    """The test cells, (n_test, n_dimensions), computed once."""
    key = key_of_embedding(method, cells, parts, seed)
    path = kept_path(FOLDER, f"{name}-{method}-{seed}", key, ".npy")
    if not path.exists():
        with atomic_path(path) as temporary:
            np.save(temporary, embed(method, cells, parts, seed))
    return np.load(path)


def drawn(name: str, cells: ad.AnnData, methods: list[str], seed: int):
    """UMAPs of the test cells side by side, by type above and by batch below."""
    parts = parts_of(cells, seed)
    test = cells.obs[parts == "test"]
    maps = {
        method: umap_of(kept_embedding(name, method, cells, parts, seed), seed)
        for method in methods
    }
    return maps_side_by_side(maps, test["cell_type"].astype(str), test["batch"].astype(str))


def over_splits(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of every score."""
    groups = table.groupby(["data", "method"], sort=False)
    rows = groups[list(COLUMNS)].agg(["mean", "std"])
    rows.columns = [f"{score}_{value}" for score, value in rows.columns]
    return rows.join(
        groups.agg(n_splits=("seed", "size"), n_cells=("n_cells", "first"))
    ).reset_index()


if __name__ == "__main__":
    main(tyro.cli(Config))
