"""The ready model: small, whole, without torch, and honest about itself."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from sklearn.metrics import accuracy_score

import cellclassifier as cc
from cellclassifier.annotation import command
from cellclassifier.annotation.ready import FOLDER, limits, load_ready, smoothing_by_default
from cellclassifier.data.cell_types import known_cell_types
from cellclassifier.data.read import read_cells

LARGEST = 2_000_000  # bytes
WITHOUT_TORCH = """
import sys


class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


sys.meta_path.insert(0, NoTorch())
import cellclassifier as cc

cells = cc.read_cells()
cc.annotate(cells, min_genes_found=0.1)
assert "torch" not in sys.modules
print(cells.obs["predicted_cell_type"].nunique())
"""


def test_it_is_small_and_no_pickle():
    paths = list(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in paths) < LARGEST
    assert {path.suffix for path in paths} <= {".json", ".md", ".npz", ".safetensors"}


def test_it_knows_what_is_far_its_library_sizes_and_the_terms_of_its_types():
    model = load_ready()
    assert model.type_profiles_ is not None
    assert len(model.counted_.genes) > 10_000
    description = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    types = known_cell_types()
    assert description["terms"] == {name: types.term_of(name) for name in model.classes_}
    assert None not in description["terms"].values()


def test_its_card_says_studies_types_measures_and_limits():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for text in ("Zheng et al. 2017", "PBMC 3k", "Kang et al. 2018", "CL:0000236"):
        assert text in card
    for heading in ("Trained on", "Types", "What it does not know", "Licence"):
        assert f"## {heading}" in card
    for name in load_ready().classes_:
        assert name in card


def test_a_newcomer_needs_neither_model_nor_torch(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) >= 5


def test_its_limits_are_said_and_the_table_written(tmp_path, caplog):
    with caplog.at_level("INFO"):
        summaries = command.main(command.Config(output=tmp_path, jobs=1, min_genes_found=0.1))
    for sentence in limits():
        assert sentence in caplog.text
    (summary,) = summaries.values()
    assert summary["n_cells"].sum() == 700


def test_types_of_the_embedded_sample_are_those_of_its_labels():
    """Computed from the same counts as other cells' were; measured: see docs/studies.md."""
    cells = read_cells(level="common")
    labels = cells.obs["cell_type"].to_numpy(str)
    cc.annotate(cells, min_genes_found=0.1)
    found = cells.obs["predicted_cell_type"].to_numpy(str)
    assert accuracy_score(labels, found) > 0.6
    sure = np.isin(labels, ["B cell", "monocyte"])
    assert accuracy_score(labels[sure], found[sure]) > 0.85


@pytest.mark.parametrize(("model", "expected"), [(None, "all"), ("folder", "nothing")])
def test_only_common_types_are_averaged_unless_asked(model, expected):
    assert smoothing_by_default(model) == expected


def test_it_is_said_where_a_file_is_too_small_for_averages(caplog):
    cells = read_cells()
    with caplog.at_level("WARNING"):
        cc.annotate(cells[:40].copy(), min_genes_found=0.1)
    assert "No name is averaged over a cell's neighbours" in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING"):
        cc.annotate(cells[:40].copy(), min_genes_found=0.1, smooth="nothing")
    assert "averaged" not in caplog.text


def test_a_notebook_finds_the_limits_in_uns():
    cells = read_cells()
    cc.annotate(cells, min_genes_found=0.1)
    assert cells.uns["cellclassifier"]["limits"].tolist() == limits()
