"""Threads of the baselines change nothing of the process, and forests stay scikit-learn's own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from conftest import make_cells
from sklearn.ensemble import RandomForestClassifier
from threads import watch_threads

from cellclassifier.models.baselines import classifier
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.models.baselines.threaded_forest import ThreadedForest


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.poisson(1.0, (150, 8)).astype(np.float32), rng.integers(0, 3, 150)


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_forest_is_that_of_scikit_learn_to_the_last_digit(n_jobs, class_weight):
    values, labels = data()
    options = {"n_estimators": 12, "random_state": 4, "class_weight": class_weight}
    theirs = RandomForestClassifier(**options).fit(values, labels)
    ours = ThreadedForest(**options, n_jobs=n_jobs).fit(values, labels)
    np.testing.assert_array_equal(ours.predict_proba(values), theirs.predict_proba(values))
    np.testing.assert_array_equal(ours.predict(values), theirs.predict(values))


@pytest.mark.parametrize("method", METHODS)
def test_threads_change_nothing_that_belongs_to_the_process(method, monkeypatch):
    monkeypatch.setattr(classifier, "CHUNK_CELLS", 30)
    cells = make_cells()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    seen, filters = watch_threads(monkeypatch), list(warnings.filters)
    model = classifier.make_baseline(method, jobs=3).fit(cells, labels, (cells, labels))
    assert warnings.filters == filters
    model.predict(cells)
    assert not seen
