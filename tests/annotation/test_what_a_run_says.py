"""What a run says of a file: genes by symbols or of mice, cells of training, mixed clusters."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells

import cellclassifier as cc
from cellclassifier.annotation import command
from cellclassifier.annotation.training_files import learned_from
from cellclassifier.annotation.voting import say_of_clusters
from cellclassifier.comparison.trials import swapped_labels
from cellclassifier.data.gene_names import species_of
from cellclassifier.data.gene_table import symbols_by_id
from cellclassifier.data.open import open_cells
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import described, read_cells
from cellclassifier.errors import InputError
from cellclassifier.models.methods import make_method

KNOWN = [each for each in sorted(symbols_by_id().items()) if each[1].isalnum()][:60]
IDS, SYMBOLS = map(list, zip(*KNOWN, strict=True))


def labels_of(cells) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy(str)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A file of Ensembl ids without symbols, and the folder of a model that learned from it."""
    folder = tmp_path_factory.mktemp("trained")
    cells = make_cells(240, n_genes=60)
    cells.var = pd.DataFrame(index=pd.Index(IDS))
    cells.write_h5ad(folder / "known.h5ad")
    known = read_cells(CellsOptions(folder / "known.h5ad"))
    model = make_method("logistic_regression", quick=True)
    model.fit(known[:180], labels_of(known)[:180], (known[180:], labels_of(known)[180:]))
    model.save(folder / "model", data=known.uns["source"])
    return folder


def run(trained, cells, name, tmp_path, **options) -> dict:
    """Annotate these cells; returns about.json."""
    cells.write_h5ad(tmp_path / f"{name}.h5ad")
    config = {"model": trained / "model", "output": tmp_path / "out", "jobs": 1} | options
    command.main(command.Config(cells=(tmp_path / f"{name}.h5ad",), **config))
    return json.loads((tmp_path / "out" / "annotations" / name / "about.json").read_text())


def named(names: list[str], seed: int = 1):
    cells = make_cells(120, n_genes=60, seed=seed)
    cells.var = pd.DataFrame(index=pd.Index(names))
    return cells


def test_a_model_of_ids_without_a_dictionary_finds_its_genes_in_a_file_of_symbols(
    trained, tmp_path, said
):
    about = run(trained, named(SYMBOLS), "symbols", tmp_path)
    assert about["genes_found_share"] == pytest.approx(1)
    assert any("60 of the model's 60 found" in line for line in said())
    other = run(trained, named(IDS), "ids", tmp_path)
    assert other["genes_found_share"] == pytest.approx(1)
    tables = [
        pd.read_csv(tmp_path / "out" / "annotations" / name / "annotations.csv")
        for name in ("symbols", "ids")
    ]
    pd.testing.assert_frame_equal(*tables)
    assert (tables[0]["predicted"] == labels_of(named(SYMBOLS))).mean() > 0.8


def test_a_file_that_the_model_learned_from_is_named(trained, tmp_path, said):
    assert not run(trained, named(IDS), "new", tmp_path)["model_learned_from_it"]
    assert not any("learned from" in line for line in said())
    config = {"model": trained / "model", "output": tmp_path / "own", "jobs": 1}
    command.main(command.Config(cells=(trained / "known.h5ad",), **config))
    about = json.loads((tmp_path / "own/annotations/known/about.json").read_text())
    assert about["model_learned_from_it"]
    assert any("learned from known.h5ad itself" in line for line in said())


def test_each_study_that_a_model_was_joined_from_is_known(trained, tmp_path):
    model = cc.load_model(trained / "model")
    own = described(open_cells(trained / "known.h5ad"))
    model.provenance_ = {"data": {"shape": [9, 9], "sha256": "", "studies": {"a": own}}}
    assert learned_from(model, open_cells(trained / "known.h5ad"))
    model.provenance_ = {"data": {"shape": "damaged", "studies": [1]}}
    assert not learned_from(model, open_cells(trained / "known.h5ad"))


def test_mouse_genes_are_called_so(trained, tmp_path, said):
    run(trained, named([symbol.capitalize() for symbol in SYMBOLS]), "mouse", tmp_path)
    assert any(line.startswith("Mouse genes? This model is human: ") for line in said())
    with pytest.raises(InputError, match=r"^Mouse genes\? This model is human: "):
        run(trained, named([f"ENSMUSG{i:011d}" for i in range(60)]), "ids", tmp_path)


@pytest.mark.parametrize(
    ("names", "species"),
    [
        (["ACTB", "HLA-DRA", "MT-ND1", "C1orf112", "RP11-34P13.7"], "human"),
        (["Actb", "H2-K1", "mt-Nd1", "4930402H24Rik", "Cd3e"], "mouse"),
        (["ENSG00000000003.14"], "human"),
        (["ENSMUSG00000000001"], "mouse"),
        (["ENSDARG00000000001", "geneA", "1", "g1"], None),
        ([], None),
    ],
)
def test_species_are_told_by_how_genes_are_spelt(names, species):
    assert species_of(names) == species


def test_clusters_that_do_not_agree_or_are_far_are_named(said):
    table = pd.DataFrame(
        {
            "cluster": list("abcd"),
            "majority_voting_share": [0.95, 0.79, 0.8, 0.5],
            "far_share": [0.0, 0.3, 0.31, 0.0],
        }
    )
    say_of_clusters(table)
    (line,) = said()
    assert "of 4, in 2 (b, d) under 80% of the cells agree with the vote" in line
    assert "in 1 (c) over 30% are far" in line
    say_of_clusters(table[:1])
    assert len(said()) == 1


def test_a_model_that_is_not_there(trained, tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist: expected the folder of a saved"):
        run(trained, named(IDS), "new", tmp_path, model=tmp_path / "nowhere")


def test_one_type_is_nothing_to_tell_apart():
    cells = make_cells(60)
    with pytest.raises(InputError, match=r"tells types apart: .* 2 or more, found B"):
        make_method("logistic_regression").fit(cells, np.repeat("B", 60))
    with pytest.raises(InputError, match="labels cannot be swapped"):
        swapped_labels(np.repeat("B", 9), 0.5, np.random.default_rng(0))
