"""cellular.py, run for real: training, embed, represent, and how they fail."""

from __future__ import annotations

import subprocess
import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, files_of, make_cells

import cellular as script
from cellclassifier.errors import InputError

FAST = {"n_genes": 30, "epochs": 2, "batch_size": 64, "n_splits": 2, "jobs": 1, "device": "cpu"}


def in_batches(n_cells: int = 120, seed: int = 0) -> ad.AnnData:
    cells = make_cells(n_cells, seed=seed)
    cells.obs["donor"] = np.array(["a", "b"])[np.arange(n_cells) // 3 % 2]
    return cells


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of cells, and the output of a training on it."""
    folder = tmp_path_factory.mktemp("cellular")
    in_batches().write_h5ad(folder / "cells.h5ad")
    in_batches(40, seed=1).write_h5ad(folder / "new.h5ad")
    options = FAST | {"loss": "cellular", "batch_key": "donor"}
    script.main(script.Config(cells=folder / "cells.h5ad", output=folder / "out", **options))
    return folder


def test_every_output_of_training_is_there(folder):
    expected = {f"predictions/cellular-split{seed}.parquet" for seed in (42, 43)}
    expected |= {"models/cellular/model.json", "plots/confusion_cellular.png"}
    tables = ["cellular_history", "scores/cellular", "combined_results", "summary"]
    expected |= {f"results/{name}.csv" for name in tables} | {"results/run_cellular.json"}
    assert expected <= files_of(folder / "out")
    history = pd.read_csv(folder / "out/results/cellular_history.csv")
    assert list(history.columns[:3]) == ["split", "network", "epoch"]
    assert len(history) == 4


def embedded(folder, name: str, **options) -> ad.AnnData:
    paths = {"model": folder / "out/models/cellular", "output": folder / "out"}
    script.embed(script.EmbedConfig(cells=folder / name, **paths, **options))
    of_file = folder / "out/embeddings" / name.split(".")[0]
    assert files_of(of_file) == {"embedded.h5ad", "umap.png"}
    return ad.read_h5ad(of_file / "embedded.h5ad")


def test_embed_adds_to_a_copy_of_the_file(folder):
    before = (folder / "new.h5ad").read_bytes()
    found = embedded(folder, "new.h5ad", label_key="cell_type", batch_key="donor")
    given = ad.read_h5ad(folder / "new.h5ad")
    assert (folder / "new.h5ad").read_bytes() == before
    assert (found.X != given.X).nnz == 0 and (found.obs["donor"] == given.obs["donor"]).all()
    np.testing.assert_allclose(np.linalg.norm(found.obsm["X_cellular"], axis=1), 1, rtol=1e-5)
    assert set(found.obs["predicted_cell_type"]) <= {"B", "NK", "T/x"}


def test_embed_reads_other_formats(folder, cells_npy):
    (folder / "other.npy").write_bytes(cells_npy.read_bytes())
    found = embedded(folder, "other.npy")
    assert found.obsm["X_cellular"].shape == (found.n_obs, 64)


def test_represent_writes_a_vector_for_every_type(folder):
    paths = {"model": folder / "out/models/cellular", "cells": folder / "new.h5ad"}
    tables = script.represent(script.RepresentConfig(output=folder / "out", **paths))
    for name, table in tables.items():
        found = pd.read_csv(folder / f"out/results/representations/{name}.csv")
        assert list(found["cell_type"]) == ["B", "NK", "T/x"]
        assert list(found.columns) == list(table.columns) and "dim_64" in found
    assert set(tables["medoids"]["cell"]) <= set(ad.read_h5ad(folder / "new.h5ad").obs_names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_key": "lab"}, "lab"),
        ({"label_key": "type"}, "type"),
    ],
)
def test_a_column_that_is_not_there_is_told(folder, options, message):
    with pytest.raises(InputError, match=message):
        embedded(folder, "new.h5ad", **options)


def test_a_batch_column_that_is_not_there_stops_training(folder, tmp_path):
    config = script.Config(cells=folder / "new.h5ad", output=tmp_path, batch_key="lab", **FAST)
    with pytest.raises(InputError, match="--batch-key"):
        script.main(config)


def test_a_model_without_an_embedding_is_told(tmp_path_factory, folder):
    from trained_models import saved_in

    model = saved_in(tmp_path_factory, "logistic_regression")
    with pytest.raises(InputError, match="has no embedding: expected cellular"):
        script.embed(script.EmbedConfig(model=model, cells=folder / "new.h5ad"))


def test_batches_of_several_files_are_the_files(folder):
    read = script.data.read_cells(script.Config(cells=(folder / "cells.h5ad", folder / "new.h5ad")))
    assert read.obs["batch"].value_counts().to_dict() == {"cells": 120, "new": 40}


@pytest.mark.parametrize("name", ["embed", "represent"])
def test_subcommands_have_their_own_help_without_torch(name, tmp_path):
    code = (
        f"import sys, runpy; sys.argv = ['cellular.py', '{name}', '--help']\n"
        f"try:\n    runpy.run_path('{ROOT / 'cellular.py'}', run_name='__main__')\n"
        "except SystemExit as end:\n    print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr
    assert f"cellular.py {name}" in done.stdout and "--model" in done.stdout
