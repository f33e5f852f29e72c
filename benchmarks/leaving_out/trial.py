"""A study that is left out, the cells that models learn from instead, and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import anndata as ad
import numpy as np

from benchmarks.leaving_out.cells import Study, left_out, training_cells
from benchmarks.leaving_out.scores import file_of, near_in, scored, scored_broadly
from cellclassifier.data.marker_labels import by_markers
from cellclassifier.trust.neighbours import smoothed


@dataclass(frozen=True)
class Answers:
    """What a method says of a study's cells.

    types: (n_types,) str; probabilities: calibrated, (n_cells, n_types); to_average: as they are
    before they are averaged over neighbours; seconds: of one core, for the fit.
    """

    types: np.ndarray
    probabilities: np.ndarray
    to_average: np.ndarray
    seconds: float


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

    @property
    def labels(self) -> np.ndarray:
        """Of the study's cells, (n_cells,) str."""
        return self.cells.obs["cell_type"].to_numpy(str)

    def averaged(self, answers: Answers) -> np.ndarray:
        """Probabilities averaged over neighbours, (n_cells, n_types)."""
        return smoothed(answers.to_average, self.near, answers.to_average)

    def scores(self, answers: Answers) -> dict[str, float]:
        """Of single cells, and of cells averaged over their neighbours (averaged_...).

        markers_accuracy: averaged, of labels that the cells' counts of CD4 and CD8 do not
        contradict.
        """
        labels, types = self.labels, answers.types
        averaged = self.averaged(answers)
        row = scored(answers.probabilities, types, labels)
        row |= {f"averaged_{k}": v for k, v in scored(averaged, types, labels).items()}
        row |= scored_broadly(averaged, types, labels)
        agreed = by_markers(self.cells, labels)
        row |= {"markers_accuracy": scored(averaged, types, agreed)["accuracy"]}
        return row | {"n_known": int(np.isin(labels, types).sum()), "n_cells": len(labels)}


def opened(study: Study) -> LeftOut | None:
    """Its cells and those of other laboratories; None where a file is not at hand."""
    cells = left_out(study)
    known = None if cells is None else training_cells(study, cells)
    return None if known is None else LeftOut(study, cells, known)
