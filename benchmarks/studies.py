"""Leave every study of blood out in turn: who names the cells of a laboratory that is new to him?

    python -m benchmarks.studies                       # tables (about 20 CPU minutes)
    python -m benchmarks.studies --methods cellular    # another method beside those at hand
    python -m benchmarks.studies --record              # also docs/records and docs/images

Models learn from the other laboratories' cells, at the common level of the Cell Ontology; the study
that was left out keeps all the genes of its file. Every method is fitted once per seed, on 85 % of
those cells, and chooses by the others; of grids one point is fitted, as with --quick. Plain
logistic regression and CellTypist (in an environment of its own, made on first use) learn from all
of them, once. Answers are kept in benchmarks/output/studies/, and are not computed again.

Strangers: every type in turn is left out of training, and looked for in the study.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import tyro

from benchmarks.common import OUTPUT, ROOT, print_table
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.leaving_out.cells import STUDIES, Study, left_out, split, training_cells
from benchmarks.leaving_out.figure import MEAN, accuracy_of_studies
from benchmarks.leaving_out.others import CELLTYPIST, OTHERS, aligned
from benchmarks.leaving_out.scores import file_of, near_in, scored, scored_broadly
from benchmarks.leaving_out.strangers import strangers
from benchmarks.records import write_record
from cellclassifier.data.marker_labels import by_markers
from cellclassifier.models.baselines.recipes import RECIPES
from cellclassifier.models.methods import EVERY, make_method, require_known
from cellclassifier.output.files import write_figure
from cellclassifier.trust.neighbours import smoothed

COMMAND = "python -m benchmarks.studies"
METHODS = (
    "logistic_regression",
    "rank_regression",
    "random_forest",
    "gbdt",
    "soft_vote",
    "augmented_regression",
    "augmented_network",
    "marker_network",
)
FOLDER = OUTPUT / "studies"
FIGURE = ROOT / "docs" / "images" / "studies.png"
# CellTypist's probabilities are each type's own, so that no sum of them is one; it is a process.
OF_NO_SUM = dict.fromkeys(("broad_right", "kept", "broad_ece", "cpu_seconds"))
WITHOUT_SEED = 0  # of methods of which nothing is random


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    methods: tuple[str, ...] = METHODS
    """methods to measure; tables hold all that were measured with this seed"""

    seed: int = REPORTED_SEED
    """the first one; the others count up from it"""

    n_seeds: int = 3
    """how many fits of every method"""

    studies: tuple[str, ...] = tuple(study.name for study in STUDIES)
    """which studies to leave out"""

    others: tuple[str, ...] = tuple(OTHERS)
    """other people's ways to measure"""

    strangers: bool = True
    """also leave types out of training, and look for them"""

    record: bool = False
    """also write docs/records and the figure in docs/images"""


@dataclass(frozen=True)
class LeftOut:
    """A study and what models of other laboratories make of it."""

    study: Study
    cells: ad.AnnData
    known: ad.AnnData

    @cached_property
    def near(self):
        """The neighbours of each cell in its own file."""
        return near_in(file_of(self.known, self.cells))

    def scores(self, types: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
        """Of single cells, and of cells averaged over their neighbours (averaged_...).

        markers_accuracy: averaged, of labels that the cells' counts of CD4 and CD8 do not
        contradict.
        """
        labels = self.cells.obs["cell_type"].to_numpy(str)
        averaged = smoothed(probabilities, self.near, probabilities)
        row = scored(probabilities, types, labels)
        row |= {f"averaged_{k}": v for k, v in scored(averaged, types, labels).items()}
        row |= scored_broadly(averaged, types, labels)
        agreed = by_markers(self.cells, labels)
        row |= {"markers_accuracy": scored(averaged, types, agreed)["accuracy"]}
        return row | {"n_known": int(np.isin(labels, types).sum()), "n_cells": len(labels)}


def main(config: Config) -> None:
    """Print scores of every study, and what is called far."""
    require_known(config.methods, EVERY)
    chosen = [study for study in STUDIES if study.name in config.studies]
    rows, found = [], []
    for trial in filter(None, map(opened, chosen)):
        seeds = range(config.seed, config.seed + config.n_seeds)
        for seed, method in itertools.product(seeds, config.methods):
            fit(method, seed, trial)
        for name in config.others:
            other(name, trial)
        rows += [row for row in kept(trial, [WITHOUT_SEED, *seeds])]
        if config.strangers:
            found.append(strangers_in(trial))
    table = mean_over_seeds(pd.DataFrame(rows))
    print_table("studies left out", table.set_index(["method", "study"]).round(3))
    if found:
        print_table("strangers in studies left out", pd.concat(found).round(3))
    if config.record:
        _record(config, table, found)


def opened(study: Study) -> LeftOut | None:
    """Its cells and those of other laboratories; None where a file is not at hand."""
    cells = left_out(study)
    known = None if cells is None else training_cells(study, cells)
    return None if known is None else LeftOut(study, cells, known)


def answers_of(method: str, study: Study, seed: int) -> Path:
    """Where a method's answers are kept."""
    return FOLDER / f"{method}-{study.name.replace(' ', '_')}-{seed}.npz"


def fit(method: str, seed: int, trial: LeftOut) -> None:
    """A method's answers for every study that its training cells are right for."""
    studies = [s for s in STUDIES if s.training == trial.study.training]
    same = [s for s in studies if s.file == trial.study.file]
    if all(answers_of(method, study, seed).exists() for study in same):
        return
    start = time.process_time()
    train, val = (trial.known[rows].copy() for rows in split(trial.known, seed))
    model = make_method(method, seed=seed, quick=method in RECIPES)
    model.fit(train, _labels(train), (val, _labels(val)))
    seconds = time.process_time() - start
    for study in same:
        cells = trial.cells if study is trial.study else left_out(study)
        keep(answers_of(method, study, seed), model.classes_, model.predict_proba(cells), seconds)


def other(name: str, trial: LeftOut) -> None:
    """Answers of other people's way."""
    path = answers_of(name, trial.study, WITHOUT_SEED)
    if not path.exists():
        start = time.process_time()
        types, probabilities = OTHERS[name](*aligned(trial.known, trial.cells))
        keep(path, types, probabilities, time.process_time() - start)


def keep(path: Path, types: np.ndarray, probabilities: np.ndarray, seconds: float) -> None:
    """Write answers; seconds: of one core."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, types=types, probabilities=probabilities, seconds=seconds)


def kept(trial: LeftOut, seeds) -> list[dict]:
    """A row of scores for all answers at hand for a study."""
    rows = []
    for method, seed in itertools.product([*EVERY, *OTHERS], seeds):
        path = answers_of(method, trial.study, seed)
        if path.exists():
            with np.load(path, allow_pickle=False) as stored:
                row = {"method": method, "study": trial.study.name, "seed": seed}
                row |= trial.scores(stored["types"].astype(str), stored["probabilities"])
                row |= {"cpu_seconds": float(stored["seconds"])}
                rows.append(row | (OF_NO_SUM if method == CELLTYPIST else {}))
    return rows


def strangers_in(trial: LeftOut) -> pd.DataFrame:
    """Rows of ``strangers``, computed once."""
    path = FOLDER / f"strangers-{trial.study.name.replace(' ', '_')}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        strangers(trial.known, trial.cells).to_csv(path, index=False)
    return pd.read_csv(path, keep_default_na=False, na_values=[""]).assign(study=trial.study.name)


def mean_over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per method and study: mean (the metric's own name) and standard deviation."""
    grouped = rows.drop(columns="seed").groupby(["method", "study"], sort=False)
    mean, std = grouped.mean(), grouped.std().add_suffix("_std")
    table = mean.join(std[["accuracy_std", "averaged_accuracy_std", "macro_f1_std"]])
    return table.join(grouped.size().rename("n_fits")).reset_index()


def _record(config: Config, table: pd.DataFrame, found: list[pd.DataFrame]) -> None:
    """Write docs/records and the figure."""
    seeds = list(range(config.seed, config.seed + config.n_seeds))
    data = {study.name: _described(study) for study in STUDIES}
    print(write_record("studies", COMMAND, with_means(table), seeds, data))
    write_figure(FIGURE, accuracy_of_studies(with_means(table)))
    if found:
        print(write_record("strangers", COMMAND, pd.concat(found), seeds[:1], data))


def _described(study: Study) -> dict:
    cells = left_out(study)
    return {} if cells is None else cells.uns["source"]


def with_means(table: pd.DataFrame) -> pd.DataFrame:
    """The same with a row for the mean over studies of every method that has all of them."""
    n_studies = table["study"].nunique()
    whole = table.groupby("method", sort=False).filter(lambda rows: len(rows) == n_studies)
    means = whole.groupby("method", sort=False).mean(numeric_only=True).reset_index()
    return pd.concat([table, means.assign(study=MEAN)], ignore_index=True)


def _labels(cells: ad.AnnData) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy(str)


if __name__ == "__main__":
    main(tyro.cli(Config))
