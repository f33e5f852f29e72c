"""spoticell.py, run for real, interrupted, and with options of the document."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import files_of, make_cells

import spoticell as script
from cellclassifier.annotation.model import load_annotator
from cellclassifier.models.spoticell import classifier

FAST = {"n_genes": 30, "epochs": 2, "batch_size": 64, "n_splits": 1, "jobs": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of cells, and the output of a run on it."""
    folder = tmp_path_factory.mktemp("spoticell")
    cells = make_cells(120)
    cells.obs["cell_type"] = (
        cells.obs["cell_type"].astype(str).replace({"T/x": "T cell", "NK": "Monocyte"})
    )
    cells.write_h5ad(folder / "cells.h5ad")
    script.main(config(folder))
    return folder


def config(folder, **options):
    return script.Config(cells=folder / "cells.h5ad", output=folder / "out", **FAST | options)


def test_every_output_is_there(folder):
    methods = ("spoticell", "spoticell_mlp")
    expected = {f"predictions/{m}-split{seed}.parquet" for m in methods for seed in (42,)}
    expected |= {f"models/{method}/model.json" for method in methods}
    expected |= {f"results/scores/{method}.csv" for method in methods}
    expected |= {f"results/spoticell/{name}.csv" for name in ("hierarchy", "history", "layout")}
    expected |= {"plots/spoticell_pictures.png", "results/run_spoticell.json"}
    assert expected <= files_of(folder / "out")


def test_the_tables_hold_what_the_page_says(folder):
    read = {p.stem: pd.read_csv(p) for p in (folder / "out/results/spoticell").glob("*.csv")}
    hierarchy = read["hierarchy"]
    assert list(hierarchy.columns[:4]) == ["method", "split", "level", "label"]
    assert {"lymphocyte"} <= set(hierarchy.loc[hierarchy["level"] == "ancestor", "label"])
    of_leaves = hierarchy[hierarchy["label"] == "of leaves"].set_index(["method", "split", "level"])
    scores = pd.read_csv(folder / "out/results/scores/spoticell.csv")
    test = scores[scores["part"] == "test"].set_index("split")["macro_f1"]
    for split, score in test.items():
        assert of_leaves.loc[("spoticell", split, "macro"), "f1"] == pytest.approx(score, abs=1e-4)
    assert len(read["history"]) == 2 * 2
    assert {"val_macro_f1", "val_macro_f1_half", "val_macro_f1_shallow"} <= set(read["history"])
    model = load_annotator(folder / "out/models/spoticell")
    pd.testing.assert_frame_equal(
        read["layout"][["gene_id", "row", "column"]],
        model.layout()[["gene_id", "row", "column"]],
        check_dtype=False,
    )


@pytest.mark.slow
def test_what_is_finished_is_not_learned_again(folder, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("learned again")

    monkeypatch.setattr(classifier, "train", refuse)
    script.main(config(folder))


@pytest.mark.slow
def test_the_document_s_network_and_loss_have_rows_of_their_own(folder):
    options = {"network": "documented", "loss": "bce", "order": "alphabetical"}
    script.main(config(folder, **options))
    expected = {"results/scores/spoticell_documented.csv", "results/scores/spoticell.csv"}
    assert expected <= files_of(folder / "out")
