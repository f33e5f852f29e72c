"""Which cells are called far from all known types when a file lacks genes or counts.

That follows from the genes that a model looks at and from its types' profiles; what its method
learned besides plays no part. So it is measured once for methods that look at the same genes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.losing.answers import Asked, labels_of
from benchmarks.losing.cells import incomplete
from cellclassifier.data.features import best_genes
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.library_size import CountedGenes
from cellclassifier.data.match_genes import match_genes
from cellclassifier.trust.far import Profiles

# Genes, how they are chosen, and the methods that look at them.
GENES = {
    (1000, "anova"): ("random_forest", "gbdt"),
    (1024, "anova"): ("spoticell", "spoticell_mlp"),
    (2000, "anova"): (
        "logistic_regression",
        "soft_vote",
        "augmented_regression",
        "augmented_network",
        "marker_network",
        "cellular",
    ),
    (1100, "dispersion"): ("rank_regression",),
}


def far_cells(asked: Asked, seeds: list[int]) -> pd.DataFrame:
    """A row per genes and share of loss: share of known cells called far, over draws and splits."""
    rows = [row for seed in seeds for row in _of_split(asked, seed)]
    groups = pd.DataFrame(rows).groupby(["genes", "methods", "lost", "share"], sort=False)
    return groups["far"].mean().reset_index()


def _of_split(asked: Asked, seed: int) -> Iterator[dict]:
    train, val, scored = asked.parts(seed)
    labels, counted = labels_of(train), CountedGenes.of(train)
    models = []
    for (n_genes, selection), methods in GENES.items():
        columns = best_genes(train.X, labels, n_genes, selection)
        genes = train.var_names[columns].to_numpy(str)
        own, new = (GeneCounts.of(cells, genes) for cells in (train, val))
        names = {"genes": f"{n_genes:,} by {selection}", "methods": ", ".join(methods)}
        models.append((Profiles.fit(own, labels, validation=new), genes, names))
    for lost, share, _, some in incomplete(scored, seed, asked.draws):
        for profiles, genes, names in models:
            match = counted.limit(match_genes(genes, genes, some.var), some.var)
            far = far_of(profiles, match.align(some.X)).mean()
            yield names | {"lost": lost, "share": share, "far": far}


def far_of(profiles: Profiles, cells: GeneCounts) -> np.ndarray:
    """Whether cells of one file are far, (n_cells,) bool, as annotation tells.

    cells: of the genes that the profiles are of.
    """
    rows = np.arange(len(cells))
    view = profiles.view(cells, rows)
    return profiles.is_far(view.score(cells, view.near(cells, rows)), view)
