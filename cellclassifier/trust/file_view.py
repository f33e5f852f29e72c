"""How far each cell of a file is from known types, once what shifts the whole file is taken off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.trust.averages import Averages
from cellclassifier.trust.neighbours import Neighbours, smoothed

ROUNDS = 3  # of looking for the nearest type and learning the shift
NEAREST_SHARE = 0.7  # of a type's cells in the file, that the shift is learned from
FEWEST_SHIFTED = 10  # cells of a type in the file, for it to tell of the shift
FEWEST_SCORED = 20  # the same, to tell of the offset
OFFSET_QUANTILE = 0.25  # of the types' median scores
OFFSET_SHARE = 0.5  # of the offset is taken off: all of it hides strangers, none refuses stimulated


@dataclass(frozen=True)
class References:
    """Mean log(1 + counts per 10,000) of known types in each training study.

    means: (n_profiles, n_genes) float64; types: (n_profiles,) int, of which type each is, from 0 on
    without gaps.
    """

    means: np.ndarray
    types: np.ndarray

    @property
    def of_types(self) -> np.ndarray:
        """The mean over studies of each type, (n_types, n_genes)."""
        member = self.types == np.arange(self.types.max() + 1)[:, None]
        return member @ self.means / member.sum(axis=1, keepdims=True)


class Comparison:
    """Cells beside known profiles, each less the mean of the types.

    cells: log(1 + counts per 10,000), averaged or not. What does not depend on the shift is
    computed once: |v - o|^2 = |v|^2 - 2 v o + |o|^2.
    """

    def __init__(self, references: References):
        self.of_types = references.of_types
        self.middle = self.of_types.mean(axis=0)
        self.profiles = np.vstack([self.of_types, references.means]) - self.middle
        self.norms = np.sqrt((self.profiles**2).sum(axis=1))

    def vectors(self, shift: np.ndarray) -> np.ndarray:
        """What cells are multiplied with: profiles and origin, (n_genes, n_profiles + 1)."""
        return np.column_stack([self.profiles.T, self.middle + shift])

    def cosines(
        self, products: np.ndarray, squares: np.ndarray, shift: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """With types and with all profiles, (n_cells, n_types) and (n_cells, n_profiles).

        products: of cells with ``vectors`` of the shift; squares: of the cells, (n_cells,); shift:
        (n_genes,), taken off the values. 0 where there is no angle.
        """
        origin = self.middle + shift
        lengths = squares - 2 * products[:, -1] + (origin**2).sum()
        norms = np.sqrt(np.maximum(lengths, 0))[:, None] * self.norms
        dots = products[:, :-1] - self.profiles @ origin
        found = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 1e-9)
        return found[:, : len(self.of_types)], found[:, len(self.of_types) :]

    def scores(
        self, products: np.ndarray, squares: np.ndarray, shift: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Minus the largest cosine, and the nearest type, (n_cells,) each."""
        with_types, with_profiles = self.cosines(products, squares, shift)
        largest = np.maximum(with_types.max(axis=1), with_profiles.max(axis=1))
        return -largest, with_types.argmax(axis=1)


@dataclass(frozen=True)
class FileView:
    """What a sample of a file tells of all its cells: neighbours, shift and offset.

    Cells are averaged over their neighbours, what shifts the whole file (another chemistry,
    another handling) is taken off, and the largest cosine with a known profile is what counts: it
    does not scale with the laboratory as distances do. In files of under 100 cells
    each cell stands for itself, and nothing is taken off.

    references: without the genes that the file lacks; columns: (n_columns,) the genes that count;
    shift: (n_columns,) of log-normalised expression; offset: of scores.
    """

    references: References
    columns: np.ndarray
    neighbours: Neighbours | None
    shift: np.ndarray
    offset: float = 0.0

    @classmethod
    def learn(
        cls,
        sample: GeneCounts,
        rows: np.ndarray,
        references: References,
        columns: np.ndarray,
        jobs: int = 1,
    ) -> Self:
        """A first pass.

        sample: of the model's genes; rows: places of these cells in the file, sorted, (n_sample,)
        (see ``neighbours.sampled_rows``); columns: the model's genes that the references have,
        in their order; jobs: threads, which do not change a digit.
        """
        alone = cls.alone(references, columns, sample.present)
        sample = alone._chosen(sample)
        neighbours = Neighbours.learn(sample, rows, jobs)
        if neighbours is None:
            return alone
        averaged = neighbours.averaged(sample, neighbours.of(sample, rows))
        squares = averaged.squares()
        shift = _shift(alone.comparison, averaged, squares)
        view = replace(alone, neighbours=neighbours, shift=shift)
        scored = view.comparison.scores(view._products(averaged), squares, shift)
        return replace(view, offset=OFFSET_SHARE * _offset(*scored))

    @classmethod
    def alone(cls, references: References, columns: np.ndarray, present: np.ndarray) -> Self:
        """Of a file of few cells; present: (n_genes,) bool, which of the model's genes it has."""
        has = present[columns]
        known = References(references.means[:, has], references.types)
        return cls(known, columns[has], None, np.zeros(has.sum()))

    def place(self, cells: GeneCounts) -> np.ndarray:
        """Where cells are in the file's own space, (n_cells, n_components); not of small files."""
        chosen = self._chosen(cells)
        return self.neighbours.space.place(log_normalize(chosen.counts, chosen.totals))

    def near(self, cells: GeneCounts, rows: np.ndarray) -> sp.csr_matrix | None:
        """Neighbours of cells in the sample (see ``Neighbours.of``), None in a small file."""
        return self.neighbours and self.neighbours.of(self._chosen(cells), rows)

    def smoothed(
        self, probabilities: np.ndarray, near: sp.csr_matrix | None, of_sample: np.ndarray
    ) -> np.ndarray:
        """Probabilities for broad names (see ``neighbours.smoothed``); as they are in small files.

        of_sample: of the cells that ``learn`` was given, (n_sample, n_types).
        """
        return probabilities if near is None else smoothed(probabilities, near, of_sample)

    def facts(self) -> dict[str, int | float]:
        """What a run should say of its first pass, as JSON values."""
        n_sampled = len(self.neighbours.rows) if self.neighbours else 0
        return {
            "cells_sampled": n_sampled,
            "genes_compared": len(self.columns),
            "offset": self.offset,
        }

    def score(self, cells: GeneCounts, near: sp.csr_matrix | None) -> np.ndarray:
        """How far cells are from all known types, (n_cells,): minus the largest cosine.

        near: of ``near`` for the same cells.
        """
        chosen = self._chosen(cells)
        if self.neighbours is None:
            averaged = Averages(log_normalize(chosen.counts, chosen.totals))
        else:
            averaged = self.neighbours.averaged(chosen, near)
        products, squares = self._products(averaged), averaged.squares()
        return self.comparison.scores(products, squares, self.shift)[0] - self.offset

    @cached_property
    def comparison(self) -> Comparison:
        """With the references."""
        return Comparison(self.references)

    @cached_property
    def _of_sample(self) -> np.ndarray | None:
        """Products of the sample's cells, each by itself, (n_sample, n_profiles + 1)."""
        vectors = self.comparison.vectors(self.shift)
        return self.neighbours and self.neighbours.values @ vectors

    def _products(self, averaged: Averages) -> np.ndarray:
        return averaged.times(self.comparison.vectors(self.shift), self._of_sample)

    def _chosen(self, cells: GeneCounts) -> GeneCounts:
        present = np.ones(len(self.columns), dtype=bool)
        return GeneCounts(cells.counts[:, self.columns], cells.totals, present)


def _shift(comparison: Comparison, averaged: Averages, squares: np.ndarray) -> np.ndarray:
    """By how much the file's genes are above those of training, (n_genes,).

    The median over types of what the cells nearest to each are above it; zeros with one type, of
    which shift and stranger cannot be told apart. averaged: the sample's cells.
    """
    of_types = comparison.of_types
    shift = np.zeros(of_types.shape[1])
    for _ in range(ROUNDS):
        vectors = comparison.vectors(shift)
        products = averaged.times(vectors, averaged.own @ vectors)
        cosines, _ = comparison.cosines(products, squares, shift)
        nearest, moved = cosines.argmax(axis=1), []
        for code in np.flatnonzero(np.bincount(nearest) >= FEWEST_SHIFTED):
            own = np.flatnonzero(nearest == code)
            order = np.argsort(-cosines[own, code], kind="stable")
            closest = own[order[: int(np.ceil(NEAREST_SHARE * len(own)))]]
            moved.append(averaged.mean_among(closest) - of_types[code])
        if len(moved) > 1:
            shift = np.median(moved, axis=0)
    return shift


def _offset(score: np.ndarray, nearest: np.ndarray) -> float:
    """How far known cells of this file are: the types that are nearest are surely known."""
    sizes = np.bincount(nearest)
    medians = [np.median(score[nearest == t]) for t in np.flatnonzero(sizes >= FEWEST_SCORED)]
    return float(np.quantile(medians, OFFSET_QUANTILE)) if medians else 0.0
