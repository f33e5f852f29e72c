"""Cells of types that no training cell had: how many are told, and what refusing cells buys.

    python -m benchmarks.unknown                          # shared cells.npy and ifnb
    python -m benchmarks.unknown --cells my.h5ad --methods gbdt
    python -m benchmarks.unknown --record                 # also writes docs/records

Every type is left out of training in turn; the model is trained, calibrated and given thresholds
without it, then sees its cells and test cells of known types as one file: which are far, and which
between known types? Outputs, under model_output/:

    results/unknown_types.csv          one row per data set, method and left-out type
    results/rejection_curve.csv        accuracy against share kept, all types known
    plots/unknown_types_<data>.png, plots/rejection_curve_<data>.png
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import tyro
from scipy.special import entr
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from benchmarks.common import print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.records import write_record
from cellclassifier.annotation.first_pass import FirstPass
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.baselines.recipes import RECIPES
from cellclassifier.models.methods import make_method
from cellclassifier.options import available_cores
from cellclassifier.output.folder import Output
from cellclassifier.plots import novelty as novelty_plots
from cellclassifier.protocol.options import PARTS
from cellclassifier.protocol.splits import split_cells, types_with_at_least

COMMAND = "python -m benchmarks.unknown"
MIN_CELLS = 3  # of a type, to be in all three parts
KEPT = np.round(np.arange(0.5, 1.001, 0.01), 2)  # shares of the rejection curve


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    cells: Path | None = None
    """.npy or .h5ad; default: the real data sets beside the repository"""

    methods: tuple[str, ...] = ("logistic_regression",)
    """baselines to measure"""

    seed: int = REPORTED_SEED
    """of the split and of every fit"""

    output: Path = Path("model_output")
    """folder for tables and plots"""

    record: bool = False
    """also write docs/records/unknown_types.json and rejection.json"""


def main(config: Config) -> None:
    """Print AUROC and share caught per left-out type, and the rejection curve."""
    output = Output(config.output)
    unknown, curves, files = [], [], {}
    for name, path in data_sets(config.cells).items():
        cells = read_cells(CellsOptions(cells=path))
        files[name] = cells.uns["source"]
        table = measure_all(cells, config).assign(data=name)
        curve = pd.concat([rejection_curve(cells, m, config.seed) for m in config.methods])
        unknown.append(table)
        curves.append(curve.assign(data=name))
        draw(table, curves[-1], name, output)
    unknown, curves = pd.concat(unknown), pd.concat(curves)
    output.csv("unknown_types", unknown)
    output.csv("rejection_curve", curves)
    report(unknown, curves)
    if config.record:
        means = over_types(unknown).reset_index()
        shares = at_few_shares(curves).reset_index()
        for name, rows in {"unknown_types": means, "rejection": shares}.items():
            print(write_record(name, COMMAND, rows, [config.seed], files))


def data_sets(given: Path | None) -> dict[str, Path]:
    """The given file, or the real ones that are at hand."""
    if given:
        return {given.stem: given}
    files = {"sorted": "cells.npy", "ifnb": "ifnb_2800.h5ad"}
    found = {name: shared_data(file) for name, file in files.items()}
    return {name: path for name, path in found.items() if path}


def measure_all(cells: ad.AnnData, config: Config) -> pd.DataFrame:
    """``measure_unknown`` of every method and type."""
    types = cells.obs["cell_type"].cat.categories
    plan = [(method, left_out) for method in config.methods for left_out in types]
    rows = [measure_unknown(cells, *one, config.seed) for one in tqdm(plan)]
    return pd.DataFrame(rows)


def measure_unknown(cells: ad.AnnData, method: str, left_out: str, seed: int) -> dict:
    """Train without a type, then score its cells and test cells of the others."""
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    known = cells[labels != left_out]
    known = known[types_with_at_least(known.obs["cell_type"].astype(str), MIN_CELLS)].copy()
    model, test = trained(known, method, seed)
    strangers = cells[labels == left_out].copy()
    is_unknown = np.repeat([True, False], [strangers.n_obs, test.n_obs])
    table = judged(model, ad.concat([strangers, test], merge="same"))
    unknown, known = table[is_unknown], table[~is_unknown]
    return {
        "method": method,
        "left_out": left_out,
        "n_cells": len(unknown),
        "auroc": roc_auc_score(is_unknown, table["distance"]),
        "auroc_entropy": roc_auc_score(is_unknown, table["entropy"]),
        "caught": unknown["far"].mean(),
        "caught_in_doubt": unknown[["far", "between"]].any(axis=1).mean(),
        "known_far": known["far"].mean(),
        "known_between": known["between"].mean(),
    }


def trained(cells: ad.AnnData, method: str, seed: int) -> tuple[GeneClassifier, ad.AnnData]:
    """A model with calibration and thresholds, and the test cells it has not seen."""
    parts = split_cells(cells.obs["cell_type"].to_numpy().astype(str), seed)
    train, val, test = (cells[parts == part].copy() for part in PARTS)
    quick = method in RECIPES  # one grid point; networks learn as long as they do
    model = make_method(method, seed=seed, quick=quick, jobs=available_cores())
    model.fit(train, train.obs["cell_type"], validation=(val, val.obs["cell_type"]))
    return model, test


def judged(model: GeneClassifier, cells: ad.AnnData) -> pd.DataFrame:
    """Of every cell of a file its two scores and flags, and whether it is named right.

    distance: from known types, by which cells are far; entropy: of the model's probabilities.
    """
    aligned, rows = model.align(cells), np.arange(cells.n_obs)
    first = FirstPass.of_sample_at(model, aligned, rows)
    table = annotate_chunk(model, aligned, cells.obs_names.to_numpy(), first=first).table
    return table[["far", "between"]].assign(
        distance=first.view.score(aligned, first.view.near(aligned, rows)),
        entropy=entr(model.outputs(aligned).probabilities).sum(axis=1),
        right=(table["predicted"] == cells.obs["cell_type"].to_numpy(str)).to_numpy(),
    )


def rejection_curve(cells: ad.AnnData, method: str, seed: int) -> pd.DataFrame:
    """Accuracy of the test cells of lowest entropy, for shares from half to all of them."""
    cells = cells[types_with_at_least(cells.obs["cell_type"].astype(str), MIN_CELLS)].copy()
    model, test = trained(cells, method, seed)
    right = judged(model, test).sort_values("entropy", kind="stable")["right"]
    accuracy = [right.iloc[: round(share * len(right))].mean() for share in KEPT]
    return pd.DataFrame({"method": method, "kept": KEPT, "accuracy": accuracy})


def draw(table: pd.DataFrame, curve: pd.DataFrame, name: str, output: Output) -> None:
    """Both plots of one data set."""
    auroc = table.pivot(index="left_out", columns="method", values="auroc")
    output.figure(f"unknown_types_{name}", novelty_plots.unknown_types(auroc, name))
    output.figure(f"rejection_curve_{name}", novelty_plots.rejection(curve, name))


def report(unknown: pd.DataFrame, curves: pd.DataFrame) -> None:
    """Print per type, then the means over types, then the curve at a few shares."""
    types = unknown.pivot(index=["data", "left_out"], columns="method", values=["auroc", "caught"])
    print_table("unknown types: AUROC and share caught", types.round(3))
    print_table("unknown means: over left-out types", over_types(unknown).round(3))
    print_table("rejection: accuracy by share kept", at_few_shares(curves).round(3))


def over_types(unknown: pd.DataFrame) -> pd.DataFrame:
    """Mean figures over left-out types, of every data set and of all of them, per method."""
    numbers = [*unknown.columns.drop(["method", "left_out", "n_cells", "data"])]
    by_data = unknown.groupby(["data", "method"])[numbers].mean()
    everything = pd.concat({"all": unknown.groupby("method")[numbers].mean()}, names=["data"])
    return pd.concat([by_data, everything])


def at_few_shares(curves: pd.DataFrame) -> pd.DataFrame:
    """Accuracy at 70 to 100 % of the cells kept: columns accuracy_70 ..., per data set, method."""
    some = curves[curves["kept"].isin([1.0, 0.95, 0.9, 0.8, 0.7])]
    table = some.pivot(index=["data", "method"], columns="kept", values="accuracy")
    return table.set_axis([f"accuracy_{share:.0%}".rstrip("%") for share in table.columns], axis=1)


if __name__ == "__main__":
    main(tyro.cli(Config))
