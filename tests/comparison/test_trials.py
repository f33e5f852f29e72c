"""What is made of the cells in each trial, and that all methods are given the same."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import make_cells

from cellclassifier.comparison import trials
from cellclassifier.data.lineages import relatives_of, share_a_lineage
from cellclassifier.errors import InputError

TYPES = np.array(["CD4+ T", "CD8+ T", "CD19+ B", "CD14+ Monocyte", "Dendritic"])
LABELS = np.repeat(TYPES, [400, 200, 120, 60, 20])


def rng():
    return trials.generator(42, "noise", "0.1")


def test_draws_depend_on_split_trial_and_level_alone():
    first = trials.generator(42, "rare", "10").random(5)
    assert (first == trials.generator(42, "rare", "10").random(5)).all()
    for other in ((43, "rare", "10"), (42, "noise", "10"), (42, "rare", "30")):
        assert (first != trials.generator(*other).random(5)).any()


def test_one_type_alone_cannot_be_swapped():
    with pytest.raises(InputError, match="all are B, expected two"):
        trials.swapped_labels(np.array(["B", "B"]), 0.5, rng())


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_so_many_labels_are_swapped_within_their_lineage(share):
    swapped = trials.swapped_labels(LABELS, share, rng())
    changed = swapped != LABELS
    assert changed.sum() == round(share * len(LABELS))
    pairs = {*zip(LABELS[changed], swapped[changed], strict=True)}
    for label, other in pairs:
        alone = not any(share_a_lineage(label, name) for name in TYPES if name != label)
        assert alone or share_a_lineage(label, other)
    assert ("CD4+ T", "CD19+ B") not in pairs


def test_relatives_are_those_of_the_lineage_or_all_others():
    relatives = relatives_of(TYPES)
    assert list(relatives["CD4+ T"]) == ["CD8+ T"]
    assert set(relatives["CD14+ Monocyte"]) == {"Dendritic"}  # both are mononuclear phagocytes
    assert set(relatives["CD19+ B"]) == set(TYPES) - {"CD19+ B"}
    assert share_a_lineage("CD4+ T", "no such cell") is None


def test_fewer_cells_of_every_type_and_two_at_least():
    kept = trials.fewer_cells(LABELS, 0.1, rng())
    sizes = {name: int((LABELS[kept] == name).sum()) for name in TYPES}
    assert list(sizes.values()) == [40, 20, 12, 6, 2]
    assert (np.diff(kept) > 0).all()
    assert len(trials.fewer_cells(LABELS, 0.001, rng())) == 2 * len(TYPES)


def test_every_second_type_by_size_is_cut():
    names = trials.rare_types(LABELS, 50)
    assert list(names) == ["CD8+ T", "CD14+ Monocyte"]
    kept = LABELS[trials.cut_types(LABELS, names, 30, rng())]
    assert [(kept == name).sum() for name in TYPES] == [400, 30, 120, 30, 20]


def test_thinned_counts_are_binomial_and_no_cell_is_emptied():
    cells = make_cells(90)
    thin = trials.with_fewer_counts(cells, 0.2, rng())
    before, after = cells.X.toarray(), thin.X.toarray()
    assert (after <= before).all() and (after == np.rint(after)).all()
    n = before.sum()
    assert abs(after.sum() - 0.2 * n) < 4 * np.sqrt(0.16 * n)
    nearly_none = trials.with_fewer_counts(cells, 1e-9, rng()).X.toarray()
    assert (nearly_none.sum(axis=1) == before.max(axis=1)).all()
    assert (cells.X.toarray() == before).all()


def test_a_file_without_some_genes_keeps_the_others_in_order():
    cells = make_cells(30)
    less = trials.without_genes(cells, 0.3, rng())
    assert less.n_vars == 42
    assert list(less.var_names) == [gene for gene in cells.var_names if gene in set(less.var_names)]
    assert (less.X.toarray() == cells[:, less.var_names].X.toarray()).all()
