"""Files with next to nothing in them: a sentence before any fit, or an answer."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import files_of

import binary_rf
import finetune_geneformer
import multiclass_baselines
from cellclassifier.data.features import best_genes
from cellclassifier.errors import InputError


def file_of(folder, counts, labels):
    """A cells.npy of these counts, (n_cells, n_genes)."""
    genes = [f"gene_{i}" for i in range(counts.shape[1])]
    content = {"UMI": sp.csr_matrix(counts), "classes": np.array(labels), "gene_ids": genes}
    np.save(folder / "cells.npy", content, allow_pickle=True)
    return folder / "cells.npy"


LITTLE = {
    multiclass_baselines: {"n_splits": 1, "quick": True, "methods": ("majority", "gbdt")},
    binary_rf: {"n_repeats": 1, "n_trees": 3},
    finetune_geneformer: {
        **{"n_splits": 1, "from_scratch": True, "device": "cpu", "epochs": 1, "pretrain_epochs": 1},
        **{"layers": 1, "width": 8, "batch_size": 10},
    },
}
SLOW = pytest.param(finetune_geneformer, marks=pytest.mark.slow)  # it imports torch
SCRIPTS = (multiclass_baselines, binary_rf, SLOW)
of_every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)


def run(script, cells, folder, **more) -> None:
    options = LITTLE[script] | more
    script.main(script.Config(cells=cells, output=folder / "out", jobs=1, **options))


def poisson(n_cells, n_genes):
    return np.random.default_rng(0).poisson(2, (n_cells, n_genes)).astype(np.float32) + 1


NOTHING = {
    "one gene": (poisson(60, 1), "AB" * 30, "no gene .* has another share"),
    "constant": (np.full((60, 5), 3, np.float32), "AB" * 30, "no gene .* has another share"),
    "2 and 30 cells": (poisson(32, 20), "AA" + "B" * 30, "at least 3 cells|only B has 3 cells"),
}


@of_every_script
@pytest.mark.parametrize("name", NOTHING)
def test_what_nothing_can_be_learned_from_is_told_before_any_fit(script, name, tmp_path):
    counts, labels, sentence = NOTHING[name]
    with pytest.raises(InputError, match=sentence):
        run(script, file_of(tmp_path, counts, list(labels)), tmp_path)
    assert not [file for file in files_of(tmp_path) if ".finished" in file]


@of_every_script
def test_two_genes_are_enough_for_an_answer(script, tmp_path):
    run(script, file_of(tmp_path, poisson(60, 2), list("AB" * 30)), tmp_path)
    assert (tmp_path / f"out/results/run_{script.__name__}.json").exists()


@of_every_script
def test_one_group_is_told_before_any_fit(script, tmp_path):
    obs = pd.DataFrame({"cell_type": list("AB" * 30), "donor": "one"})
    obs.index = [f"cell_{i}" for i in range(60)]
    cells = ad.AnnData(sp.csr_matrix(poisson(60, 20)), obs=obs)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match=r"holds one group only \(one\)"):
        run(script, tmp_path / "cells.h5ad", tmp_path, group_key="donor")
    assert not [file for file in files_of(tmp_path) if ".finished" in file]


@pytest.mark.parametrize("selection", ["anova", "dispersion"])
def test_of_five_genes_that_are_expressed_and_differ_some_are_found(selection):
    """Dispersion compares genes of like mean, of which five have none."""
    counts = sp.csr_matrix(poisson(44, 5))
    assert len(best_genes(counts, np.array(list("AB" * 22)), 2000, selection)) == 5
    assert len(best_genes(counts, np.array(list("AB" * 22)), 2, selection)) == 2
