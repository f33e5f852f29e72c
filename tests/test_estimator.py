"""Models as scikit-learn's estimators, with an AnnData where it has a matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import make_cells
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.utils.validation import check_is_fitted
from trained_models import EVERY_METHOD, known_cells, new_model, trained

from cellclassifier.models.baselines.classifier import make_baseline
from cellclassifier.models.baselines.options import METHODS


@pytest.fixture
def model():
    return make_baseline("logistic_regression", n_genes=40, quick=True)


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_parameters_can_be_read_and_set(method):
    model = new_model(method)
    assert is_classifier(model)
    parameters = model.get_params()
    assert parameters["seed"] == model.seed
    assert model.set_params(seed=parameters["seed"] + 1) is model
    assert model.get_params() == parameters | {"seed": parameters["seed"] + 1}
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        model.set_params(depth=3)


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_clone_has_the_parameters_and_has_learned_nothing(method):
    model = trained(method)
    check_is_fitted(model)
    copy = clone(model)
    assert type(copy) is type(model) and copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_notebook_can_show_a_model(method):
    assert type(trained(method)).__name__ in trained(method)._repr_html_()


@pytest.mark.parametrize("method", METHODS)
def test_the_score_is_the_accuracy(method):
    cells = known_cells(60, seed=3)
    labels = cells.obs["cell_type"]
    right = [
        found == label for found, label in zip(trained(method).predict(cells), labels, strict=True)
    ]
    for given in (labels, labels.to_numpy(str), list(labels)):
        assert trained(method).score(cells, given) == pytest.approx(sum(right) / 60)


def test_cross_validation_cuts_an_anndata(model):
    """Fold by fold as by hand, without scikit-learn's loop."""
    cells = make_cells(90)
    labels = cells.obs["cell_type"].to_numpy(str)
    folds = StratifiedKFold(3)
    found = cross_val_predict(model, cells, labels, cv=folds, method="predict_proba")
    for train, test in folds.split(np.zeros(90), labels):
        by_hand = make_baseline("logistic_regression", n_genes=40, quick=True)
        by_hand.fit(cells[train].copy(), labels[train])
        np.testing.assert_array_equal(found[test], by_hand.predict_proba(cells[test].copy()))


def test_a_grid_search_sets_parameters(model):
    """One gene is too few to tell three types; ten markers of each are enough."""
    cells = make_cells(90)
    search = GridSearchCV(model, {"n_genes": [1, 30]}, cv=3, error_score="raise")
    search.fit(cells, cells.obs["cell_type"])
    assert search.best_params_ == {"n_genes": 30}
    assert len(search.best_estimator_.genes_) == 30
    scores = pd.DataFrame(search.cv_results_)["mean_test_score"]
    assert scores[1] > 0.9 > scores[0]
