from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, make_cells
from sklearn.metrics import average_precision_score

import binary_rf
from cellclassifier.data.options import CellsOptions
from cellclassifier.data.read import read_cells
from cellclassifier.errors import InputError
from cellclassifier.models.one_vs_rest import forests as binary
from cellclassifier.models.one_vs_rest import tables as binary_tables
from cellclassifier.output.files import file_name

SMALL = {"n_trees": 8, "n_genes": 20, "n_repeats": 2, "jobs": 1}
FIRST = ["Cell Type", "Negative Sampling", "Accuracy", "F1 Score", "AUROC", "AUPRC", "N Samples"]


def run(cells_npy, folder, **options):
    return binary_rf.main(binary_rf.Config(cells=cells_npy, output=folder, **SMALL | options))


@pytest.fixture(scope="module")
def first_run(cells_npy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("binary")
    run(cells_npy, folder)
    return folder


def csv_bytes(folder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "results").rglob("*.csv")
    }


def test_outputs(first_run):
    names = {path.name for path in first_run.rglob("*.*") if ".finished" not in path.parts}
    texts = [f"feature_importance_{t}_{s}" for t in ("B", "NK", "T/x") for s in binary.SCHEMES]
    plots = {f"{file_name(text)}.png" for text in texts}
    predictions = {f"binary_rf_{s}-split{i}.parquet" for s in binary.SCHEMES for i in (42, 43)}
    assert names == {
        "binary_rf_results.csv",
        "binary_rf_importances.csv",
        "binary_rf_splits.csv",
        "run_binary_rf.json",
        "binary_rf_auroc.png",
        "binary_rf_markers.png",
        *plots,
        *predictions,
        *(f"binary_rf_{s}.csv" for s in binary.SCHEMES),  # under results/scores and per_type
    }
    for folder in ("results/scores", "results/per_type"):
        found = {path.name for path in (first_run / folder).iterdir()}
        assert found == {f"binary_rf_{s}.csv" for s in binary.SCHEMES}


def test_columns_are_the_fixed_ones(first_run):
    results = pd.read_csv(first_run / "results/binary_rf_results.csv")
    assert results.columns.tolist()[:7] == FIRST
    assert results.columns.tolist()[-1] == "Note"
    assert results["Negative Sampling"].tolist() == ["even", "random"] * 3
    importances = pd.read_csv(first_run / "results/binary_rf_importances.csv")
    assert importances.columns.tolist() == list(binary_tables.IMPORTANCE_COLUMNS)
    for _, rows in importances.groupby(["cell_type", "negative_sampling"]):
        assert (np.diff(rows["mdi_mean"]) <= 0).all()


def test_natural_scores_follow_from_the_written_predictions(first_run):
    results = pd.read_csv(first_run / "results/binary_rf_results.csv")
    parts = pd.read_csv(first_run / "results/binary_rf_splits.csv").set_index("cell")
    for _, row in results.iterrows():
        scores = []
        for seed in (42, 43):
            name = f"binary_rf_{row['Negative Sampling']}-split{seed}.parquet"
            table = pd.read_parquet(first_run / "predictions" / name)
            assert (table["part"] != "train").all()
            assert (parts.loc[table["cell"], f"part_{seed}"].to_numpy() == table["part"]).all()
            is_type = table["label"] == row["Cell Type"]
            scores.append(average_precision_score(is_type, table[row["Cell Type"]]))
        assert row["Natural AUPRC"] == pytest.approx(np.mean(scores), abs=1e-5)


@pytest.mark.slow
def test_types_of_like_names_have_files_of_their_own(tmp_path):
    """A second run takes each type's own parts up, and draws each its own figures."""
    cells = make_cells(120)
    types = np.array(["A/B", "A_B"])[np.arange(120) % 2]
    genes, names = cells.var_names.tolist(), cells.obs_names.tolist()
    content = {"UMI": cells.X, "classes": types, "gene_ids": genes, "cell_names": names}
    np.save(tmp_path / "cells.npy", content, allow_pickle=True)
    run(tmp_path / "cells.npy", tmp_path / "out", n_repeats=1)
    before = csv_bytes(tmp_path / "out")
    plots = [path.name for path in (tmp_path / "out/plots").glob("feature_importance_*")]
    assert len(plots) == 2 * 2
    run(tmp_path / "cells.npy", tmp_path / "out", n_repeats=1)
    assert csv_bytes(tmp_path / "out") == before


@pytest.mark.slow
def test_same_bytes_for_any_number_of_jobs(first_run, cells_npy, tmp_path):
    run(cells_npy, tmp_path, jobs=3)
    assert csv_bytes(tmp_path) == csv_bytes(first_run)


@pytest.mark.slow
def test_an_interrupted_run_is_taken_up(first_run, cells_npy, tmp_path, monkeypatch):
    run_fit, done = binary.run_fit, []

    def interrupted(fit, *arguments):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(fit)
        return run_fit(fit, *arguments)

    monkeypatch.setattr(binary, "run_fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(cells_npy, tmp_path)
    kept = list((tmp_path / ".finished/binary_rf").rglob("*.json"))
    assert 1 <= len(kept) <= 5
    again = []
    monkeypatch.setattr(binary, "run_fit", lambda fit, *a: again.append(fit) or run_fit(fit, *a))
    run(cells_npy, tmp_path)
    assert len(again) == 12 - len(kept)
    assert csv_bytes(tmp_path) == csv_bytes(first_run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--cells", "nowhere.npy"], "nowhere.npy does not exist"),
        (["--n-trees", "0"], "--n-trees 0: expected at least 1"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_code_2(tmp_path, options, sentence):
    command = [sys.executable, ROOT / "binary_rf.py", "--output", tmp_path / "out", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "options", [{"n_repeats": 0}, {"n_genes": 0}, {"jobs": 0}, {"seed": -1}, {"seed": 2**32}]
)
def test_numbers_that_no_run_can_use(cells_npy, tmp_path, options):
    with pytest.raises(InputError, match=str(next(iter(options.values())))):
        run(cells_npy, tmp_path, **options)


@pytest.fixture(scope="module")
def top_genes(shared, tmp_path_factory):
    """Top ten symbols by type and scheme of the types below, one repeat, on real cells."""
    folder = tmp_path_factory.mktemp("symbols")
    (folder / "geneformer_files").mkdir()
    source = shared / "geneformer_files/gene_name_id_dict_gc30M.pkl"
    (folder / "geneformer_files" / source.name).write_bytes(source.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        options = CellsOptions(cells=shared / "data/cells.npy")
        cells = read_cells(options)
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    parts = binary.parts_of_repeats(cells, [42])
    wanted = {name for names, _ in EXPECTED for name in names}
    fits = [fit for fit in binary.plan_fits(labels, [42]) if fit.cell_type in wanted]
    finished = dict(binary.fit_all(fits, cells, parts, binary.ForestOptions(), jobs=2))
    table = binary_tables.importance_table(cells, finished)
    groups = table.groupby(["cell_type", "negative_sampling"])
    return {key: set(rows.head(10)["gene_symbol"]) for key, rows in groups}


EXPECTED = [
    (("CD19+ B",), {"CD79A", "MS4A1", "CD74", "HLA-DRA"}),
    (("CD56+ NK",), {"NKG7", "GNLY"}),
    (("CD14+ Monocyte",), {"S100A8", "S100A9", "LYZ", "CST3", "FCN1"}),
    (("CD8+ Cytotoxic T", "CD8+/CD45RA+ Naive Cytotoxic"), {"CD8A", "CD8B"}),
]


@pytest.mark.parametrize("scheme", binary.SCHEMES)
@pytest.mark.parametrize(("types", "markers"), EXPECTED, ids=lambda value: "-".join(sorted(value)))
def test_real_cells_are_told_apart_by_known_markers(top_genes, types, markers, scheme):
    assert any(top_genes[name, scheme] & markers for name in types)
