"""Peers in another Python: what they are given, and what becomes of its answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import make_cells

from cellclassifier.comparison.peers import PEERS, peer_rows
from cellclassifier.errors import InputError
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all

ANSWERS = """
import json, sys
import anndata as ad, pandas as pd
cells, parts = ad.read_h5ad(sys.argv[1]), pd.read_csv(sys.argv[2], index_col=0)
assert list(cells.obs_names) == list(parts.index) and "cell_type" in cells.obs
print("Training ...")
print(json.dumps([{"split": int(s), "macro_f1": 0.5, "accuracy": 0.75, "fit_cpu_seconds": 2,
                   "predict_cpu_seconds": 0.25} for s in parts]))
"""


@pytest.fixture
def cells():
    return make_cells(60)


def rows(cells, folder: Path, python=sys.executable):
    parts = split_all(cells, SplitOptions(n_splits=2))
    return peer_rows({"celltypist": Path(python), "scanvi": None}, folder, cells, parts)


def test_its_scores_are_rows_of_the_plain_trial(cells, tmp_path):
    (tmp_path / PEERS["celltypist"].script).write_text(ANSWERS)
    table, absent = rows(cells, tmp_path)
    assert table["split"].tolist() == [42, 43]
    assert set(table["method"]) == {"celltypist"} and set(table["trial"]) == {"plain"}
    assert table["macro_f1"].tolist() == [0.5, 0.5] and (table["n_train"] == 42).all()
    assert (table["fit_cpu_seconds"] == 2).all() and (table["accuracy"] == 0.75).all()
    assert set(absent) == {"scanvi", "original_cellular"}
    assert "--scanvi names no Python" in absent["scanvi"]


@pytest.mark.parametrize("python", [sys.executable, "no_such_python"])
def test_what_does_not_run_is_told(cells, tmp_path, python):
    (tmp_path / PEERS["celltypist"].script).write_text("import no_such_module")
    with pytest.raises(InputError, match="did not run CellTypist"):
        rows(cells, tmp_path, python)


def test_an_answer_without_its_numbers_is_told(cells, tmp_path):
    (tmp_path / PEERS["celltypist"].script).write_text("print('[{\"split\": 42}]')")
    with pytest.raises(InputError, match="did not run CellTypist"):
        rows(cells, tmp_path)
