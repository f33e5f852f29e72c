"""--quick of the scripts: what a person has given wins, whatever its value."""

from __future__ import annotations

import pytest

import cellama
import finetune_geneformer
import protein_atlas
import spoticell
from cellclassifier.options import decided

SCRIPTS = [cellama, spoticell, protein_atlas]
USUAL = {
    cellama: {"n_splits": 3, "epochs": None},  # by encoder
    spoticell: {"n_splits": 3, "epochs": 24},
    protein_atlas: {
        "n_simulated": 320,
        "image_size": 256,
        "folds": 5,
        "n_trees": 100,
        "inner_folds": 5,
    },
}


def values(config, names) -> dict:
    return {name: getattr(config, name) for name in names}


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_nobody_gave(script):
    plain = decided(script.Config(), script.QUICK)
    assert values(plain, script.QUICK) == USUAL[script]
    quick = decided(script.Config(quick=True), script.QUICK)
    assert values(quick, script.QUICK) == script.QUICK


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_is_given_wins_even_if_it_is_the_default(script):
    for name, usual in USUAL[script].items():
        given = {name: usual or 16}
        found = values(decided(script.Config(quick=True, **given), script.QUICK), script.QUICK)
        assert found == script.QUICK | given


def test_geneformer_as_well():
    given = finetune_geneformer.Config(quick=True, n_splits=3, from_scratch=True)
    found = finetune_geneformer.decided(given)
    assert (found.n_splits, found.max_cells) == (3, 2000)
