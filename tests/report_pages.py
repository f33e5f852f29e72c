"""Output folders as scripts leave them, of cells whose labels and names try to become markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from conftest import make_cells
from matplotlib.figure import Figure
from tiny_models import Centroids

from cellclassifier.data.options import CellsOptions
from cellclassifier.options import RunOptions
from cellclassifier.output.folder import Output
from cellclassifier.output.record import RunRecord
from cellclassifier.plots.all_methods import comparison_figures
from cellclassifier.protocol.evaluation import evaluate
from cellclassifier.protocol.experiment import Run
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all

SCRIPT = "<script>window.stolen = 1</script>"
STYLE = '</style><img src=x onerror="window.stolen = 2">'
QUOTES = "B \"quoted\" 'cell' \u202egnp.exe\u202c {{ 7 * 7 }}"
HOSTILE = (SCRIPT, STYLE, QUOTES)
FILE = "</title><script>window.stolen = 3</script>.h5ad"


@dataclass(frozen=True)
class Config(RunOptions, SplitOptions, CellsOptions):
    methods: tuple[str, ...] = field(default=("weak", "strong"))
    n_splits: int = 2


def hostile_cells(n_cells: int = 90) -> ad.AnnData:
    """Cells whose types, cells and file are named like markup."""
    cells = make_cells(n_cells)
    types = dict(zip(cells.obs["cell_type"].cat.categories, HOSTILE, strict=True))
    cells.obs["cell_type"] = cells.obs["cell_type"].cat.rename_categories(types)
    cells.obs_names = [f"<b onclick='x'>{name}</b>" for name in cells.obs_names]
    cells.uns["source"] = {"file": FILE, "sha256": "1" * 64, "shape": [*cells.shape]}
    return cells


def hostile_folder(tmp_path_factory) -> Path:
    """An output folder after an interview and a comparison, made once a session."""
    return _hostile_folder(tmp_path_factory.getbasetemp() / "hostile")


@cache
def _hostile_folder(folder: Path) -> Path:
    ran(folder)
    interviewed(folder)
    return folder


def drawn(run: Run, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Of the figures of a comparison those that differ in kind."""
    for name, figure in comparison_figures(run, summary):
        if name == "metrics" or (name.endswith("_comparison") and not name.startswith("macro")):
            plt.close(figure)
        else:
            yield name, figure


def ran(folder: Path) -> None:
    """An output folder in which two methods were compared."""
    config, cells = Config(output=folder), hostile_cells()
    run = Run("multiclass_baselines", config)
    parts = split_all(cells, config)
    for method, split in run.plan(dict.fromkeys(config.methods, 1), cells, parts):
        model = Centroids(method, 0.02 if method == "weak" else 1.0, seed=split)
        run.keep(evaluate(model, cells, parts[split], split))
    run.finish(drawn)


def interviewed(folder: Path) -> None:
    """Tables as interview.py writes them, of the same cells."""
    cells = hostile_cells()
    labels = cells.obs["cell_type"].astype(str)
    out = Output(folder)
    sizes = labels.value_counts()
    types = pd.DataFrame({"cell_type": sizes.index, "n_cells": sizes.to_numpy()})
    out.csv(
        "cells_per_type", types.assign(cell_share=types["n_cells"] / len(labels), median_counts=9)
    )
    remark = f"These labels ({SCRIPT}) leave it open"
    out.csv("data_remarks", pd.DataFrame({"topic": ["labels"], "remark": [remark]}))
    places = np.random.default_rng(0).normal(size=(len(labels), 2))
    plane = pd.DataFrame({"cell": cells.obs_names, "cell_type": labels.to_numpy()})
    out.csv("cells_in_plane", plane.assign(umap_1=places[:, 0], umap_2=places[:, 1]))
    RunRecord("interview", {}, out).write(data=cells.uns["source"], seeds=[42])
