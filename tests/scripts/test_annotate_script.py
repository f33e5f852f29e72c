"""annotate.py, run for real: what it writes, that it leaves the input alone, how it fails."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import ROOT, files_of
from trained_models import EVERY_METHOD, IDS, known_cells, new_cells, saved_in, trained

import annotate as script
import multiclass_baselines
from cellclassifier import cli as command
from cellclassifier.annotation import write as annotation_files
from cellclassifier.annotation.for_scanpy import KEPT
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.digests import sha256
from cellclassifier.data.read import CellsOptions, read_cells
from cellclassifier.errors import InputError
from cellclassifier.models.baselines.classifier import make_baseline
from cellclassifier.plots.type_colors import colors_of_types

WRITTEN = {"about.json", "annotations.csv", "probabilities.parquet", "summary.csv", "totals.csv"}
RECORD = "results/run_annotate.json"


@pytest.fixture
def model(tmp_path_factory) -> Path:
    return saved_in(tmp_path_factory, "logistic_regression")


@pytest.fixture
def h5ad(tmp_path) -> Path:
    new_cells().write_h5ad(tmp_path / "new.h5ad")
    return tmp_path / "new.h5ad"


def write_npy(path: Path, cells: ad.AnnData) -> Path:
    content = {"UMI": cells.X, "gene_ids": cells.var_names.to_numpy(str)}
    content["cell_names"] = cells.obs_names.to_numpy(str)
    np.save(path, content, allow_pickle=True)
    return path


def run(model: Path, output: Path, *cells: Path, **options) -> dict[str, pd.DataFrame]:
    return script.main(
        script.Config(model=model, cells=cells, output=output, **{"jobs": 1, **options})
    )


def refused(match: str, *arguments, **options) -> None:
    with pytest.raises(InputError, match=match):
        run(*arguments, **options)


def annotations_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "annotations.csv", dtype={"cell": str})


def totals_of(folder: Path) -> dict:
    (row,) = pd.read_csv(folder / "totals.csv").to_dict("records")
    return row


@pytest.mark.parametrize("chunk_cells", [7, 1000])
@pytest.mark.parametrize("method", EVERY_METHOD)
def test_the_files_say_what_the_model_says(tmp_path_factory, tmp_path, method, chunk_cells):
    """Of an .h5ad read in chunks and of a .npy, against the model asked directly."""
    cells, output = new_cells(), tmp_path / "out"
    cells.write_h5ad(tmp_path / "a.h5ad")
    paths = tmp_path / "a.h5ad", write_npy(tmp_path / "b.npy", cells)
    run(saved_in(tmp_path_factory, method), output, *paths, chunk_cells=chunk_cells)
    expected = annotate_chunk(trained(method), cells)
    atol = 1e-4 if method == "geneformer" else 1e-6
    for name in ("a", "b"):
        folder = output / "annotations" / name
        pd.testing.assert_frame_equal(
            annotations_of(folder), expected.table, check_dtype=False, rtol=0, atol=atol
        )
        table = pd.read_parquet(folder / "probabilities.parquet")
        assert list(table) == ["cell", *trained(method).classes_]
        assert list(table["cell"]) == list(cells.obs_names)
        np.testing.assert_allclose(table.iloc[:, 1:], expected.probabilities, rtol=0, atol=atol)
    names = {f"annotations/{name}/{file}" for name in "ab" for file in WRITTEN}
    assert files_of(output) == names | {RECORD}


def test_the_tables_agree_with_each_other(model, tmp_path, h5ad):
    """The predicted type is the most probable one, and the summary counts the rows."""
    summary = run(model, tmp_path, h5ad, chunk_cells=9)["new"]
    folder = tmp_path / "annotations/new"
    table = annotations_of(folder)
    probabilities = pd.read_parquet(folder / "probabilities.parquet").set_index("cell")
    assert list(probabilities.idxmax(axis=1)) == list(table["predicted"])
    np.testing.assert_allclose(probabilities.max(axis=1), table["probability"], atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "summary.csv"), summary, atol=1e-6)
    counted = summary.set_index("predicted")
    assert counted["n_cells"].to_dict() == table["predicted"].value_counts().to_dict()
    total = totals_of(folder)
    assert (total["n_cells"], total["n_unknown"]) == (50, (~table["known"]).sum())


def test_the_copy_has_the_annotations_and_the_input_is_as_before(model, tmp_path, h5ad):
    before, output = sha256(h5ad), tmp_path / "out"
    run(model, output, h5ad, write_h5ad=True, chunk_cells=20)
    assert sha256(h5ad) == before
    assert files_of(output / "annotations/new") == WRITTEN | {"annotated.h5ad"}
    written = ad.read_h5ad(output / "annotations/new/annotated.h5ad")
    assert list(written.obs) == list(KEPT.values()) and (written.X != new_cells().X).nnz == 0
    found = written.obs.set_axis(list(KEPT), axis=1)
    expected = annotations_of(output / "annotations/new").set_index("cell")[list(found)]
    pd.testing.assert_frame_equal(
        found.astype(dict.fromkeys(("predicted", "broad", "second", "confidence"), object)),
        expected,
        **{"check_names": False, "check_dtype": False, "rtol": 0, "atol": 1e-6},
    )
    assert found["predicted"].dtype == "category"
    assert found["broad"].dtype == "category"
    assert found["known"].dtype == bool
    types = found["predicted"].cat.categories  # whose colours scanpy draws in this order
    colors = written.uns["predicted_cell_type_colors"].tolist()
    assert dict(zip(types, colors, strict=True)) == colors_of_types(types)


@pytest.mark.slow
def test_a_map_is_drawn_of_a_sample(model, tmp_path, monkeypatch, h5ad):
    monkeypatch.setattr(annotation_files, "MAX_CELLS_SHOWN", 30)
    run(model, tmp_path, h5ad, umap=True, chunk_cells=20)
    picture = (tmp_path / "annotations/new/umap.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000
    assert files_of(tmp_path / "annotations/new") == WRITTEN | {"umap.png"}


@pytest.mark.parametrize("chunk_cells", [7, 50])
def test_the_cells_shown_are_the_same_in_chunks(tmp_path, monkeypatch, chunk_cells):
    """Their places are those of the cells drawn, whichever chunk they come from."""
    monkeypatch.setattr(annotation_files, "MAX_CELLS_SHOWN", 12)
    model, cells = trained("logistic_regression"), new_cells()
    with annotation_files.annotation_files(tmp_path, model.classes_, 50, seed=3) as files:
        for start in range(0, 50, chunk_cells):
            files.add(annotate_chunk(model, cells[start : start + chunk_cells].copy()))
    assert len(files.shown) == 12 == len(set(files.shown)) and files.shown[-1] < 50
    expected = annotate_chunk(model, cells).space[files.shown].astype(np.float32)
    np.testing.assert_array_equal(files.space, expected)


def test_a_map_needs_some_cells_and_known_types(model, tmp_path):
    path, cells = tmp_path / "few.h5ad", known_cells()
    new_cells(3).write_h5ad(path)
    refused(r"at least 4 cells, and .*few\.h5ad has 3", model, tmp_path, path, umap=True)
    plain = make_baseline("majority").fit(cells, cells.obs["cell_type"].to_numpy(str))
    plain.save(tmp_path / "plain")
    refused("--umap needs a model", tmp_path / "plain", tmp_path, path, umap=True)


def test_a_model_without_validation_has_no_doubt_but_of_far_cells(tmp_path, h5ad):
    cells = known_cells()
    plain = make_baseline("logistic_regression", quick=True, n_genes=40)
    plain.fit(cells, cells.obs["cell_type"].to_numpy(str)).save(tmp_path / "plain")
    run(tmp_path / "plain", tmp_path / "out", h5ad)
    table = annotations_of(tmp_path / "out/annotations/new")
    assert not table["between"].any()
    assert (table["known"] == ~table["far"]).all() and table["known"].mean() >= 0.9


def test_files_of_one_name_have_folders_by_what_tells_them_apart(model, tmp_path, h5ad):
    paths = []
    for sample in "ab":
        (tmp_path / sample).mkdir()
        paths.append(tmp_path / sample / "filtered.h5ad")
        shutil.copyfile(h5ad, paths[-1])
    other = write_npy(tmp_path / "new.npy", new_cells())
    run(model, tmp_path / "out", *paths, h5ad, other)
    names = ["a/filtered", "b/filtered", "new.h5ad", "new.npy"]
    tables = [annotations_of(tmp_path / "out/annotations" / name) for name in names]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    record = json.loads((tmp_path / "out/results/run_annotate.json").read_text())
    assert sorted(record["files"]) == names


def test_a_file_that_is_given_twice_is_refused(model, tmp_path, h5ad):
    refused("is given twice", model, tmp_path / "out", h5ad, h5ad)
    assert not (tmp_path / "out").exists()


def test_a_second_file_that_is_missing_stops_before_the_first(model, tmp_path, h5ad):
    refused("does not exist", model, tmp_path / "out", h5ad, tmp_path / "none.h5ad")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("existing", [False, True])
def test_values_that_are_no_counts_in_the_last_chunk_leave_nothing(model, tmp_path, h5ad, existing):
    """No half of a table, no temporary file; what an earlier run wrote stays as it was."""
    output = tmp_path / "out"
    if existing:
        run(model, output, h5ad)
    expected = {name: sha256(output / name) for name in files_of(output)}
    cells = new_cells()
    values = cells.X.toarray()
    values[45:] = np.log1p(1e4 * values[45:] / values[45:].sum(axis=1, keepdims=True))
    cells.X = sp.csr_matrix(values)
    cells.write_h5ad(h5ad)
    refused("look log-normalised .*raw", model, output, h5ad, chunk_cells=10, write_h5ad=True)
    assert {name: sha256(output / name) for name in files_of(output)} == expected


@pytest.mark.parametrize("values", ["log", "normalised", "scaled"])
def test_what_is_no_count_is_named(model, tmp_path, values):
    cells = new_cells()
    counts = cells.X.toarray()
    normalised = 1e4 * counts / counts.sum(axis=1, keepdims=True)
    cells.X = {"log": 1.1 * np.log1p(normalised), "normalised": normalised, "scaled": counts - 1}[
        values
    ]
    cells.write_h5ad(tmp_path / "x.h5ad")
    sentence = {"log": "log-normalised", "normalised": "10,000 counts", "scaled": "negative"}
    refused(sentence[values], model, tmp_path, tmp_path / "x.h5ad")


def test_the_share_of_genes_found_is_weighted_by_importance(model, tmp_path, caplog):
    """Stops below --min-genes-found, and goes on at it; the share is in the run record."""
    caplog.set_level(logging.INFO, "cellclassifier")
    of_model = trained("logistic_regression")
    weights = of_model.gene_importance().astype(float)
    importance = dict(zip(of_model.genes_, weights, strict=True))
    kept = sorted(importance, key=importance.get)[:20]  # the lesser half
    expected = sum(importance[gene] for gene in kept) / sum(importance.values())
    assert 0.1 < expected < 0.45
    path = tmp_path / "few.h5ad"
    new_cells()[:, kept].copy().write_h5ad(path)
    refused(r"20 of the model's 40 found .* at least 50 % expected", model, tmp_path, path)
    refused("expected", model, tmp_path, path, min_genes_found=expected + 1e-3)
    run(model, tmp_path, path, min_genes_found=expected - 1e-3)
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["files"]["few"]["genes_found_share"] == pytest.approx(expected, rel=1e-5)
    assert f"({100 * expected:.1f} % of their importance)" in caplog.text


def test_the_run_record(model, tmp_path, h5ad):
    npy = write_npy(tmp_path / "b.npy", new_cells(20))
    run(model, tmp_path, h5ad, npy, chunk_cells=30)
    record = json.loads((tmp_path / RECORD).read_text())
    calibration = trained("logistic_regression").calibration_
    assert record["model"] == {
        "method": "logistic_regression",
        "types": ["B", "NK", "T/x"],
        "temperature": calibration.temperature,
        "val_ece_before": calibration.val_ece_before,
        "val_ece_after": calibration.val_ece_after,
        "averaged_temperature": None,
        "data": {"sha256": "1"},
        "split": 1,
        "digest": json.loads((model / "model.json").read_text())["digest"],
    }
    about = json.loads((tmp_path / "annotations/b/about.json").read_text())
    more = {"model": record["model"], "counts_from": "X"}
    assert about == record["files"]["b"] | more
    assert [facts["file"] for facts in record["files"].values()] == [str(h5ad), str(npy)]
    for name, facts in record["files"].items():
        written = totals_of(tmp_path / "annotations" / name)
        assert list(facts) == list(written) and facts.pop("file") == written.pop("file")
        assert facts == pytest.approx(written, abs=1e-6)
    assert [facts["n_cells"] for facts in record["files"].values()] == [50, 20]
    assert {facts["genes_found_share"] for facts in record["files"].values()} == {1.0}
    assert set(record["steps"]) == {"model", "open", "annotate", "outputs"}
    assert record["options"]["chunk_cells"] == 30 and record["options"]["model"] == str(model)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"chunk_cells": 0}, "--chunk-cells 0: expected at least 1"),
        ({"chunk_cells": -5}, "--chunk-cells -5"),
        ({"jobs": 0}, "--jobs 0"),
        ({"seed": -1}, "--seed -1"),
        ({"min_genes_found": 1.5}, r"--min-genes-found 1\.5: expected 0 to 1"),
        ({"min_genes_found": float("nan")}, "--min-genes-found nan"),
        ({"layer": "counts"}, "no layer 'counts'"),
    ],
    ids=str,
)
def test_bad_options(model, tmp_path, h5ad, options, sentence):
    refused(sentence, model, tmp_path / "out", h5ad, **options)
    assert not (tmp_path / "out").exists()


def test_write_h5ad_needs_h5ad_files(model, tmp_path, h5ad):
    npy = write_npy(tmp_path / "b.npy", new_cells(20))
    refused(r"--write-h5ad is for .h5ad files", model, tmp_path / "out", h5ad, npy, write_h5ad=True)
    assert not (tmp_path / "out").exists()
    refused(r"--layer x: .*b.npy has no layers", model, tmp_path / "out", h5ad, npy, layer="x")
    assert not (tmp_path / "out").exists()


def test_the_input_is_never_where_its_annotations_go(model, tmp_path, h5ad):
    """A copy annotated again would be removed as an output of its own earlier run."""
    run(model, tmp_path, h5ad, write_h5ad=True)
    copy = tmp_path / "annotations/new/annotated.h5ad"
    run(model, tmp_path, copy, write_h5ad=True)
    again = tmp_path / "annotations/annotated/annotated.h5ad"
    refused("choose another --output", model, tmp_path, again)
    assert copy.exists() and again.exists()


def test_a_link_to_another_file_is_not_followed(model, tmp_path, h5ad):
    linked = tmp_path / "linked.h5ad"
    shutil.copyfile(h5ad, linked)
    with h5py.File(linked, "r+") as file:
        del file["obs"]
        file["obs"] = h5py.ExternalLink(str(h5ad), "/obs")
    before = sha256(h5ad)
    refused("is a link to elsewhere", model, tmp_path, linked, write_h5ad=True)
    assert sha256(h5ad) == before
    assert not (tmp_path / "annotations/linked/annotated.h5ad").exists()


def test_antibodies_are_no_genes(model, tmp_path, caplog):
    """Their counts belong to no library size, and their names are none of genes."""
    caplog.set_level(logging.INFO, "cellclassifier")
    cells = new_cells()
    antibodies = ad.AnnData(np.full((len(cells), 3), 500.0), obs=cells.obs)
    antibodies.var_names = ["CD3", "CD4", cells.var_names[0].swapcase()]
    both = ad.concat([cells, antibodies], axis=1)
    both.X = sp.csr_matrix(both.X)
    both.var["feature_types"] = ["Gene Expression"] * cells.n_vars + ["Antibody Capture"] * 3
    both.write_h5ad(tmp_path / "cite.h5ad")
    run(model, tmp_path, tmp_path / "cite.h5ad")
    expected = annotate_chunk(trained("logistic_regression"), cells).table
    found = annotations_of(tmp_path / "annotations/cite")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, atol=1e-6)
    assert "3 columns are no genes" in caplog.text


def test_a_layer_is_annotated_where_asked_for(model, tmp_path):
    cells = new_cells()
    cells.layers["counts"], cells.X = cells.X, np.log1p(cells.X)
    cells.write_h5ad(tmp_path / "x.h5ad")
    run(model, tmp_path, tmp_path / "x.h5ad", layer="counts")
    expected = annotate_chunk(trained("logistic_regression"), new_cells()).table
    found = annotations_of(tmp_path / "annotations/x")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, atol=1e-6)


def test_a_missing_and_a_tampered_model_are_refused(model, tmp_path, h5ad):
    refused("does not exist: expected the folder", tmp_path / "none", tmp_path / "out", h5ad)
    tampered = shutil.copytree(model, tmp_path / "tampered")
    description = (tampered / "model.json").read_text()
    (tampered / "model.json").write_text(description.replace('"NK"', '"K9"'))
    refused("was changed after the model was saved", tampered, tmp_path / "out", h5ad)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_genes_of_another_kind_end_in_one_line(model, tmp_path):
    """Mouse symbols against human ids: both kinds are named, and there is no traceback."""
    cells = new_cells()
    cells.var = pd.DataFrame(index=[f"Mouse{i}" for i in range(60)])
    cells.write_h5ad(tmp_path / "mouse.h5ad")
    words = [sys.executable, ROOT / "annotate.py", "--model", model, "--cells", "mouse.h5ad"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: Mouse genes? This model is human: genes: 0 of the model's 40")
    assert f"the model has Ensembl ids (first: {IDS[0]})" in line
    assert "the file has gene symbols (first: Mouse0)" in line
    assert files_of(tmp_path) == {"mouse.h5ad"}


def test_options_of_the_shell(model, tmp_path, monkeypatch, capsys, h5ad):
    npy = write_npy(tmp_path / "b.npy", new_cells(20))
    options = ["--chunk-cells", "20", "--min-genes-found", "0.9", "--jobs", "2"]
    monkeypatch.setattr(
        sys,
        "argv",
        ["annotate.py", "--model", str(model), "--cells", str(h5ad), str(npy), *options],
    )
    monkeypatch.chdir(tmp_path)
    command.run(script.main, script.Config, script.__doc__)
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"Outputs: {tmp_path}/model_output/annotations"
    assert f"== {h5ad}" in said and f"== {npy}" in said
    for name in ("new", "b"):
        assert files_of(tmp_path / "model_output/annotations" / name) == WRITTEN
    options = json.loads((tmp_path / "model_output" / RECORD).read_text())["options"]
    assert options["chunk_cells"] == 20 and options["cells"] == [str(h5ad), str(npy)]
    assert not (options["umap"] or options["write_h5ad"]) and options["jobs"] == 2


def test_from_training_to_annotation_on_the_embedded_sample(tmp_path, monkeypatch):
    """The newcomer's two commands; the training cells are told as when the model was judged."""
    monkeypatch.chdir(tmp_path)
    options = {"methods": ("logistic_regression",), "quick": True, "n_splits": 1, "jobs": 1}
    multiclass_baselines.main(multiclass_baselines.Config(**options))
    summary = run(Path("model_output/models/logistic_regression"), Path("model_output"))
    (name,) = summary
    table = annotations_of(Path("model_output/annotations") / name).set_index("cell")
    judged = pd.read_parquet("model_output/predictions/logistic_regression-split42.parquet")
    judged = judged.set_index("cell").loc[table.index]
    assert (table["predicted"] == judged["predicted"]).all()
    probabilities = judged.drop(columns=["part", "label", "predicted"])
    np.testing.assert_allclose(table["probability"], probabilities.max(axis=1), atol=1e-5)
    labels = read_cells(CellsOptions()).obs["cell_type"]
    assert (judged["label"] == labels[judged.index].astype(str)).all()
    far, between = (table.groupby(judged["part"])[flag].mean() for flag in ("far", "between"))
    assert (far <= 0.05).all()
    assert between["val"] <= 0.05 and between["train"] < 0.1 and 0 < between["test"] < 0.2
