"""Answers of every method for the studies that were left out, computed once and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import anndata as ad
import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.common import OUTPUT, ROOT
from benchmarks.kept import kept_path, key_of, key_of_model
from benchmarks.leaving_out.cells import STUDIES, VALIDATION_SHARE, left_out, split
from benchmarks.leaving_out.others import CELLTYPIST, OTHERS, aligned
from benchmarks.leaving_out.trial import Answers, LeftOut
from cellclassifier.interface import GeneClassifier
from cellclassifier.models.baselines.recipes import RECIPES
from cellclassifier.models.methods import make_method
from cellclassifier.models.spoticell.classifier import SpoticellClassifier
from cellclassifier.models.spoticell.options import SpoticellOptions
from cellclassifier.output.files import atomic_path

FOLDER = OUTPUT / "studies"
GENEFORMER = "geneformer"
QUICK = (*RECIPES, GENEFORMER)  # of grids one point; few tokens and epochs
MOST_CELLS = {GENEFORMER: 1_000}  # to learn from, of methods that take minutes for a thousand
# A method by other options; the cells it learns from are whole.
VARIANTS = {"spoticell_whole_cells": SpoticellOptions(thin=1.0, drop_genes=0.0)}
WITHOUT_SEED = 0  # of ways of which nothing is random
ENVIRONMENTS = {CELLTYPIST: ROOT / "requirements-celltypist.txt"}


def path_of(method: str, trial: LeftOut, seed: int) -> Path:
    """Where a method's answers for a study are kept."""
    known, cells = trial.known, trial.cells
    if method in OTHERS:
        made = ENVIRONMENTS[method].read_text() if method in ENVIRONMENTS else ""
        key = key_of(OTHERS[method].__module__, known, cells, made=made)
    else:
        parts = {"validation": VALIDATION_SHARE, "most_cells": MOST_CELLS.get(method)}
        key = key_of_model(made_for(method, seed), known, cells, **parts)
    return kept_path(FOLDER, f"{method}-{trial.study.name}-{seed}", key, ".npz")


def made_for(method: str, seed: int) -> GeneClassifier:
    """A model of this method that has learned nothing yet."""
    if method in VARIANTS:
        return SpoticellClassifier(VARIANTS[method], seed=seed)
    return make_method(method, seed=seed, quick=method in QUICK)


def fit(method: str, seed: int, trial: LeftOut) -> None:
    """Keep a method's answers for every study that the same training cells are right for."""
    same = list(_same_training(trial))
    if all(path_of(method, each, seed).exists() for each in same):
        return
    start = time.process_time()
    train, val = (trial.known[rows].copy() for rows in split(trial.known, seed))
    train = some_of(train, MOST_CELLS.get(method, train.n_obs), seed)
    model = made_for(method, seed).fit(train, _labels(train), (val, _labels(val)))
    seconds = time.process_time() - start
    for each in same:
        raw = model.outputs(each.cells).probabilities
        found = model.calibrated(raw), model.calibrated(raw, to_average=True)
        _keep(path_of(method, each, seed), Answers(model.classes_, *found, seconds))


def fit_other(name: str, trial: LeftOut) -> None:
    """The same of a way that is no method of this repository."""
    path = path_of(name, trial, WITHOUT_SEED)
    if not path.exists():
        start = time.process_time()
        types, probabilities = OTHERS[name](*aligned(trial.known, trial.cells))
        seconds = time.process_time() - start
        _keep(path, Answers(types, probabilities, probabilities, seconds))


def kept_answers(method: str, trial: LeftOut, seed: int) -> Answers | None:
    """What is kept; None where nothing is."""
    path = path_of(method, trial, seed)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        parts = {field.name: stored[field.name] for field in fields(Answers)}
    return Answers(**parts | {"types": parts["types"].astype(str)})


def some_of(cells: ad.AnnData, n_cells: int, seed: int) -> ad.AnnData:
    """At most so many cells, of each type the same share."""
    if cells.n_obs <= n_cells:
        return cells
    rows, _ = train_test_split(
        np.arange(cells.n_obs), train_size=n_cells, stratify=_labels(cells), random_state=seed
    )
    return cells[np.sort(rows)].copy()


def _same_training(trial: LeftOut) -> Iterator[LeftOut]:
    """The trial, and those of other batches of its file."""
    yield trial
    for study in STUDIES:
        same = (study.training, study.file) == (trial.study.training, trial.study.file)
        if same and study.name != trial.study.name:
            yield LeftOut(study, left_out(study), trial.known)


def _keep(path: Path, answers: Answers) -> None:
    with atomic_path(path) as temporary:
        np.savez(temporary, **vars(answers))


def _labels(cells: ad.AnnData) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy(str)
