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
from scipy.special import softmax
from trained_models import (
    EVERY_METHOD,
    PARTS,
    TYPES,
    ece_by_hand,
    known_cells,
    new_model,
    trained,
    trained_and_judged,
)

from cellclassifier.protocol.evaluation import evaluate
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.trust.calibration import fit_calibration

INTERVALS = ["accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high"]
LABELS = known_cells().obs["cell_type"].to_numpy().astype(str)
FEW = ("logistic_regression", "gbdt")


def raw_probabilities(method: str, part: str) -> np.ndarray:
    """Of the cells of a part, before calibration."""
    return trained(method).outputs(known_cells()[part == PARTS].copy()).probabilities


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_calibration_errors_before_and_after(method):
    """``ece`` is that of the calibrated probabilities, ``ece_raw``, the last column, before."""
    model, judged = trained_and_judged(method)
    table = judged.scores.set_index("part")
    assert judged.scores.columns[-1] == "ece_raw"
    for part in ("train", "val", "test"):
        raw = raw_probabilities(method, part)
        calibrated = softmax(
            np.log(np.maximum(raw.astype(float), 1e-7)) / model.calibration_.temperature, axis=1
        )
        labels = LABELS[part == PARTS]
        expected = [ece_by_hand(labels, p, np.array(TYPES)) for p in (raw, calibrated)]
        assert table.loc[part, ["ece_raw", "ece"]].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_columns_are_in_the_fixed_order(method):
    scores = trained_and_judged(method)[1].scores
    expected = ["method", "part", "split", "n_cells", *METRICS, "ece", "fit_seconds", *INTERVALS]
    assert list(scores) == [*expected, "ece_raw"]
    assert scores["part"].tolist() == ["train", "val", "test"]


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_the_temperature_is_that_of_the_validation_cells(method):
    model, labels = trained(method), LABELS[PARTS == "val"]
    found = fit_calibration(SingleLabel(labels, model.classes_), raw_probabilities(method, "val"))
    assert model.calibration_ == found


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_predictions_are_calibrated(method):
    model, judged = trained_and_judged(method)
    table = judged.predictions
    assert list(table["cell"]) == list(known_cells().obs_names) and (table["part"] == PARTS).all()
    for part in ("train", "val", "test"):
        cells = known_cells()[part == PARTS].copy()
        rows = table[table["part"] == part]
        np.testing.assert_allclose(rows[list(TYPES)], model.predict_proba(cells), atol=1e-6)
        assert (rows["predicted"] == model.predict(cells)).all()


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
