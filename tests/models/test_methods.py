"""The registry of methods: every name makes a model of that name, with seed and genes as asked."""

from __future__ import annotations

import pytest

from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier
from cellclassifier.models import methods


@pytest.mark.parametrize("name", methods.EVERY)
@pytest.mark.parametrize("quick", [False, True])
def test_every_name_makes_a_model_of_that_name(name, quick):
    model = methods.make_method(name, seed=5, n_genes=30, quick=quick, jobs=1)
    assert isinstance(model, GeneClassifier) and model.method == name
    assert model.seed == 5 and model.jobs == 1
    assert model.version == methods.version_of(name) >= 1


def test_unknown_and_repeated_names_are_refused_with_those_that_may_be():
    with pytest.raises(InputError, match="unknown method svm: expected "):
        methods.require_known(("gbdt", "svm"))
    with pytest.raises(InputError, match="unknown method geneformer"):
        methods.require_known(("geneformer",))
    methods.require_known(("geneformer",), methods.EVERY)
    with pytest.raises(InputError, match="gbdt more than once"):
        methods.require_known(("gbdt", "gbdt"))
