"""The one interface of every classifier: cells (AnnData of raw counts) in, cell types out."""

from __future__ import annotations

import importlib.metadata
import inspect
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from cellclassifier import model_folder as saved
from cellclassifier.errors import InputError
from cellclassifier.trust.calibration import Calibration, fit_calibration
from cellclassifier.trust.novelty import NOVELTY_FILE, Novelty


@dataclass(frozen=True)
class Outputs:
    """What a model makes of some cells.

    probabilities: (n_cells, n_types) before calibration, rows sum to 1; features: (n_cells,
    n_features), dense or CSR, the numbers in which the model sees the cells.
    """

    probabilities: np.ndarray
    features: np.ndarray | sp.csr_matrix


class CellClassifier(ABC):
    """A classifier of cells; it normalises and selects genes itself, from its training cells.

    A new system subclasses it in a file of its own. ``fit`` sets ``classes_`` (sorted type
    names) and ``genes_`` (the var_names it looks at). ``learn_trust`` may follow: then
    probabilities are calibrated (``calibration_``) and strangers are told (``novelty_``).
    """

    method: str  # the name in tables, file names and folders
    packages: tuple[str, ...] = ("numpy",)  # whose versions a saved model depends on
    classes_: np.ndarray
    genes_: np.ndarray
    jobs: int = 1  # threads to predict with
    calibration_: Calibration = Calibration()
    novelty_: Novelty | None = None
    symbols_: np.ndarray | None = None  # of genes_, for cells whose genes are named otherwise
    provenance_: dict | None = None  # of a loaded model: data, split, digest

    @abstractmethod
    def fit(self, cells: ad.AnnData, labels: np.ndarray, validation=None) -> Self:
        """Learn from raw counts; ``validation`` is (cells, labels), for choices only."""

    @abstractmethod
    def outputs(self, cells: ad.AnnData) -> Outputs:
        """Probabilities and features of any cells of raw counts; genes are found by name."""

    @abstractmethod
    def _save_parts(self, folder: Path) -> dict:
        """Write what was learned into ``folder``; return what model.json must hold beside it."""

    @classmethod
    @abstractmethod
    def _load_parts(cls, folder: Path, description: dict) -> Self:
        """Read what ``_save_parts`` wrote; ``description`` is the content of model.json."""

    def gene_importance(self) -> np.ndarray:
        """How much the model leans on each of ``genes_``, (n_genes,) >= 0; equal by default."""
        return np.ones(len(self.genes_))

    def n_features(self) -> int:
        """Columns of the features that ``outputs`` gives; by default one for each of ``genes_``."""
        return len(self.genes_)

    def use_jobs(self, jobs: int) -> None:
        """Predict with so many threads from now on."""
        self.jobs = jobs

    def predict_proba(self, cells: ad.AnnData) -> np.ndarray:
        """Calibrated probability of every type for every cell, (n_cells, n_types)."""
        return self.calibration_.apply(self.outputs(cells).probabilities)

    def predict(self, cells: ad.AnnData) -> np.ndarray:
        """Most probable type of every cell, (n_cells,)."""
        return self.classes_[self.predict_proba(cells).argmax(axis=1)]

    def name_genes(self, var: pd.DataFrame) -> None:
        """Note the symbols of ``genes_``, var["gene_symbol"], by which other files may name them.

        A gene that is not in ``var``, or without a symbol, goes by its id.
        """
        known = var["gene_symbol"].astype(str).to_dict()
        self.symbols_ = np.array([known.get(gene, gene) for gene in self.genes_.tolist()])

    def learn_trust(self, train: Outputs, labels: np.ndarray, validation: Outputs, val_labels):
        """Learn a temperature from validation cells, and what known cells look like.

        train, labels: what ``fit`` saw, and its outputs; validation, val_labels: cells that it did
        not learn from.
        """
        self.calibration_ = fit_calibration(val_labels, validation.probabilities, self.classes_)
        self.novelty_ = Novelty.fit(
            train.features, labels, validation.features, validation.probabilities
        )

    def save(self, folder: Path, **provenance) -> None:
        """Save without pickle into ``folder``, which is replaced whole once all is written.

        provenance: JSON values kept in model.json, for instance the data file's SHA-256.
        """
        importance = self.gene_importance().astype(float)
        symbols = self.genes_ if self.symbols_ is None else self.symbols_
        description = {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "method": self.method,
            "types": self.classes_.tolist(),
            "versions": {name: importlib.metadata.version(name) for name in self.packages},
            "calibration": asdict(self.calibration_),
            **provenance,
            "genes": self.genes_.tolist(),
            "symbols": np.asarray(symbols).tolist(),
            "importance": (importance / max(importance.sum(), 1e-300)).tolist(),
        }
        saved.write(folder, description, self._write_parts)

    def _write_parts(self, folder: Path) -> dict:
        if self.novelty_ is not None:
            self.novelty_.save(folder / NOVELTY_FILE)
        return self._save_parts(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a saved model; InputError when the folder does not hold a whole one of this class.

        ``CellClassifier.load`` reads a model of any class.
        """
        folder = Path(folder)
        description = saved.read_description(folder)
        kind = saved.class_of(description, folder)
        if not issubclass(kind, cls) or inspect.isabstract(kind):
            raise InputError(f"{folder} holds a {kind.__name__}, expected a {cls.__name__}")
        model = kind._load_parts(folder, description)
        model.classes_ = np.array(description["types"])
        model.genes_ = np.array(description["genes"])
        model.symbols_ = np.array(description["symbols"])
        model.provenance_ = {key: description.get(key) for key in ("data", "split", "digest")}
        model._load_trust(folder, description)
        return model

    def _load_trust(self, folder: Path, description: dict) -> None:
        try:
            self.calibration_ = Calibration(**description["calibration"])
            if not 0 < self.calibration_.temperature < np.inf:
                raise ValueError(f"a temperature of {self.calibration_.temperature}")
            if NOVELTY_FILE in description["files"]:
                self.novelty_ = Novelty.load(
                    folder / NOVELTY_FILE, self.n_features(), len(self.classes_)
                )
        except (TypeError, ValueError) as error:
            raise InputError(f"{folder} is damaged ({error}): {saved.AGAIN}") from error
