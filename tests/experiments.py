"""A script of a few lines around ``Run``, for tests of the loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import anndata as ad
import pandas as pd
from conftest import files_of, make_cells
from tiny_models import Centroids

from cellclassifier.data.options import CellsOptions
from cellclassifier.options import RunOptions
from cellclassifier.protocol.evaluation import evaluate
from cellclassifier.protocol.experiment import Run
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all, subset


@dataclass(frozen=True)
class Config(RunOptions, SplitOptions, CellsOptions):
    methods: tuple[str, ...] = field(default=("a", "b"), metadata={"changes_results": False})
    strength: float = 1.0
    n_splits: int = 2


class Script:
    """Runs and counts what was computed; ``stop_before`` interrupts before the n-th fit."""

    def __init__(self):
        self.fits: list[tuple[str, int]] = []
        self.stop_before: int | None = None

    def __call__(self, config, cells=None, versions=(), script="script", depends_on=None):
        """The fits of this call alone."""
        before = len(self.fits)
        self.summary = self.main(config, cells, dict(versions), script, depends_on)
        return self.fits[before:]

    def main(self, config: Config, cells, versions, script: str, depends_on) -> pd.DataFrame:
        run = Run(script, config, depends_on)
        with run.step("read"):
            cells = subset(sourced(make_cells(60) if cells is None else cells), config)
            parts = split_all(cells, config)
        versions = {method: versions.get(method, 1) for method in config.methods}
        for method, split in run.plan(versions, cells, parts):
            if len(self.fits) == self.stop_before:
                raise KeyboardInterrupt
            self.fits.append((method, split))
            result = evaluate(model_of(config, method, split), cells, parts[split], split)
            run.keep(result, trials=pd.DataFrame({"C": [0.1, None], "split": split}))
        for method in config.methods:
            run.output.csv(f"{method}_results", run.table("trials", method))
        self.run = run
        return run.finish()


def model_of(config: Config, method: str, split: int) -> Centroids:
    """Methods differ in strength, as do options."""
    return Centroids(method, config.strength * (1 + len(method)), seed=split)


def sourced(cells: ad.AnnData) -> ad.AnnData:
    cells.uns.setdefault("source", {"file": "cells.npy", "sha256": "1", "shape": [*cells.shape]})
    return cells


class Quiet:
    """Progress that is not shown."""

    def __init__(self, *arguments, **options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def doing(self, text: str) -> None:
        pass

    def starting(self, text: str) -> None:
        pass

    def add(self) -> None:
        pass


def bytes_of(folder: Path, *parts: str) -> dict[str, bytes]:
    """Every file but the record, which holds seconds, below folders that begin like ``parts``."""
    kept = parts or ("",)
    return {
        name: (folder / name).read_bytes()
        for name in sorted(files_of(folder))
        if name.startswith(kept) and not name.startswith("results/run_")
    }


PUBLISHED = ("results", "predictions", "models")


def config_in(folder: Path, **options) -> Config:
    return replace(Config(output=folder), **options)
