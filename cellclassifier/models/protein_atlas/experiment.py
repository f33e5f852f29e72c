"""Images as an experiment of ``Run``'s: which image is in which fold, what was said of it."""

from __future__ import annotations

import textwrap

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.data.images import Images
from cellclassifier.data.locations import LocatedImages
from cellclassifier.errors import InputError
from cellclassifier.models.protein_atlas.features import smaller
from cellclassifier.models.protein_atlas.options import METHODS
from cellclassifier.models.protein_atlas.tables import Judged
from cellclassifier.options import require_positive
from cellclassifier.protocol.evaluation import Evaluation, evaluate_parts
from cellclassifier.protocol.finished import key_of
from cellclassifier.protocol.multi_label import MultiLabel, stratified_folds

LETTERS, LINES = 32, 2  # of what stands above a picture, per sentence


def check(config) -> None:
    """Raise InputError for options of a script that no images could be used with."""
    require_positive(config, "n_trees", "leaf", "n_simulated", "batch_size", "jobs")
    if config.inner_folds < 2:
        raise InputError(f"--inner-folds {config.inner_folds}: expected at least 2")
    if not config.methods or len(set(config.methods)) < len(config.methods):
        found = "twice the same" if config.methods else "none"
        raise InputError(f"--methods names {found}: expected some of {', '.join(METHODS)}")


def as_cells(located: LocatedImages, digests: list[str]) -> ad.AnnData:
    """The images as rows without counts, whose digest is that of pictures, places and groups."""
    places = MultiLabel(located.shown, located.locations).texts()
    obs = pd.DataFrame({"places": places}, index=pd.Index(located.images.ids, dtype=object))
    if located.groups is not None:
        obs["group"] = located.groups
    cells = ad.AnnData(obs=obs)
    digest = key_of(digests, places.tolist(), None if located.groups is None else [*located.groups])
    cells.uns["source"] = located.images.source
    cells.uns["counts"] = {"digest": digest, "n_cells": len(obs)}
    return cells


def folds_of(located: LocatedImages, n_folds: int, seed: int) -> pd.DataFrame:
    """Part of every image (rows) with every fold held out in turn (columns, from ``seed`` on).

    Multilabel-stratified: every fold has its share of every place; no group is in two folds.
    Raises InputError for fewer than two folds, or more than images or groups.
    """
    n_units = len(np.unique(located.groups)) if located.groups is not None else len(located.shown)
    if not 2 <= n_folds <= n_units:
        what = "groups" if located.groups is not None else "images"
        raise InputError(
            f"--folds {n_folds}: expected 2 to {n_units}, as there are {n_units} {what}"
        )
    folds = stratified_folds(located.shown, n_folds, seed, located.groups)
    held_out = folds[:, None] == np.arange(n_folds)
    parts = np.where(held_out, "test", "train")
    return pd.DataFrame(parts, index=located.images.ids, columns=range(seed, seed + n_folds))


def evaluate_fold(
    model, values: np.ndarray, located: LocatedImages, part: np.ndarray, split: int
) -> Evaluation:
    """Fit on the other folds, score the images of this one; values: (n_images, n_features)."""
    rows = {name: np.flatnonzero(part == name) for name in ("train", "test")}
    if located.groups is not None:
        model.groups = located.groups[rows["train"]]
    inputs = {name: values[own] for name, own in rows.items()}
    names = {name: located.images.ids[own] for name, own in rows.items()}
    targets = MultiLabel(located.shown, located.locations)
    return evaluate_parts(model, inputs, targets, part, names, split)


def threshold_table(model, split: int) -> pd.DataFrame:
    """The thresholds of one fold's model, a row per place."""
    return pd.DataFrame(
        {"split": split, "location": model.classes_, "threshold": model.targets_.thresholds}
    )


def judged_by(run, method: str) -> Judged:
    """What a method said of every held-out image, of all folds of a ``Run``."""
    return Judged.of(run.output.read_predictions(method, run.splits))


def with_captions(
    images: Images, judged: Judged, rows: np.ndarray
) -> tuple[list[np.ndarray], list[str]]:
    """Pictures of some judged images, and of each what was missed and what was said in error.

    rows: indices into ``judged``, whose order is that of names rather than of ``images``.
    """
    place_of = {id_: i for i, id_ in enumerate(images.ids)}
    stacks, texts = [], []
    for row in rows:
        id_ = judged.ids[row]
        stacks.append(smaller(images.read(place_of[id_])))
        missed = judged.places[judged.shown[row] & ~judged.given[row]]
        wrong = judged.places[judged.given[row] & ~judged.shown[row]]
        lines = [id_, f"missed: {', '.join(missed) or '-'}", f"in error: {', '.join(wrong) or '-'}"]
        texts.append("\n".join(_caption(line) for line in lines))
    return stacks, texts


def _caption(line: str) -> str:
    """A sentence on a line or two; what does not fit is left out, and said to be."""
    return textwrap.fill(line, LETTERS, max_lines=LINES, placeholder=" …")
