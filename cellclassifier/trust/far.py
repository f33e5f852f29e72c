"""Is a cell like any type that the model knows, in whatever laboratory it was measured?

Entropy and distance (``novelty``) compare a cell with cells of the training file, and refuse half
of the known cells of another laboratory. Here it is compared as ``file_view`` tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

import numpy as np
import scipy.sparse as sp
from sklearn.feature_selection import f_classif

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.trust.arrays import read_arrays
from cellclassifier.trust.file_view import FileView, References
from cellclassifier.trust.neighbours import FEWEST_CELLS, sampled_rows

PROFILES_FILE = "type_profiles.npz"
REFUSED_SHARE = 0.05  # of known cells
N_GENES = 2000  # at most: of more, those that differ most between types
FEWEST_OF_TYPE = 10  # cells of a type in a study, for a profile of its own
MANY_FAR = 0.3  # of a file
# With one study: its own cells are nearer to its profiles than those of other laboratories are, so
# that their 95 % quantile (-0.33 to -0.09 for studies of blood) would refuse too many. Thresholds
# that are learned by leaving out such studies are -0.16 to -0.07.
LEAST_THRESHOLD = -0.1
SLACK = 1e-6  # the digits of another machine must not refuse the cell that is the threshold


@dataclass(frozen=True)
class Profiles:
    """What known types look like in each training study, and how far a known cell may be.

    means: (n_profiles, n_columns) float16, mean log(1 + counts per 10,000) of a type in a study;
    types: (n_profiles,) int, codes from 0 on without gaps; columns: (n_columns,) int, which of
    the model's genes, ascending; thresholds: (2,) largest score of a known cell that is averaged
    over its neighbours, and of one that stands for itself, in files of under 100 cells.
    """

    means: np.ndarray
    types: np.ndarray
    columns: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def fit(
        cls,
        cells: GeneCounts,
        labels: np.ndarray,
        studies: np.ndarray | None = None,
        validation: GeneCounts | None = None,
        files: np.ndarray | None = None,
        seed: int = 42,
    ) -> Self:
        """Learn profiles of training cells, and thresholds from cells that are not in them.

        With two studies or more each is scored by the profiles of the others, as a new file will
        be. With one, the validation cells are, by those of the training cells (the training cells
        themselves where there are under 100 validation cells), and since they are of the same
        laboratory the threshold is at least ``LEAST_THRESHOLD``.

        cells: of the model's genes; labels: (n_cells,); studies: (n_cells,), the cells'
        laboratories; files: (n_cells,), which of a study's cells a file would hold, by default
        all; seed: of the sample of files with more than 20,000 cells.
        """
        labels = np.asarray(labels, dtype=str)
        studies = np.zeros(len(cells), dtype=int) if studies is None else np.asarray(studies)
        files = studies if files is None else np.asarray(files)
        columns = _telling_genes(cells, labels)
        chosen = _some_genes(cells, columns)
        values = log_normalize(chosen.counts, chosen.totals)
        profiles = cls(*_profiles(values, labels, studies), columns, np.full(2, np.inf))
        trials = list(_left_out(chosen, values, labels, studies, files))
        if trials:
            return replace(profiles, thresholds=_thresholds(trials, seed))
        enough = validation is not None and len(validation) >= FEWEST_CELLS
        new = _some_genes(validation, columns) if enough else chosen
        own = _thresholds([(profiles.references, new, np.ones(len(new), dtype=bool))], seed)
        return replace(profiles, thresholds=np.maximum(own, LEAST_THRESHOLD))

    @property
    def references(self) -> References:
        """The profiles, as cells are compared with them."""
        return References(self.means.astype(np.float64), self.types)

    def view(self, sample: GeneCounts, rows: np.ndarray, jobs: int = 1) -> FileView:
        """A first pass over a file (see ``FileView.learn``)."""
        return FileView.learn(sample, rows, self.references, self.columns, jobs)

    def is_far(self, score: np.ndarray, view: FileView) -> np.ndarray:
        """Whether cells with these scores are like no known type, (n_cells,) bool."""
        return score > self.thresholds[0 if view.neighbours else 1]

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path, n_genes: int) -> Self:
        """Read what ``save`` wrote; ValueError where it is damaged or of another model.

        n_genes: of the model.
        """
        arrays = read_arrays(path, [field.name for field in fields(cls)])
        kinds = {"means": (2, "f"), "types": (1, "i"), "columns": (1, "i"), "thresholds": (1, "f")}
        for name, (n_dimensions, kind) in kinds.items():
            array = arrays[name]
            if array.ndim != n_dimensions or array.dtype.kind != kind or not array.size:
                raise ValueError(f"{path.name}: {name} is no array of {n_dimensions} dimensions")
            if not np.isfinite(array).all():
                raise ValueError(f"{path.name}: {name} has values that are no numbers")
        profiles = cls(**arrays)
        if profiles.means.dtype != np.float16:  # of which no sum of squares is infinite
            raise ValueError(f"{path.name}: means are {profiles.means.dtype}, expected float16")
        if not profiles._fits(n_genes):
            raise ValueError(f"{path.name}: its arrays do not fit each other, or {n_genes} genes")
        return profiles

    def _fits(self, n_genes: int) -> bool:
        shapes_fit = self.means.shape == (len(self.types), len(self.columns))
        codes = np.unique(self.types)
        return bool(
            shapes_fit
            and self.thresholds.shape == (2,)
            and np.array_equal(codes, np.arange(len(codes)))
            and (np.diff(self.columns) > 0).all()
            and self.columns[0] >= 0
            and self.columns[-1] < n_genes
        )


def remark_on_far(far: np.ndarray) -> str | None:
    """What to say of a file of which many cells are far; None where few are."""
    if not len(far) or far.mean() <= MANY_FAR:
        return None
    return (
        f"{100 * far.mean():.0f} % of the cells are far from all types that the model knows: "
        "another tissue or species, stimulated cells, or no raw counts? Do not trust their names; "
        "train on cells that are like these"
    )


def _some_genes(cells: GeneCounts, columns: np.ndarray) -> GeneCounts:
    return GeneCounts(cells.counts[:, columns], cells.totals, cells.present[columns])


def _telling_genes(cells: GeneCounts, labels: np.ndarray) -> np.ndarray:
    """Columns of the ``N_GENES`` genes that differ most between types (F statistic), ascending."""
    n_genes = cells.counts.shape[1]
    if n_genes <= N_GENES or len(np.unique(labels)) == 1:
        return np.arange(min(n_genes, N_GENES))
    expressed = np.flatnonzero(np.bincount(cells.counts.indices, minlength=n_genes) >= 3)
    values = log_normalize(cells.counts, cells.totals)[:, expressed]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores, _ = f_classif(values, labels)
    return np.sort(expressed[np.argsort(-np.nan_to_num(scores, nan=-1), kind="stable")[:N_GENES]])


def _profiles(
    values: sp.csr_matrix, labels: np.ndarray, studies: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means of each type in each study that has enough of it, and the types' codes.

    A type that no study has enough of has a profile in the study with the most.
    """
    means, types = [], []
    for code, name in enumerate(np.unique(labels)):
        names, sizes = np.unique(studies[labels == name], return_counts=True)
        for study in names[sizes >= min(FEWEST_OF_TYPE, sizes.max())]:
            own = (labels == name) & (studies == study)
            means.append(np.asarray(values[own].mean(axis=0, dtype=np.float64)).ravel())
            types.append(code)
    return np.array(means, dtype=np.float16), np.array(types)


def _left_out(
    cells: GeneCounts, values, labels: np.ndarray, studies: np.ndarray, files: np.ndarray
) -> Iterator[tuple[References, GeneCounts, np.ndarray]]:
    """Every file, profiles of the studies that it is none of, and which cells these know."""
    for study in np.unique(studies):
        others = studies != study
        for file in np.unique(files[~others]):
            own = ~others & (files == file)
            known = np.isin(labels[own], labels[others])
            if known.any():
                means, types = _profiles(values[others], labels[others], studies[others])
                yield References(means.astype(np.float64), types), cells[own], known


def _thresholds(trials: list[tuple[References, GeneCounts, np.ndarray]], seed: int) -> np.ndarray:
    """Scores that ``REFUSED_SHARE`` of known cells exceed, mean over files, (2,).

    Of cells that are averaged over their neighbours, and of cells that stand for themselves.
    """
    averaged, alone = [], []
    for references, cells, known in trials:
        rows = sampled_rows(len(cells), seed)
        sample, known = cells[rows], known[rows]
        columns = np.arange(cells.counts.shape[1])
        single = FileView.alone(references, columns, cells.present)
        alone.append(_quantile_of_known(single, sample, known))
        view = FileView.learn(sample, np.arange(len(rows)), references, columns)
        if view.neighbours:
            averaged.append(_quantile_of_known(view, sample, known))
    return np.array([np.mean(averaged or alone), np.mean(alone)]) + SLACK


def _quantile_of_known(view: FileView, sample: GeneCounts, known: np.ndarray) -> float:
    score = view.score(sample, view.near(sample, np.arange(len(sample))))
    return float(np.quantile(score[known], 1 - REFUSED_SHARE))
