"""Rows of features that are kept between runs, by the digest of the image."""

from __future__ import annotations

import logging
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from cellclassifier.data.stored_arrays import claimed_shapes
from cellclassifier.output.files import atomic_path
from cellclassifier.protocol.finished import key_of

log = logging.getLogger(__name__)


class KeptRows:
    """Digest of an image -> (n_features,) float32; in memory alone where ``folder`` is None.

    Rows that depend on other options (``made_by``, JSON values) lie in another folder. Every
    ``add`` writes a file of its own, whole or not at all; a damaged one is made again.
    """

    def __init__(self, folder: Path | None, made_by: dict):
        self.folder = None if folder is None else Path(folder) / key_of(made_by)
        self.rows: dict[str, np.ndarray] = {}
        for path in sorted(self.folder.glob("*.npz")) if self.folder else ():
            try:
                self.rows |= _read(path)
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                log.warning(f"{path} is damaged ({error}): its images are embedded again.")

    def __contains__(self, digest: str) -> bool:
        return digest in self.rows

    def __getitem__(self, digest: str) -> np.ndarray:
        return self.rows[digest]

    def add(self, rows: dict[str, np.ndarray]) -> None:
        """Keep more rows."""
        self.rows |= rows
        if self.folder is None or not rows:
            return
        path = self.folder / f"{key_of([*rows])}.npz"
        with atomic_path(path) as temporary:
            np.savez(temporary, digests=np.array([*rows]), values=np.stack([*rows.values()]))


def _read(path: Path) -> dict[str, np.ndarray]:
    with ZipFile(path) as archive:
        claimed_shapes(archive, archive.infolist())
    with np.load(path, allow_pickle=False) as stored:
        digests, values = stored["digests"], stored["values"]
    if values.shape[:1] != digests.shape or values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError("rows and digests do not match")
    return dict(zip(digests.tolist(), values.astype(np.float32), strict=True))
