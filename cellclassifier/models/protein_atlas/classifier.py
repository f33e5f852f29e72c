"""Which places of the cell a protein is at: embedded images in, a probability per place out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from cellclassifier.data.stored_arrays import claimed_shapes
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier, Outputs
from cellclassifier.model_folder import AGAIN
from cellclassifier.models.one_vs_rest.extra_trees import ExtraTrees
from cellclassifier.models.protein_atlas.forests import grow_all
from cellclassifier.models.protein_atlas.options import METHODS, ORIGINAL, WEIGHTED, AtlasOptions
from cellclassifier.models.protein_atlas.thresholds import (
    NEVER,
    fit_scale,
    fit_thresholds,
    scaled,
)
from cellclassifier.protocol.multi_label import MultiLabel

FORESTS = "forests.npz"
PARTS_OF_TREES = tuple(part.name for part in fields(ExtraTrees))
SCALES = ("scales", "thresholds")


@dataclass
class AtlasClassifier(Classifier):
    """A forest of extremely randomised trees per place, on features of fluorescence images.

    Its input are embedded images, (n, n_features) float32, as ``embed`` makes them. Several places
    may be given; where none passes its threshold it is the most probable one. Probabilities are
    calibrated, and thresholds fixed, by inner folds of the training images: what is said of an
    image does not depend on which others are asked about with it.

    method: how rare places are dealt with, see ``options.METHODS``; groups: (n_train,) of the
    training images, antibodies or plates, kept whole in inner folds where there are two or more;
    made_by: how inputs were embedded, JSON values that are saved with the model.
    """

    method: str = WEIGHTED
    options: AtlasOptions = field(default_factory=AtlasOptions)
    seed: int = 0
    jobs: int = 1
    made_by: dict = field(default_factory=dict)
    groups: np.ndarray | None = None
    version = 1
    packages = ("numpy", "scikit-learn")

    def _fit(self, x: np.ndarray, targets: MultiLabel, validation) -> None:
        x = _as_features(x)
        answers = targets.answers
        self.n_features_ = x.shape[1]
        undersample, original = self.method != WEIGHTED, self.method == ORIGINAL
        options = replace(self.options, inner_folds=0) if original else self.options
        rest = (self.seed, self.jobs, undersample, self.groups)
        self.forests_, shares = grow_all(x, targets, options, *rest)
        if original:
            self.scales_ = np.tile([1.0, 0.0], (len(targets.names), 1))
            self.thresholds_ = np.full(len(targets.names), 0.5)
        else:
            columns = zip(shares.T, answers.T, strict=True)
            self.scales_ = np.array([fit_scale(*column) for column in columns])  # (n_names, 2)
            self.thresholds_ = fit_thresholds(self._scaled(shares), answers)
        self._decide_by_thresholds()

    def outputs(self, x: np.ndarray) -> Outputs:
        """Probabilities from inner calibration, and the features as they are."""
        x = _as_features(x)
        if x.shape[1] != self.n_features_:
            raise InputError(
                f"images have {x.shape[1]} features, this model was trained on "
                f"{self.n_features_}: embed them as the model's were"
            )
        shares = np.stack([forest.probability(x) for forest in self.forests_], axis=1)
        return Outputs(self._scaled(shares), x)

    def _scaled(self, shares: np.ndarray) -> np.ndarray:
        columns = zip(shares.T, self.scales_, strict=True)
        return np.stack([scaled(share, *scale) for share, scale in columns], axis=1)

    def _calibrate(self, outputs, targets, validation) -> None:
        super()._calibrate(outputs, targets, validation)
        self._decide_by_thresholds()

    def _decide_by_thresholds(self) -> None:
        """Those of ``_fit``, at the temperature that later validation images may have given."""
        used = self.thresholds_.copy()
        reached = used < NEVER
        used[reached] = expit(logit(used[reached]) / self.calibration_.temperature)
        never_none = self.method != ORIGINAL
        self.targets_ = replace(self.targets_, thresholds=used, at_least_one=never_none)

    def n_features(self) -> int:
        """Columns of its input."""
        return self.n_features_

    def _save_parts(self, folder: Path) -> dict:
        arrays = {"scales": self.scales_, "thresholds": self.thresholds_}
        for i, forest in enumerate(self.forests_):
            arrays |= {f"{i}_{name}": getattr(forest, name) for name in PARTS_OF_TREES}
        np.savez_compressed(folder / FORESTS, **arrays)
        return {
            "n_features": self.n_features_,
            "options": asdict(self.options),
            "made_by": self.made_by,
        }

    @classmethod
    def _load_parts(cls, folder: Path, description: dict) -> AtlasClassifier:
        try:
            n_features, n_places = description["n_features"], len(description["types"])
            if type(n_features) is not int or not isinstance(description["made_by"], dict):
                raise ValueError("no number of features, or nothing of how they were made")
            if description["method"] not in METHODS:
                raise ValueError(f"the method {description['method']!r}")
            model = cls(description["method"], AtlasOptions(**description["options"]))
            model.made_by = description["made_by"]
            arrays = _stored(folder / FORESTS, n_places)
            model.scales_, model.thresholds_ = (arrays[name] for name in SCALES)
            model.forests_ = [
                ExtraTrees(*(arrays[f"{i}_{name}"] for name in PARTS_OF_TREES))
                for i in range(n_places)
            ]
            for forest in model.forests_:
                forest.check(n_features)
        except Exception as error:  # whatever a damaged or hostile file provokes in its reader
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise InputError(f"{folder / FORESTS} cannot be read ({reason}): {AGAIN}") from error
        model.n_features_ = n_features
        return model

    def _restore(self, folder: Path, description: dict) -> None:
        super()._restore(folder, description)
        if not isinstance(self.targets_, MultiLabel):
            raise ValueError("a model of places that asks for one label")
        self._decide_by_thresholds()


def _as_features(x) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim != 2 or x.dtype.kind not in "fiu":
        raise InputError(
            f"images are {x.dtype} of shape {x.shape}: expected features, (n_images, n_features)"
        )
    x = np.ascontiguousarray(x, dtype=np.float32)
    if not np.isfinite(x).all():
        raise InputError("some features of images are no finite numbers: embed the images again")
    return x


def _stored(path: Path, n_places: int) -> dict[str, np.ndarray]:
    """The arrays of a model's file, after a look at how large they claim to be."""
    from zipfile import ZipFile

    expected = {*SCALES} | {f"{i}_{name}" for i in range(n_places) for name in PARTS_OF_TREES}
    with ZipFile(path) as archive:
        members = archive.infolist()
        if {member.filename.removesuffix(".npy") for member in members} != expected:
            raise ValueError("other arrays than those of a model")
        n_bytes = sum(member.file_size for member in members)
        if n_bytes > max(200 * path.stat().st_size, 2**28):
            raise ValueError(f"{path.stat().st_size:,} bytes that would be {n_bytes:,} unpacked")
        claimed_shapes(archive, members)
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in expected}
    scales, thresholds = (arrays[name] for name in SCALES)
    if scales.shape != (n_places, 2) or thresholds.shape != (n_places,):
        raise ValueError("scales or thresholds of other places")
    if not (np.isfinite(scales).all() and (thresholds > 0).all() and (thresholds <= NEVER).all()):
        raise ValueError("scales or thresholds that are none")
    return arrays
