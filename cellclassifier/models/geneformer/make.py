"""Geneformer as one method among others (see ``models.methods``)."""

from __future__ import annotations

from dataclasses import replace

from cellclassifier.models.geneformer.classifier import GeneformerClassifier
from cellclassifier.models.geneformer.options import (
    QUICK,
    QUICK_FROM_SCRATCH,
    GeneformerOptions,
)


def make(
    method: str, seed: int, n_genes: int | None, quick: bool, jobs: int
) -> GeneformerClassifier:
    """A classifier to be fitted: pretrained where weights are at hand, else from scratch.

    n_genes: highest-ranked genes of a cell that it sees; quick: those, and epochs, as with --quick.
    """
    options = GeneformerOptions(max_tokens=n_genes or GeneformerOptions.max_tokens)
    if quick:
        start = QUICK_FROM_SCRATCH if options.resolved().from_scratch else QUICK
        options = replace(options, **start | ({"max_tokens": n_genes} if n_genes else {}))
    model = GeneformerClassifier(options, seed=seed)
    model.use_jobs(jobs)
    return model
