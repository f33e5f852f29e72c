"""CD4 and CD8 labels that the cells' own counts contradict.

Labels of whole clusters are wrong for some of their cells: in clusters that are called naive CD4,
20 to 32 % of the cells have counts of CD8A or CD8B (pbmc3k, ifnb), of CD4 T cells that were sorted
by their protein 0 to 1 %. A model that learns from such labels learns not to tell the two apart.
"""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np

from cellclassifier.data.cell_types import known_cell_types
from cellclassifier.data.match_genes import match_genes

CD4, CD8 = "CL:0000624", "CL:0000625"  # terms of alpha-beta T cells
MARKERS = np.array(["CD4", "CD8A", "CD8B"])
log = logging.getLogger(__name__)


def by_markers(cells: ad.AnnData, labels: np.ndarray) -> np.ndarray:
    """Labels, (n_cells,), with those of contradicted CD4 and CD8 T cells turned into the other.

    Contradicted is a CD4 T cell with counts of CD8A or CD8B and none of CD4, and a CD8 T cell with
    counts of CD4 and none of CD8A and CD8B. Where the other kind has several labels (naive,
    memory) nothing says which, and the label stays; all stay where a file lacks one of the genes.
    """
    labels = np.asarray(labels, dtype=str)
    markers = match_genes(MARKERS, MARKERS, cells.var)
    if not markers.found.all():
        return labels
    counts = markers.align(cells.X).counts.toarray()  # (n_cells, 3)
    has_cd4, has_cd8 = counts[:, 0] > 0, counts[:, 1:].sum(axis=1) > 0
    of_cd4, of_cd8 = labels_of(CD4, labels), labels_of(CD8, labels)
    turned = labels.astype(object)
    for own, other, against, in_favour in (
        (of_cd4, of_cd8, has_cd8, has_cd4),
        (of_cd8, of_cd4, has_cd4, has_cd8),
    ):
        contradicted = np.isin(labels, own) & against & ~in_favour
        if len(other) == 1 and contradicted.any():
            turned[contradicted] = other[0]
            log.info(
                f"{contradicted.sum():,} cells are learned as {other[0]}, by their CD4 and CD8."
            )
    return turned.astype(str)


def labels_of(term: str, labels: np.ndarray) -> list[str]:
    """Which labels mean a term, or a finer one."""
    types = known_cell_types()
    terms = {label: types.term_of(label) for label in np.unique(labels).tolist()}
    return [label for label, own in terms.items() if own and types.is_a(own, term)]
