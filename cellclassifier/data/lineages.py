"""Which types are of one lineage, by the Cell Ontology: T cells of any kind, for instance."""

from __future__ import annotations

import numpy as np

from cellclassifier.data.cell_types import CellTypes, known_cell_types

# Names that hold for cells as far apart as B and T cells are no lineage.
TOO_BROAD = frozenset({"cell", "hematopoietic cell", "leukocyte", "lymphocyte", "myeloid cell"})


def lineages_of(label: str, types: CellTypes) -> set[str] | None:
    """Terms of the groups that a label belongs to, too broad ones aside; None without a term."""
    term = types.term_of(label)
    if term is None:
        return None
    groups = types.ancestors(term).keys() & types.groups
    return {one for one in groups if types.names[one] not in TOO_BROAD}


def share_a_lineage(a: str, b: str) -> bool | None:
    """Whether two labels are of one lineage; None where the ontology does not know one of them."""
    types = known_cell_types()
    first, second = lineages_of(a, types), lineages_of(b, types)
    return None if first is None or second is None else bool(first & second)


def relatives_of(names: np.ndarray) -> dict[str, np.ndarray]:
    """For each type the others of its lineage, all others where there are none."""
    names = np.asarray(names)
    found = {}
    for name in names.tolist():
        others = names[names != name]
        near = [other for other in others.tolist() if share_a_lineage(name, other)]
        found[name] = np.array(near) if near else others
    return found
