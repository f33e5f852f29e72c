"""What stands on the page is what the tables say, and what is missing is said."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from report_pages import hostile_folder

from cellclassifier.errors import InputError
from cellclassifier.report import about_errors, about_others, about_ready, make_page, numbers
from cellclassifier.report.found import Found
from cellclassifier.report.parts import Figure, Table
from cellclassifier.report.texts import percent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hostile_folder(tmp_path_factory)


@pytest.fixture
def copy(folder, tmp_path):
    """A folder of one's own, to damage."""
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture(scope="module")
def page(folder):
    return make_page(folder, folder / "no_records")


def section(page, key):
    return next(section for section in page.sections if section.key == key)


def test_sections_are_in_the_order_of_a_talk(page):
    keys = [section.key for section in page.sections]
    talk = ["short", "data", "protocol", "results", "cost", "errors", "unknown", "limits", "next"]
    assert keys == [*talk, "runs"]


def test_the_share_of_errors_is_that_of_the_predictions(folder, page):
    """Counted from the parquet files of the method that the page chose."""
    answers = section(page, "short").parts[0].answers
    chosen = answers[0][1][-1].split("/models/")[1].split()[0]
    rows = pd.concat(map(pd.read_parquet, folder.glob(f"predictions/{chosen}-split*.parquet")))
    test = rows[rows["part"] == "test"]
    wrong = (test["label"] != test["predicted"]).mean()
    assert f"cells: about {100 * wrong:.0f} of 100 cells" in " ".join(answers[1][1])
    trust = numbers.trust_of(test.reset_index(drop=True))
    assert (trust.n_cells, trust.n_wrong) == (len(test), (test["label"] != test["predicted"]).sum())


def test_the_first_answer_is_the_ready_model_with_the_figures_of_its_card(page):
    (first, often, _), card = section(page, "short").parts[0].answers, about_ready.ready_model()
    assert first[1][1] == "cellclassifier annotate --cells yours.h5ad"
    wrong = [100 * (1 - right) for right in card.right]
    assert f"{min(wrong):.0f} to {max(wrong):.0f}, {np.mean(wrong):.0f} in the mean" in often[1][0]


def test_a_card_is_read_by_its_columns():
    card = "| study left out | x | averaged | averaged, broader | of which keep a type |\n|"
    rows = " - |\n| a | 9 | 0.9 | 0.95 | 0.7 |\n| b | 9 | 0.8 | 0.99 | 0.8 |\n\n| c | 0 |"
    found = about_ready.ready_model(card + rows)
    rows = ("a", "", "", "0.9", "0.95", "0.7"), ("b", "", "", "0.8", "0.99", "0.8")
    assert found == about_ready.Ready((0.9, 0.8), (0.95, 0.99), (0.7, 0.8), (), rows)
    table = about_ready.ready_table(found)
    assert f"{percent(0.8)} to {percent(0.9)} of the cells of 2 studies" in table.headline
    assert table.rows == rows and about_ready.ready_table(None) is None
    assert "10 to 20, 15 in the mean, in 2 studies" in about_ready.how_often_wrong(found)[0]
    assert about_ready.ready_model("no table") is None


def test_a_method_of_fewer_splits_is_not_judged(folder):
    found = numbers.scores_of(Found(folder))
    table = found.table.copy()
    table.loc["strong", "n_splits"] = 1
    assert numbers.Scores(table, found.pairs).leading == ["weak"]


def test_the_writer_is_the_script_that_ended_last(copy):
    for script, ended in (
        ("spoticell", "2026-01-01"),
        ("cellular", "2026-01-02"),
    ):
        record = json.loads((copy / "results/run_multiclass_baselines.json").read_text())
        record |= {"ended": ended, "outputs": ["plots/x.png"]}
        (copy / f"results/run_{script}.json").write_text(json.dumps(record))
    assert Found(copy).script_of("plots/x.png") == "cellular"


def test_names_that_look_like_numbers_stay_names(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/cells_in_plane.csv").write_text("cell,cell_type,umap_1\n0001,007,0.5\n")
    table = Found(tmp_path).csv("cells_in_plane", "cell")
    assert table.loc[0, ["cell", "cell_type"]].tolist() == ["0001", "007"]
    assert table.loc[0, "umap_1"] == 0.5


def test_genes_of_a_type_are_those_that_are_up(copy):
    rows = [("B", "CD79A", 0.5, 4.0, 1.0), ("B", "CD3D", 0.9, 0.1, 2.0)]
    names = ["cell_type", "gene_symbol", "permutation_mean", "log1p_cp10k_in", "log1p_cp10k_out"]
    pd.DataFrame(rows, columns=names).to_csv(copy / "results/binary_rf_importances.csv")
    record = json.loads((copy / "results/run_multiclass_baselines.json").read_text())
    (copy / "results/run_binary_rf.json").write_text(json.dumps(record))
    assert about_errors.marker_genes(Found(copy)) == {"B": "CD79A"}


def test_what_was_not_run_is_said(page):
    said = [line for section in page.sections for line in section.missing]
    for script in ("compare", "binary_rf", "finetune_geneformer", "cellular"):
        assert any(line.startswith(f"{script}.py was not run") for line in said), script
    assert not any(line.startswith("interview.py") for line in said)


def test_figures_are_named_by_their_findings(page):
    figures = [p for s in page.sections for p in s.parts if isinstance(p, Figure)]
    calibration = next(f for f in figures if f.file == "plots/calibration.png")
    assert "confidence is off by" in calibration.headline
    assert calibration.csv == "results/combined_results.csv"
    assert calibration.command == "python multiclass_baselines.py"


def test_an_empty_folder_ends_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match="holds no record of a run"):
        make_page(tmp_path, tmp_path)


def test_damaged_files_are_left_out_and_said(copy):
    (copy / "plots/calibration.png").write_bytes(b"no picture")
    (copy / "results/run_compare.json").write_text("{")
    (copy / "results/splits.csv").write_bytes(b"\xff\xfe\x00")
    said = " ".join(section(make_page(copy, copy), "runs").missing)
    for name in ("plots/calibration.png", "results/run_compare.json", "results/splits.csv"):
        assert f"{name} cannot be read" in said


@pytest.mark.parametrize(
    "strange",
    [
        {"seeds": 5},
        {"options": [1]},
        {"data": {"shape": "ab"}},
        {"data": {"shape": [1]}},
        {"data": {"shape": 5}},
        {"steps": {"read": {"seconds": "a"}}},
    ],
)
def test_a_record_of_other_kinds_of_values_is_left_out_and_said(copy, strange):
    path = copy / "results/run_multiclass_baselines.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | strange))
    said = " ".join(section(make_page(copy, copy), "runs").missing)
    assert "run_multiclass_baselines.json cannot be read" in said


def test_a_script_of_other_cells_is_said_and_not_shown(copy):
    path = copy / "results/run_interview.json"
    record = json.loads(path.read_text())
    record["data"] = {"file": "other.h5ad", "sha256": "2" * 64, "shape": [1, 1]}
    path.write_text(json.dumps(record))
    page = make_page(copy, copy)
    assert "other.h5ad" in " ".join(section(page, "runs").missing)
    assert not any(part.kind == "map" for s in page.sections for part in s.parts)


def test_new_cells_are_counted_over_their_files(copy):
    shares = {"between_share": 0.0, "genes_found_share": 0.9, "mean_probability": 0.8}
    files = {
        "a": {"file": "x/<b>.h5ad", "n_cells": 100, "far_share": 0.1, **shares},
        "b": {"file": "c.h5ad", "n_cells": 300, "far_share": 0.5, **shares},
        "c": {"file": "old.h5ad"},
    }
    record = {"outputs": [], "steps": {}, "files": files, "model": {"method": "gbdt"}}
    (copy / "results/run_annotate.json").write_text(json.dumps(record))
    table = section(make_page(copy, copy), "unknown").parts[1]
    assert table.headline.startswith("Of the 400 cells that annotate named here 40")
    assert [row[0] for row in table.rows] == ["<b>.h5ad", "c.h5ad"]


def test_simulated_images_are_said_to_be_no_result(copy):
    record = {"script": "protein_atlas", "outputs": [], "steps": {}, "simulated": True}
    (copy / "results/run_protein_atlas.json").write_text(json.dumps(record))
    page = make_page(copy, copy)
    assert "simulated" in section(page, "images").paragraphs[0]
    assert not any("protein_atlas" in line for line in section(page, "runs").missing)


def test_figures_measured_beforehand_are_those_of_the_records(folder, tmp_path):
    """As the repository has them, and as they were named before; others are left out."""
    both = about_others.unknown_table(ROOT / "docs/records")
    record = json.loads((ROOT / "docs/records/unknown_types.json").read_text())
    best = max((r for r in record["rows"] if r["data"] == "all"), key=lambda row: row["auroc"])
    assert f"{100 * best['caught']:.0f}" in both.headline and record["date"] in both.command
    before = {"data": "all", "method": "gbdt", "auroc": 0.8, "caught": 0.5, "known_refused": 0.04}
    record["rows"] = [before, {"data": "all", "method": "odd"}]
    (tmp_path / "unknown_types.json").write_text(json.dumps(record))
    assert len(about_others.unknown_table(tmp_path).rows) == 1
    assert about_others.laboratory_table(tmp_path) is None
    rows = about_others.laboratory_table(ROOT / "docs/records").rows
    assert all(len(row) == 6 for row in rows)


def rows_of(labels, predicted, confidence) -> pd.DataFrame:
    """Test cells of types a and b."""
    table = pd.DataFrame({"cell": range(len(labels)), "part": "test"})
    table = table.assign(label=list(labels), predicted=list(predicted))
    sure = np.asarray(confidence)
    is_a = table["predicted"] == "a"
    return table.assign(a=np.where(is_a, sure, 1 - sure), b=np.where(is_a, 1 - sure, sure))


def test_trust_counts_errors_by_confidence():
    rows = rows_of(
        "aaaaabbbbb", "aaaabbbbba", [0.99, 0.95, 0.9, 0.8, 0.6, 0.99, 0.97, 0.93, 0.7, 0.55]
    )
    trust = numbers.trust_of(rows)
    assert (trust.n_cells, trust.n_wrong) == (10, 2)
    assert trust.sure == pytest.approx(0.6) and trust.sure_wrong == 0
    assert trust.unsure_wrong == pytest.approx(2 / 4)
    assert trust.caught == 1  # the two of lowest confidence are the two that are wrong


def test_errors_within_a_lineage_are_those_with_a_near_common_ancestor():
    labels = ["CD4+ T", "CD8+ T", "CD19+ B", "CD14+ Monocyte"]
    rows = pd.DataFrame(
        {"label": labels, "predicted": ["CD8+ T", "CD8+ T", "CD14+ Monocyte", "CD19+ B"]}
    )
    found = numbers.confused(rows)
    assert found.pairs["n_cells"].sum() == 3
    assert found.within == pytest.approx(1 / 3)


def test_tables_have_a_cell_below_every_heading(page):
    tables = [p for s in page.sections for p in s.parts if isinstance(p, Table)]
    assert len(tables) >= 4
    assert all(len(row) == len(t.header) for t in tables for row in t.rows)


def test_findings_of_tables_are_read_as_numbers(folder):
    scores = numbers.scores_of(Found(folder))
    summary = (
        pd.read_csv(folder / "results/summary.csv").query("part == 'test'").set_index("method")
    )
    for method in scores.methods:
        assert scores.value(method, "macro_f1") == pytest.approx(
            summary.loc[method, "macro_f1_mean"], abs=1e-6
        )
