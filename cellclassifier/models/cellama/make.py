"""CELLama as one method among others (see ``models.methods``)."""

from __future__ import annotations

from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.options import CellamaOptions

QUICK_EPOCHS = 5


def make(method: str, seed: int, n_genes: int | None, quick: bool, jobs: int) -> CellamaClassifier:
    """The default, a bag of genes, to be fitted.

    n_genes: genes of a sentence; quick: few epochs.
    """
    options = CellamaOptions(n_top=n_genes, epochs=QUICK_EPOCHS if quick else None)
    return CellamaClassifier(options, seed=seed, jobs=jobs)
