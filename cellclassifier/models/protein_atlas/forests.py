"""The forests of all places, and what they say of training images that they have not seen."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from cellclassifier.models.one_vs_rest.extra_trees import ExtraTrees
from cellclassifier.models.one_vs_rest.side_by_side import side_by_side
from cellclassifier.models.protein_atlas.options import AtlasOptions
from cellclassifier.protocol.multi_label import MultiLabel, stratified_folds

WHOLE = -1  # the forest that is kept, of all training images; inner folds count from 0


@dataclass(frozen=True)
class Fit:
    """One forest: of which place, without which inner fold."""

    place: int
    fold: int
    seed: int


def grow_all(
    x: np.ndarray,
    targets: MultiLabel,
    options: AtlasOptions,
    seed: int,
    jobs: int,
    undersample: bool = False,
    groups: np.ndarray | None = None,
) -> tuple[list[ExtraTrees], np.ndarray]:
    """A forest for every place, and its shares for images that were left out, (n, n_names).

    x: (n, n_features) float32; groups: (n,), kept whole in inner folds, unless there is one alone.
    Without inner folds (0 of them) no image is left out and the shares are zeros. Every forest
    draws its own random numbers by the name of its place, so that neither the other places nor the
    order in which forests finish change it.
    """
    folds = np.zeros(len(x), dtype=int)
    if groups is not None and len(np.unique(groups)) < 2:
        groups = None  # left out whole, nothing would be left to learn from
    if options.inner_folds:
        folds = stratified_folds(targets.answers, options.inner_folds, seed, groups)
    fits = [
        Fit(place, fold, zlib.crc32(f"{name} {fold} {seed}".encode()) % 2**31)
        for place, name in enumerate(targets.names)
        for fold in (WHOLE, *range(options.inner_folds))
    ]
    kept: dict[int, ExtraTrees] = {}
    shares = np.zeros(targets.answers.shape)
    tasks = (
        (fit, x, targets.answers[:, fit.place], folds == fit.fold, options, undersample)
        for fit in fits
    )
    for fit, result in side_by_side(_grown, tasks, jobs):
        if fit.fold == WHOLE:
            kept[fit.place] = result
        else:
            shares[folds == fit.fold, fit.place] = result
    return [kept[place] for place in range(len(targets.names))], shares


def _grown(
    fit: Fit,
    x: np.ndarray,
    label: np.ndarray,
    left_out: np.ndarray,
    options: AtlasOptions,
    undersample: bool,
) -> tuple[Fit, ExtraTrees | np.ndarray]:
    """A forest of all images but those left out, or, where some are, its shares for them."""
    rows = np.flatnonzero(~left_out)
    weights = None
    if undersample:
        rows = as_many_negatives(label, rows, np.random.default_rng(fit.seed))
    elif label[rows].any() and not label[rows].all():
        n_positive = label[rows].sum()
        weights = np.where(label[rows], 1 / n_positive, 1 / (len(rows) - n_positive))
        weights *= len(rows) / 2
    forest = ExtraTrees.grow(x[rows], label[rows], options.n_trees, options.leaf, fit.seed, weights)
    return fit, forest if fit.fold == WHOLE else forest.probability(x[left_out])


def as_many_negatives(label: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All positives among ``rows`` and as many random negatives (all, where there are fewer)."""
    positives, negatives = rows[label[rows]], rows[~label[rows]]
    drawn = rng.permutation(negatives)[: max(1, len(positives))]
    return np.sort(np.concatenate([positives, drawn]))
