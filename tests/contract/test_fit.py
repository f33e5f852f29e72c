"""``fit`` does all of it, of training cells, and touches nothing; what comes out has its shape."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from contract.registry import (
    EVERY,
    GENES,
    ONE_LABEL,
    SYSTEMS,
    fitted,
    judged,
    new_inputs,
    part_of,
    trained,
)

from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.trust.calibration import Calibration


@pytest.fixture(scope="module", params=EVERY)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def in_a_notebook(name) -> Classifier:
    return fitted(name)


def dense(values) -> np.ndarray:
    return values.toarray() if sp.issparse(values) else np.asarray(values)


def test_a_model_of_a_notebook_is_that_of_a_script(name, in_a_notebook):
    """To the last bit: probabilities, calibration, symbols and novelty."""
    expected, x = trained(name), new_inputs(name)
    np.testing.assert_array_equal(in_a_notebook.predict_proba(x), expected.predict_proba(x))
    assert in_a_notebook.calibration_ == expected.calibration_
    assert in_a_notebook.calibration_.val_ece_before is not None
    assert in_a_notebook.classes_.tolist() == expected.classes_.tolist()
    if name in GENES:
        assert in_a_notebook.symbols_.tolist() == expected.symbols_.tolist()
        assert in_a_notebook.symbols_[0].startswith("Sym")
    assert (in_a_notebook.novelty_ is None) == (name not in ONE_LABEL)
    if name in ONE_LABEL:
        for key in ("projection", "centres", "whitening", "quantiles", "excess", "thresholds"):
            found, wanted = (getattr(m.novelty_, key) for m in (in_a_notebook, expected))
            np.testing.assert_array_equal(found, wanted)


def test_outputs_have_their_shape(name, in_a_notebook):
    x, names = new_inputs(name), in_a_notebook.classes_
    outputs = in_a_notebook.outputs(x)
    features = dense(outputs.features)
    assert features.shape == (50, in_a_notebook.n_features()) and np.isfinite(features).all()
    for probabilities in (outputs.probabilities, in_a_notebook.predict_proba(x)):
        assert probabilities.shape == (50, len(names))
        assert (probabilities >= 0).all() and (probabilities <= 1 + 1e-6).all()
        if name in ONE_LABEL:
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert list(names) == sorted(names) and names.dtype.kind == "U"
    assert in_a_notebook.fit_seconds_ > 0


def test_the_answer_follows_from_the_probabilities(name, in_a_notebook):
    x = new_inputs(name)
    p, found = in_a_notebook.predict_proba(x), in_a_notebook.predict(x)
    if name in ONE_LABEL:
        assert found.tolist() == in_a_notebook.classes_[p.argmax(axis=1)].tolist()
        return
    thresholds, at_least_one = (
        getattr(in_a_notebook.targets_, key) for key in ("thresholds", "at_least_one")
    )
    given = p > (0.5 if thresholds is None else thresholds)
    if at_least_one:  # the most probable one where none passes
        given |= (p == p.max(axis=1, keepdims=True)) & ~given.any(axis=1, keepdims=True)
    np.testing.assert_array_equal(found, given)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "majority"])
def test_it_learns(name):
    """Better on test cells than without looking at them."""
    x, targets = part_of(name, "test")
    found = trained(name).predict(x)
    if name in ONE_LABEL:
        assert np.mean(found == targets.labels) > 0.5  # a third by chance
    else:
        likely = trained(name).predict_proba(x) > 0.5  # thresholds may be those of another score
        assert np.mean(likely == targets.answers) > 0.7  # a half by chance


@pytest.mark.parametrize("name", ONE_LABEL)
def test_labels_may_be_an_array_or_a_list(name):
    (x, targets), (val_x, val_targets) = part_of(name, "train"), part_of(name, "val")
    model = SYSTEMS[name].new().fit(x, list(targets.labels), (val_x, val_targets.labels))
    expected = trained(name).predict_proba(val_x)
    np.testing.assert_array_equal(model.predict_proba(val_x), expected)


def test_fit_and_predict_leave_their_inputs_alone(name):
    (x, targets), validation = part_of(name, "train"), part_of(name, "val")
    model = SYSTEMS[name].new().fit(x, targets, validation)
    model.predict_proba(validation[0])
    for found, part in (((x, targets), "train"), (validation, "val")):
        expected = part_of(name, part)
        if name in GENES:
            assert (found[0].X != expected[0].X).nnz == 0
            assert found[0].obs.equals(expected[0].obs) and found[0].var.equals(expected[0].var)
            assert found[0].uns.keys() == expected[0].uns.keys()
        else:
            np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1].answers, expected[1].answers)


def test_without_validation_nothing_is_calibrated_and_all_else_works(name, tmp_path, in_package):
    model = SYSTEMS[name].new().fit(*part_of(name, "train"))
    assert model.calibration_ == Calibration() and model.novelty_ is None
    x = new_inputs(name)
    np.testing.assert_array_equal(model.predict_proba(x), model.outputs(x).probabilities)
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.calibration_ == Calibration() and loaded.novelty_ is None
    np.testing.assert_array_equal(loaded.predict_proba(x), model.predict_proba(x))


def test_a_second_fit_forgets_the_first(name):
    """Its calibration and novelty, and all that it learned."""
    other = part_of(name, "test", seed=3)
    model = SYSTEMS[name].new().fit(*other, part_of(name, "val", seed=3))
    again = fitted(name, model)
    assert again is model and again.calibration_ == trained(name).calibration_
    x = new_inputs(name)
    np.testing.assert_array_equal(again.predict_proba(x), trained(name).predict_proba(x))
    assert model.fit(*other).novelty_ is None and model.calibration_ == Calibration()


@pytest.mark.parametrize("name", ONE_LABEL)
def test_a_validation_label_that_no_training_cell_has_is_refused(name):
    x, targets = part_of(name, "val")
    labels = targets.labels.astype(object)
    labels[3] = "unheard of"
    model = SYSTEMS[name].new()
    with pytest.raises(InputError, match=r"types that no training cell has: unheard of; .*--min"):
        model.fit(*part_of(name, "train"), (x, labels))


@pytest.mark.parametrize("name", ONE_LABEL)
def test_validation_cells_need_not_have_every_type(name):
    x, targets = part_of(name, "val")
    chosen = targets.labels != "NK"
    validation = x[chosen].copy(), SingleLabel.of(targets.labels[chosen])
    model = SYSTEMS[name].new().fit(*part_of(name, "train"), validation)
    assert model.classes_.tolist() == ["B", "NK", "T/x"]
    assert np.isfinite(model.novelty_.thresholds).all()


@pytest.mark.parametrize("form", ["csc", "dense", "int64", "unsorted"])
@pytest.mark.parametrize("name", GENES)
def test_counts_of_any_layout_teach_the_same(name, form):
    x, targets = part_of(name, "train")
    if form == "unsorted":
        x.X = with_zeros_and_unsorted(x.X)
        before = x.X.copy()
    else:
        forms = {"csc": x.X.tocsc, "dense": x.X.toarray}
        x.X = forms[form]() if form in forms else x.X.astype(form)
    model = SYSTEMS[name].new().fit(x, targets, part_of(name, "val"))
    new = new_inputs(name)
    np.testing.assert_array_equal(model.predict_proba(new), trained(name).predict_proba(new))
    if form == "unsorted":
        for key in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(x.X, key), getattr(before, key))


def with_zeros_and_unsorted(counts: sp.csr_matrix) -> sp.csr_matrix:
    """The same counts, every row from its last gene to its first, with a stored zero at its end."""
    dense, rows = counts.toarray(), []
    for row in dense:
        genes = np.r_[np.flatnonzero(row)[::-1], np.flatnonzero(row == 0)[:1]]
        rows.append((row[genes], genes))
    data, indices = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    ends = np.cumsum([0, *(len(genes) for _, genes in rows)])
    return sp.csr_matrix((data, indices, ends), counts.shape)


@pytest.mark.parametrize("name", GENES)
def test_values_that_are_no_counts_are_refused(name):
    x, targets = part_of(name, "train")
    normalised = x.copy()
    normalised.X = np.log1p(x.X)
    validation = part_of(name, "val")
    with pytest.raises(InputError, match="expected raw integer counts"):
        SYSTEMS[name].new().fit(normalised, targets, validation)
    with pytest.raises(InputError, match="expected raw integer counts"):
        SYSTEMS[name].new().fit(x, targets, (normalised, targets))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_scores_are_of_the_parts(name, part):
    model, result = judged(name)
    x, targets = part_of(name, part)
    row = result.scores.set_index("part").loc[part]
    own = model.targets_.alike(targets.answers)
    for key, value in own.score(model.predict_proba(x)).items():
        assert row[key] == pytest.approx(value, abs=1e-6)
    assert row["n_cells"] == len(targets) and row["method"] == model.method
