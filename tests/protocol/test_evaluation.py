"""Judging a classifier: calibration errors of its own making, and no look at the test cells."""

from __future__ import annotations

import json
import re
import zipfile

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from trained_models import (
    PARTS,
    known_cells,
    new_model,
    trained,
    trained_and_judged,
)

from cellclassifier.protocol.evaluation import evaluate
from cellclassifier.protocol.metrics import METRICS

INTERVALS = ["accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high"]
LABELS = known_cells().obs["cell_type"].to_numpy().astype(str)
FEW = ("logistic_regression", "gbdt")


def changed_test_cells() -> dict[str, ad.AnnData]:
    """The same training and validation cells; test cells of other labels, or other counts."""
    test = PARTS == "test"
    relabelled = known_cells()
    labels = LABELS.copy()
    labels[test] = np.roll(labels[test], 1)
    assert (labels != LABELS).any()
    relabelled.obs["cell_type"] = pd.Categorical(labels)
    recounted = known_cells()
    counts = recounted.X.toarray()
    counts[test] = np.random.default_rng(5).poisson(9, counts[test].shape)
    recounted.X = sp.csr_matrix(counts)
    return {"labels": relabelled, "counts": recounted}


@pytest.mark.parametrize("changed", ["labels", "counts"])
@pytest.mark.parametrize("method", FEW)
def test_test_cells_leave_no_trace_in_the_saved_model(tmp_path, method, changed):
    """Everything that is saved is the same to the last byte, and the scores are not."""
    model = new_model(method)
    judged = evaluate(model, changed_test_cells()[changed], PARTS, split=1)
    model.save(tmp_path / "changed")
    trained(method).save(tmp_path / "original")
    assert contents(tmp_path / "changed") == contents(tmp_path / "original")
    scores = [e.scores.set_index("part") for e in (judged, trained_and_judged(method)[1])]
    assert scores[0].loc["test", "cross_entropy"] != scores[1].loc["test", "cross_entropy"]
    for part in ("train", "val"):
        columns = [*METRICS, "ece", "ece_raw"]
        assert scores[0].loc[part, columns].tolist() == scores[1].loc[part, columns].tolist()


def test_validation_cells_do_leave_one(tmp_path):
    """The comparison above finds what differs."""
    cells = known_cells()
    labels = LABELS.copy()
    labels[PARTS == "val"] = np.roll(labels[PARTS == "val"], 5)
    cells.obs["cell_type"] = pd.Categorical(labels)
    model = new_model("logistic_regression")
    evaluate(model, cells, PARTS, split=1)
    model.save(tmp_path / "changed")
    trained("logistic_regression").save(tmp_path / "original")
    found, expected = contents(tmp_path / "changed"), contents(tmp_path / "original")
    assert found["model.skops"] == expected["model.skops"]
    assert found["model.json"]["calibration"] != expected["model.json"]["calibration"]


def contents(folder) -> dict:
    """A saved model but for what differs from one saving to the next.

    skops names arrays by their place in memory and dates its entries; the digests follow it.
    """
    description = json.loads((folder / "model.json").read_text())
    for key in ("digest", "files"):
        del description[key]
    with zipfile.ZipFile(folder / "model.skops") as archive:
        schema = archive.read("schema.json").decode()
        arrays = [archive.read(name) for name in re.findall(r'"file": "([^"]+)"', schema)]
    schema = re.sub(r'"__id__": \d+', '"__id__": 0', schema)
    schema = re.sub(r'"file": "[^"]+"', '"file": ""', schema)
    return {
        "model.json": description,
        "novelty.npz": (folder / "novelty.npz").read_bytes(),
        "model.skops": (schema, arrays),
    }
