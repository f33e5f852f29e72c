"""CELLULAR as one method among others (see ``models.methods``)."""

from __future__ import annotations

from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import CellularOptions

QUICK_EPOCHS = 5


def make(method: str, seed: int, n_genes: int | None, quick: bool, jobs: int) -> CellularClassifier:
    """A classifier to be fitted, with the options that the script has by default."""
    chosen = {"n_genes": n_genes} if n_genes else {}
    chosen |= {"epochs": QUICK_EPOCHS} if quick else {}
    return CellularClassifier(CellularOptions(**chosen), seed=seed, jobs=jobs)
