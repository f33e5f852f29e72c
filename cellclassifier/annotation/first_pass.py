"""A first look at a file: what all its cells share, before any of them is judged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import scipy.sparse as sp

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.in_order import in_order
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier
from cellclassifier.trust.far import Profiles
from cellclassifier.trust.file_view import FileView
from cellclassifier.trust.neighbours import FEWEST_CELLS, sample_of, sampled_rows

Smooth = Literal["nothing", "broad", "all"]
SEED = 42  # of the sample, so that a file is annotated alike every time
CHUNK_CELLS = 10_000
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FirstPass:
    """What a sample of a file tells of each of its cells.

    profiles, view: None of a model that learned no profiles; of_sample: calibrated probabilities
    of the sampled cells, (n_sample, n_types), where any names are averaged over neighbours; smooth:
    which of them are: none ("nothing"), those of several types ("broad"), or "all"; keeps_places:
    whether cells are placed in the file's own space, too, to find clusters there.
    """

    profiles: Profiles | None = None
    view: FileView | None = None
    of_sample: np.ndarray | None = None
    smooth: Smooth = "nothing"
    keeps_places: bool = False

    @classmethod
    def over(
        cls,
        model: GeneClassifier,
        chunks: Iterable[sp.csr_matrix],
        align: Callable[[sp.csr_matrix], GeneCounts],
        n_cells: int,
        smooth: Smooth = "nothing",
    ) -> FirstPass:
        """Look at up to 20,000 of a file's cells; the same ones whatever the chunks.

        chunks: the file's raw counts; align: gives those of the model's genes; smooth: which names
        will be averaged over neighbours; where that cannot be, the log says so.
        """
        if model.type_profiles_ is None:
            found = cls()
        else:
            rows = sampled_rows(n_cells, SEED)
            sample = sample_of(chunks, rows, align, model.jobs)
            found = cls.of_sample_at(model, sample, rows, smooth)
        if smooth != "nothing" and found.of_sample is None:
            log.warning(
                "No name is averaged over a cell's neighbours: that takes at least "
                f"{FEWEST_CELLS} cells that differ, and a model that learned profiles of its types."
            )
        return found

    @classmethod
    def of_sample_at(
        cls, model: GeneClassifier, sample: GeneCounts, rows: np.ndarray, smooth: Smooth = "nothing"
    ) -> FirstPass:
        """From cells of the model's genes; rows: their places in the file, sorted."""
        if model.type_profiles_ is None:
            return cls()
        work = [partial(model.type_profiles_.view, sample, rows, model.jobs)]
        if smooth != "nothing" and len(rows) >= FEWEST_CELLS:
            work.append(partial(_probabilities, model, sample))
        jobs = model.jobs if model.answers_in_threads else 1
        view, *of_sample = in_order(_called, work, jobs)
        is_of_use = of_sample and view.neighbours is not None
        return cls(model.type_profiles_, view, of_sample[0] if is_of_use else None, smooth)

    def look(self, cells: GeneCounts, rows: np.ndarray) -> tuple[np.ndarray, sp.csr_matrix | None]:
        """Whether cells are far from all known types, (n_cells,) bool, and their neighbours.

        rows: places of these cells in the file. Raises ValueError of a model without profiles.
        """
        if self.view is None:
            raise ValueError("the model learned no profiles of its types")
        near = self.view.near(cells, rows)
        return self.profiles.is_far(self.view.score(cells, near), self.view), near

    def smoothed(self, probabilities: np.ndarray, near: sp.csr_matrix | None) -> np.ndarray:
        """Averaged over neighbours; as they are where that was not asked for."""
        if self.of_sample is None:
            return probabilities
        return self.view.smoothed(probabilities, near, self.of_sample)

    def own_places(self, cells: GeneCounts) -> np.ndarray | None:
        """Where cells are in the file's own space, (n_cells, n_components), if that was asked."""
        return self.view.place(cells).astype(np.float32) if self.keeps_places else None

    def with_places(self, option: str) -> FirstPass:
        """The same, to find clusters by; InputError where a file has no space of its own."""
        if self.view is None or self.view.neighbours is None:
            raise InputError(
                f"{option} leiden needs at least {FEWEST_CELLS} cells that differ, and a model "
                "that learned profiles of its types: name a column of obs that has clusters"
            )
        return replace(self, keeps_places=True)

    def facts(self) -> dict[str, int | float]:
        """What a run should say of it, as JSON values: cells_sampled, genes_compared, offset."""
        return {} if self.view is None else self.view.facts()


def _called(work: Callable):
    return work()


def _probabilities(model: GeneClassifier, cells: GeneCounts) -> np.ndarray:
    starts = range(0, len(cells), CHUNK_CELLS)
    parts = [model.outputs(cells[start : start + CHUNK_CELLS]).probabilities for start in starts]
    return model.calibrated(np.concatenate(parts), to_average=True).astype(np.float32)
