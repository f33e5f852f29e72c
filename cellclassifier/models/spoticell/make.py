"""Spoticell, and the same genes without a picture, as methods among others."""

from __future__ import annotations

from dataclasses import replace

from cellclassifier.models.spoticell.classifier import SpoticellClassifier
from cellclassifier.models.spoticell.options import QUICK_EPOCHS, SpoticellOptions


def make(
    method: str, seed: int, n_genes: int | None, quick: bool, jobs: int
) -> SpoticellClassifier:
    """A classifier to be fitted: "spoticell", or "spoticell_mlp"; quick: few epochs."""
    options = SpoticellOptions(network="mlp" if method == "spoticell_mlp" else "fingerprint")
    options = replace(options, **{"n_genes": n_genes} if n_genes else {})
    options = replace(options, **{"epochs": QUICK_EPOCHS} if quick else {})
    return SpoticellClassifier(options, method, seed=seed, jobs=jobs)
