"""The contract of every model: cells (or images) in, probabilities of what was asked out."""

from __future__ import annotations

import inspect
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin

from cellclassifier import model_folder
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.library_size import LIBRARY_SIZE_FILE, CountedGenes
from cellclassifier.data.match_genes import GeneMatch, match_genes
from cellclassifier.data.studies import STUDY
from cellclassifier.data.texts import printable
from cellclassifier.data.validate import check_counts
from cellclassifier.errors import InputError
from cellclassifier.output.versions import made_with, versions_of
from cellclassifier.protocol.questions import as_targets, question
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.protocol.targets import Targets
from cellclassifier.trust import across_studies
from cellclassifier.trust.calibration import Calibration, fit_calibration
from cellclassifier.trust.far import PROFILES_FILE, Profiles
from cellclassifier.trust.novelty import NOVELTY_FILE, Novelty


@dataclass(frozen=True)
class Outputs:
    """What a model makes of some cells.

    probabilities: (n_cells, n_names) before calibration; features: (n_cells, n_features), dense or
    CSR, the numbers in which the model sees the cells.
    """

    probabilities: np.ndarray
    features: np.ndarray | sp.csr_matrix


class Classifier(ABC):
    """A model of any input. A new system subclasses it in a file of its own.

    After ``fit``: ``targets_`` (what it is asked, without answers), ``calibration_``, ``novelty_``
    (None without validation cells), ``fit_seconds_`` (of learning, without calibration).
    """

    method: str  # the name in tables, file names and folders
    version: int = 1  # raised when the method's results change: finished parts depend on it
    packages: tuple[str, ...] = ("numpy",)  # whose versions a saved model depends on
    targets_: Targets
    calibration_: Calibration = Calibration()
    novelty_: Novelty | None = None
    fit_seconds_: float = 0.0
    provenance_: dict | None = None  # of a loaded model: data, split, digest

    @abstractmethod
    def _fit(self, x, targets: Targets, validation: tuple | None) -> None:
        """Learn; ``validation`` is (x, targets), for choices only."""

    def _note_inputs(self, x) -> None:
        """Note of the training input what new inputs will be matched by."""

    @abstractmethod
    def outputs(self, x) -> Outputs:
        """Probabilities before calibration, and features."""

    @abstractmethod
    def n_features(self) -> int:
        """Columns of the features that ``outputs`` gives."""

    @abstractmethod
    def _save_parts(self, folder: Path) -> dict:
        """Write what was learned into ``folder``; return what model.json must hold beside it."""

    @classmethod
    @abstractmethod
    def _load_parts(cls, folder: Path, description: dict) -> Self:
        """Read what ``_save_parts`` wrote; ``description`` is the content of model.json."""

    @property
    def classes_(self) -> np.ndarray:
        """(n_names,) str: the columns of probabilities."""
        return self.targets_.names

    def fit(self, x, targets, validation=None) -> Self:
        """Learn, calibrate, and learn what known cells look like.

        x: the model's input, n rows; targets: ``Targets``, or an array of labels (n,);
        validation: (x, targets) of cells to choose by, without which nothing is calibrated.
        Raises InputError where a validation cell has a label that no training cell has.
        """
        self.fit_with_outputs(x, targets, validation)
        return self

    def fit_with_outputs(self, x, targets, validation=None) -> dict[str, Outputs]:
        """``fit``; returns the outputs that it computed on the way, of "train" and "val"."""
        targets = as_targets(targets)
        if len(targets.names) < 2 and isinstance(targets, SingleLabel):
            raise InputError(
                f"{self.method} tells types apart: expected labels of 2 or more, found "
                f"{', '.join(map(printable, targets.names.tolist())) or 'none'}"
            )
        self.targets_, self.calibration_, self.novelty_ = targets[:0], Calibration(), None
        if validation is not None:
            val_x, answers = validation
            answers = answers.answers if isinstance(answers, Targets) else answers
            validation = val_x, targets.alike(answers)
        start = time.perf_counter()
        self._fit(x, targets, validation)
        self.fit_seconds_ = time.perf_counter() - start
        self._note_inputs(x)
        if validation is None:
            return {}
        outputs = {"train": self.outputs(x), "val": self.outputs(validation[0])}
        self._calibrate(outputs, targets, validation[1])
        return outputs

    def _calibrate(self, outputs: dict[str, Outputs], targets: Targets, validation: Targets):
        self.calibration_ = fit_calibration(validation, outputs["val"].probabilities)
        clusters = targets.clusters()
        if clusters is not None:
            known, new = outputs["train"], outputs["val"]
            self.novelty_ = Novelty.fit(known.features, clusters, new.features, new.probabilities)

    def calibrated(self, probabilities: np.ndarray, to_average: bool = False) -> np.ndarray:
        """Probabilities of ``outputs`` as they should be believed, (n, n_names).

        to_average: they are to be averaged over neighbours before they are believed.
        """
        known = self.calibration_
        temperature = known.of_averages if to_average else known.temperature
        return self.targets_.tempered(probabilities, temperature)

    def predict_proba(self, x) -> np.ndarray:
        """Calibrated probability of every name for every row of x, (n, n_names)."""
        return self.calibrated(self.outputs(x).probabilities)

    def predict(self, x) -> np.ndarray:
        """The answer for every row of x: for one label (n,) str, for several (n, n_names) bool."""
        return self.targets_.decide(self.predict_proba(x))

    def use_jobs(self, jobs: int) -> None:
        """Predict with so many threads from now on."""
        self.jobs = jobs

    def save(self, folder: Path, **provenance) -> None:
        """Save without pickle into ``folder``, which is replaced whole once all is written.

        provenance: JSON values kept in model.json, for instance the data file's SHA-256. What the
        model card tells of them: data (file, sha256, shape), split, group_key, and those of
        ``Evaluation.facts``.
        """
        description = {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "method": self.method,
            "question": self.targets_.kind,
            "types": self.classes_.tolist(),
            "about": self._about(),
            "versions": versions_of(*self.packages),
            "made_with": made_with(),
            "calibration": asdict(self.calibration_),
            "tells_unknown_cells": self.novelty_ is not None,
            **provenance,
            **self._description(),
        }
        model_folder.write(folder, description, self._write_parts)

    def _about(self) -> list[str]:
        """Sentences of Markdown that say what the model is, for its card."""
        return [inspect.getdoc(type(self)).splitlines()[0]]

    def _description(self) -> dict:
        """What model.json holds beside what every model has."""
        return {}

    def _write_parts(self, folder: Path) -> dict:
        if self.novelty_ is not None:
            self.novelty_.save(folder / NOVELTY_FILE)
        return self._save_parts(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a saved model; InputError when the folder does not hold a whole one of this class.

        ``Classifier.load`` reads a model of any class.
        """
        folder = Path(folder)
        description = model_folder.read_description(folder)
        kind = model_folder.class_of(description, folder)
        if not issubclass(kind, cls) or inspect.isabstract(kind):
            raise InputError(f"{folder} holds a {kind.__name__}, expected a {cls.__name__}")
        kind._check_description(description, folder)
        model = kind._load_parts(folder, description)
        model.provenance_ = {key: description.get(key) for key in ("data", "split", "digest")}
        try:
            model._restore(folder, description)
        except (TypeError, ValueError) as error:
            raise InputError(f"{folder} is damaged ({error}): {model_folder.AGAIN}") from error
        return model

    @classmethod
    def _check_description(cls, description: dict, folder: Path) -> None:
        """Raise InputError where what ``_description`` wrote is not there."""

    def _restore(self, folder: Path, description: dict) -> None:
        """Take up what every model has; TypeError or ValueError where it is damaged."""
        self.targets_ = question(description["question"], description["types"])
        self.calibration_ = Calibration(**description["calibration"])
        for temperature in (self.calibration_.temperature, self.calibration_.of_averages):
            if not 0 < temperature < np.inf:
                raise ValueError(f"a temperature of {temperature}")
        if NOVELTY_FILE in description["files"]:
            n_types = len(self.classes_)
            self.novelty_ = Novelty.load(folder / NOVELTY_FILE, self.n_features(), n_types)


class GeneClassifier(ClassifierMixin, BaseEstimator, Classifier):
    """A model of count matrices: AnnData of raw counts, or ``GeneCounts`` of its own genes.

    It normalises and selects genes itself, from its training cells. ``_fit`` sets ``genes_``, the
    var_names that it looks at; new cells are aligned to them here, once, and ``_outputs`` is given
    its columns in its order.

    An estimator of scikit-learn's, with AnnData for X: ``get_params``, ``set_params``, ``clone``,
    ``score`` (accuracy), ``cross_val_score``. So ``__init__`` keeps its arguments as they are.
    """

    genes_: np.ndarray
    symbols_: np.ndarray  # of genes_, for cells whose genes are named otherwise
    counted_: CountedGenes | None = None  # whose sum is a total; None: of all genes of a file
    type_profiles_: Profiles | None = None  # of known types, to tell what is far from all of them
    jobs: int = 1  # threads to predict with
    calibrates_averages: bool = False  # with several studies; as many more fits as these
    answers_in_threads: bool = False  # whether ``outputs`` may be asked by several at once

    @abstractmethod
    def _outputs(self, cells: GeneCounts) -> Outputs:
        """Probabilities before calibration, and features, from counts of ``genes_``."""

    def fit_with_outputs(self, x, targets, validation=None) -> dict[str, Outputs]:
        """As every classifier; counts of any layout and type, InputError for other values.

        Where ``x.obs`` has the column "study", what is far is learned by leaving studies out.
        """
        self.counted_ = self.type_profiles_ = None
        x, targets = raw_counts(x), as_targets(targets)
        validation = validation and (raw_counts(validation[0]), validation[1])
        outputs = super().fit_with_outputs(x, targets, validation)
        if isinstance(x, ad.AnnData):
            self._learn_profiles(x, targets.clusters(), validation and validation[0])
            if self.calibrates_averages and STUDY in x.obs and validation:
                answers = validation[1]
                answers = answers if isinstance(answers, Targets) else targets.alike(answers)
                held_out = validation[0], answers.labels
                learned = across_studies.temperature(self, (x, targets.labels), held_out)
                self.calibration_ = replace(self.calibration_, averaged_temperature=learned)
        return outputs

    def believed(self, cells: ad.AnnData, labels: np.ndarray) -> np.ndarray:
        """The labels that this method would learn of these cells, (n_cells,)."""
        return labels

    def _learn_profiles(self, x: ad.AnnData, labels: np.ndarray | None, validation) -> None:
        """Learn what known types look like; labels: of training cells, None where there are none.

        validation: cells that were not learned from, or None.
        """
        if labels is None:
            return
        studies = x.obs[STUDY].to_numpy(str) if STUDY in x.obs else None
        new = None if validation is None else self.align(validation)
        self.type_profiles_ = Profiles.fit(self.align(x), labels, studies, new)

    def outputs(self, cells: ad.AnnData | GeneCounts) -> Outputs:
        """Probabilities before calibration, and features; genes are found by name."""
        return self._outputs(self.align(cells))

    def align(self, cells: ad.AnnData | GeneCounts) -> GeneCounts:
        """Counts of ``genes_`` in their order; what is aligned already stays as it is."""
        if isinstance(cells, GeneCounts):
            return cells
        return self.match(cells.var).align(cells.X)

    def match(self, var: pd.DataFrame) -> GeneMatch:
        """Where ``genes_`` are in a gene table, and which of its columns make a cell's total."""
        match = match_genes(self.genes_, self.symbols_, var)
        return match if self.counted_ is None else self.counted_.limit(match, var)

    def _note_inputs(self, x: ad.AnnData) -> None:
        """Note which genes totals are sums of, and symbols by which other files may name genes.

        Symbols are var["gene_symbol"]; a gene without one goes by its id.
        """
        self.counted_ = CountedGenes.of(x)
        known = x.var["gene_symbol"].astype(str).to_dict() if "gene_symbol" in x.var else {}
        self.symbols_ = np.array([known.get(gene, gene) for gene in self.genes_.tolist()])

    def gene_importance(self) -> np.ndarray:
        """How much the model leans on each of ``genes_``, (n_genes,) >= 0; equal by default."""
        return np.ones(len(self.genes_))

    def n_features(self) -> int:
        """Columns of the features; by default one for each of ``genes_``."""
        return len(self.genes_)

    def _description(self) -> dict:
        importance = self.gene_importance().astype(float)
        return {
            "tells_far_cells": self.type_profiles_ is not None,
            "genes": self.genes_.tolist(),
            "symbols": self.symbols_.tolist(),
            "importance": (importance / max(importance.sum(), 1e-300)).tolist(),
        }

    def _write_parts(self, folder: Path) -> dict:
        if self.counted_ is not None:
            self.counted_.save(folder / LIBRARY_SIZE_FILE)
        if self.type_profiles_ is not None:
            self.type_profiles_.save(folder / PROFILES_FILE)
        return super()._write_parts(folder)

    @classmethod
    def _check_description(cls, description: dict, folder: Path) -> None:
        model_folder.check_genes(description, folder)

    def _restore(self, folder: Path, description: dict) -> None:
        self.genes_ = np.array(description["genes"])
        self.symbols_ = np.array(description["symbols"])
        if LIBRARY_SIZE_FILE in description["files"]:  # older models have none
            self.counted_ = CountedGenes.load(folder / LIBRARY_SIZE_FILE)
        if PROFILES_FILE in description["files"]:  # nor these
            self.type_profiles_ = Profiles.load(folder / PROFILES_FILE, len(self.genes_))
        super()._restore(folder, description)
        importance = np.asarray(self.gene_importance(), dtype=float)
        if importance.shape != self.genes_.shape or not np.isfinite(importance).all():
            raise ValueError("the importance of its genes is no number")
        if (importance < 0).any():
            raise ValueError("the importance of its genes is negative")


def raw_counts(cells):
    """AnnData whose X is checked, CSR float32; itself where it is that already, as any other input.

    Raises InputError for values that are no counts.
    """
    if not isinstance(cells, ad.AnnData):
        return cells
    counts = cells.X
    is_csr = sp.issparse(counts) and counts.format == "csr"
    is_plain = is_csr and counts.has_canonical_format and bool(np.all(counts.data))
    # The check sorts and drops zeros in place, where there is something to sort or to drop.
    checked = check_counts(counts if is_plain else counts.copy(), *cells.shape)
    if is_plain and counts.dtype == np.float32:
        return cells
    return ad.AnnData(checked, obs=cells.obs, var=cells.var)
