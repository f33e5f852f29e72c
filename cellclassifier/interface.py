"""The one interface of every classifier: cells (AnnData of raw counts) in, cell types out."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path

import anndata as ad
import numpy as np

from cellclassifier.errors import InputError

FORMAT_VERSION = 1  # of a saved model's folder; a newer one is refused


class CellClassifier(ABC):
    """A classifier of cells; it normalises and selects genes itself, from its training cells.

    A new system subclasses it in a file of its own. ``fit`` sets ``classes_`` (sorted type
    names) and ``genes_`` (the var_names it looks at).
    """

    method: str  # the name in tables, file names and folders
    packages: tuple[str, ...] = ("numpy",)  # whose versions a saved model depends on
    classes_: np.ndarray
    genes_: np.ndarray

    @abstractmethod
    def fit(self, cells: ad.AnnData, labels: np.ndarray, validation=None) -> CellClassifier:
        """Learn from raw counts; ``validation`` is (cells, labels), for choices only."""

    @abstractmethod
    def predict_proba(self, cells: ad.AnnData) -> np.ndarray:
        """Probability of every type for every cell, (n_cells, n_types), rows sum to 1."""

    @abstractmethod
    def _save_parts(self, folder: Path) -> dict:
        """Write what was learned into ``folder``; return what model.json must hold beside it."""

    @classmethod
    @abstractmethod
    def _load_parts(cls, folder: Path, description: dict) -> CellClassifier:
        """Read what ``_save_parts`` wrote; ``description`` is the content of model.json."""

    def predict(self, cells: ad.AnnData) -> np.ndarray:
        """Most probable type of every cell, (n_cells,)."""
        return self.classes_[self.predict_proba(cells).argmax(axis=1)]

    def save(self, folder: Path, **provenance) -> None:
        """Save without pickle into ``folder``, which is replaced whole once all is written.

        provenance: JSON values kept in model.json, for instance the data file's SHA-256.
        """
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            description = {
                "format_version": FORMAT_VERSION,
                "method": self.method,
                "types": self.classes_.tolist(),
                "genes": self.genes_.tolist(),
                "versions": {name: importlib.metadata.version(name) for name in self.packages},
                **provenance,
                **self._save_parts(temporary),
            }
            (temporary / "model.json").write_text(json.dumps(description, indent=1) + "\n")
            temporary.chmod(0o755)  # mkdtemp makes it private
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> CellClassifier:
        """Read a saved model; InputError when the folder does not hold one of this class."""
        description = read_description(folder)
        model = cls._load_parts(Path(folder), description)
        model.classes_ = np.array(description["types"])
        model.genes_ = np.array(description["genes"])
        return model


def read_description(folder: Path) -> dict:
    """The checked content of a saved model's model.json."""
    path = Path(folder) / "model.json"
    try:
        description = json.loads(path.read_text())
        version = description["format_version"]
        description["method"], description["types"], description["genes"]
    except FileNotFoundError:
        raise InputError(f"{folder} holds no model.json: expected a folder made by save") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error!r}): train and save the model again") from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}: "
            "use the version of cellclassifier that saved it, or train again"
        )
    return description
