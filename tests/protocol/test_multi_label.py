"""Several labels per cell: against scikit-learn, by hand, and from fit to a loaded model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from tiny_models import OneVsRest, as_part_of_the_package

from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.protocol.evaluation import evaluate_parts
from cellclassifier.protocol.multi_label import MultiLabel, stratified_folds, stratified_parts
from cellclassifier.protocol.options import PARTS
from cellclassifier.trust.calibration import fit_calibration

NAMES = np.array(["Cytosol", "Golgi", "Nuclei"])


def make_images(n: int = 300, seed: int = 0) -> tuple[np.ndarray, MultiLabel]:
    """Features (n, 6) and labels that depend on them, one rare, some cells without any."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    odds = 1.5 * x @ rng.normal(size=(6, 3)) + [0.5, -3.5, -0.5] + rng.logistic(size=(n, 3))
    return x, MultiLabel(odds > 0, NAMES)


@pytest.fixture(scope="module")
def judged():
    """Features, targets, parts and the evaluation of one fit."""
    x, targets = make_images()
    parts = targets.parts(seed=1)
    inputs = {part: x[parts == part] for part in PARTS}
    names = {part: np.flatnonzero(parts == part).astype(str) for part in PARTS}
    return x, targets, parts, evaluate_parts(OneVsRest(), inputs, targets, parts, names, 1)


def sure(probabilities, answers):
    """Probabilities, and log-odds of the given answers."""
    p = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.where(answers, 1, -1) * np.log(p / (1 - p))


def test_the_fit_is_that_of_scikit_learn(judged):
    x, targets, parts, result = judged
    reference = OneVsRestClassifier(LogisticRegression())
    reference.fit(x[parts == "train"], targets.answers[parts == "train"].astype(int))
    raw = result.classifier.outputs(x).probabilities
    np.testing.assert_allclose(raw, reference.predict_proba(x), atol=1e-8)


def test_the_temperature_is_the_best_for_the_validation_cells(judged):
    """One temperature for all labels, found by another search, and kept since it helps or is 1."""
    x, targets, parts, result = judged
    raw = result.classifier.outputs(x[parts == "val"]).probabilities
    answers = targets.answers[parts == "val"]
    overconfident = 1 / (1 + np.exp(-3 * np.log(raw / (1 - raw))))

    def loss(log_t):
        return np.logaddexp(0, -sure(overconfident, answers) / np.exp(log_t)).sum()

    expected = np.exp(minimize_scalar(loss, (-1, 1), tol=1e-10).x)
    found = fit_calibration(targets[parts == "val"], overconfident)
    assert found.temperature == pytest.approx(expected, rel=1e-3) and expected > 1.5
    validation = targets[parts == "val"]
    assert found.val_ece_before == pytest.approx(ece_by_hand(answers, overconfident))
    calibrated = validation.tempered(overconfident, found.temperature)
    assert found.val_ece_after == pytest.approx(ece_by_hand(answers, calibrated))
    assert validation.cross_entropy(calibrated, 1.0) < validation.cross_entropy(overconfident, 1.0)
    assert result.classifier.calibration_ == fit_calibration(targets[parts == "val"], raw)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 4.0])
def test_tempering_divides_log_odds(temperature):
    p = np.array([[0.9, 0.5, 0.2], [0.0, 1.0, 0.01]])
    found = MultiLabel(p > 0.5, NAMES).tempered(p, temperature)
    clipped = np.clip(p, 1e-7, 1 - 1e-7)
    odds = (clipped / (1 - clipped)) ** (1 / temperature)
    np.testing.assert_allclose(found, odds / (1 + odds), atol=1e-6)
    assert ((found > 0.5) == (p > 0.5)).all()


def test_cross_entropy_is_the_binary_one():
    _, targets = make_images(40)
    p = np.random.default_rng(1).random((40, 3))
    expected = sum(
        sk.log_loss(targets.answers[:, i], p[:, i], labels=[False, True], normalize=False)
        for i in range(3)
    )
    assert targets.cross_entropy(p, 1.0) == pytest.approx(expected)
    tempered = targets.tempered(p, 2.0)
    assert targets.cross_entropy(p, 2.0) == pytest.approx(targets.cross_entropy(tempered, 1.0))


@pytest.mark.parametrize("part", PARTS)
def test_scores_are_those_of_scikit_learn(judged, part):
    x, targets, parts, result = judged
    answers = targets.answers[parts == part]
    p = result.classifier.predict_proba(x[parts == part])
    row = result.scores.set_index("part").loc[part]
    assert row["macro_f1"] == pytest.approx(sk.f1_score(answers, p > 0.5, average="macro"))
    assert row["micro_f1"] == pytest.approx(sk.f1_score(answers, p > 0.5, average="micro"))
    both = answers.any(axis=0) & ~answers.all(axis=0)
    expected = sk.average_precision_score(answers[:, both], p[:, both], average="macro")
    assert row["average_precision"] == pytest.approx(expected)
    assert row["auroc"] == pytest.approx(sk.roc_auc_score(answers[:, both], p[:, both]))
    for name, probabilities in (
        ("ece", p),
        ("ece_raw", result.classifier.outputs(x[parts == part]).probabilities),
    ):
        assert row[name] == pytest.approx(ece_by_hand(answers, probabilities))
    assert row["n_cells"] == (parts == part).sum()


def ece_by_hand(answers, probabilities) -> float:
    """Bin by bin and label by label."""
    errors = []
    for label, p in zip(answers.T, probabilities.T, strict=True):
        error = 0.0
        for i in range(15):
            inside = (p >= i / 15) & ((p < (i + 1) / 15) | (i == 14))
            if inside.any():
                error += inside.mean() * abs(label[inside].mean() - p[inside].mean())
        errors.append(error)
    return float(np.mean(errors))


def test_per_name_and_labels_that_never_or_always_occur():
    answers = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]], dtype=bool)
    p = np.array([[0.9, 0.1, 0.8], [0.4, 0.6, 0.1], [0.9, 0.2, 0.4], [0.9, 0.1, 0.2]])
    table = MultiLabel(answers, NAMES).per_name(p).set_index("label")
    assert table["support"].tolist() == [4, 0, 2]
    assert table["recall"].tolist() == [0.75, 0, 0.5] and table["precision"].tolist() == [1, 0, 1]
    assert table["auroc"].isna().tolist() == [True, True, False]
    assert table.loc["Nuclei", ["auroc", "average_precision"]].tolist() == [1.0, 1.0]
    scores = MultiLabel(answers, NAMES).score(p)
    assert scores["macro_f1"] == pytest.approx(table["f1"].mean()) and scores["auroc"] == 1.0


def test_intervals_cover_the_score_and_narrow_with_more_cells():
    x, targets = make_images(500)
    p = OneVsRest().fit(x, targets).predict_proba(x)
    widths = []
    for n in (50, 500):
        some = targets[:n]
        found, score = some.intervals(p[:n], seed=3), some.score(p[:n])
        assert found == some.intervals(p[:n], seed=3)
        for name in ("macro_f1", "micro_f1"):
            assert found[f"{name}_low"] < score[name] < found[f"{name}_high"]
        widths.append(found["micro_f1_high"] - found["micro_f1_low"])
    assert widths[1] < 0.5 * widths[0]


def test_predictions_hold_texts_and_a_column_per_label(judged):
    x, targets, parts, result = judged
    table = result.predictions
    assert table["cell"].tolist() == [str(i) for i in range(len(x))]
    assert (table["part"] == parts).all()
    p = result.classifier.predict_proba(x)
    np.testing.assert_allclose(table[[*NAMES]], p, atol=1e-6)
    for row, answer, told in zip(table.itertuples(), targets.answers, p > 0.5, strict=True):
        assert row.label == " | ".join(NAMES[answer]) and row.predicted == " | ".join(NAMES[told])
    assert "" in table["label"].tolist() and "Cytosol | Nuclei" in table["label"].tolist()


def test_a_saved_model_remembers_the_question(judged, tmp_path, monkeypatch):
    as_part_of_the_package(monkeypatch)
    x, _, _, result = judged
    result.classifier.save(tmp_path / "model", split=1)
    loaded = Classifier.load(tmp_path / "model")
    assert type(loaded) is OneVsRest and type(loaded.targets_) is MultiLabel
    assert loaded.classes_.tolist() == NAMES.tolist()
    assert loaded.calibration_ == result.classifier.calibration_
    np.testing.assert_array_equal(loaded.predict_proba(x), result.classifier.predict_proba(x))
    assert loaded.predict(x).dtype == bool and loaded.predict(x).shape == (300, 3)
    assert loaded.novelty_ is None  # cells of several labels lie in no one cluster


@pytest.mark.parametrize("answers", [np.ones((4, 2)), np.ones(3), np.ones((4, 4))])
def test_labels_in_another_number_of_columns_are_refused(answers):
    x, targets = make_images(40)
    with pytest.raises(InputError, match="expected a column for each of the 3 names"):
        OneVsRest().fit(x, targets, (x[:4], answers))


def labels_of(n: int, shares, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((n, len(shares))) < shares


@given(
    st.integers(20, 200),
    st.lists(st.sampled_from([0.02, 0.1, 0.3, 0.7]), min_size=1, max_size=5),
    st.integers(0, 99),
)
@settings(deadline=None)
def test_every_cell_is_in_a_part_and_rare_labels_in_all(n, shares, seed):
    answers = labels_of(n, shares, seed)
    parts = stratified_parts(answers, seed)
    assert set(parts) <= set(PARTS) and len(parts) == n
    assert (parts == stratified_parts(answers, seed)).all()
    assert abs((parts == "train").mean() - 0.7) < 0.1 + 3 / n


@given(st.integers(7, 300), st.integers(0, 99))
@settings(deadline=None)
def test_one_label_is_shared_out_to_within_one_cell(n, seed):
    """Of the cells with the label, and of all cells, 70 / 15 / 15 but for rounding.

    Cells without it make up for the rounding of those with it, so that theirs may be twice that.
    """
    answers = np.random.default_rng(seed).random((n, 1)) < 0.4
    parts = stratified_parts(answers, seed)
    for rows in (answers[:, 0], np.ones(n, dtype=bool)):
        for part, share in zip(PARTS, (0.7, 0.15, 0.15), strict=True):
            assert abs((rows & (parts == part)).sum() - share * rows.sum()) <= 1 + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_go_apart_are_each_shared_out_to_within_one_cell(seed):
    """As single labels are; at random a label of 20 cells is off by one and a half, typically."""
    codes = np.random.default_rng(seed).choice(4, 300, p=[0.5, 0.3, 0.13, 0.07])
    answers = np.eye(4, dtype=bool)[codes]
    parts = stratified_parts(answers, seed)
    for part, share in zip(PARTS, (0.7, 0.15, 0.15), strict=True):
        off = answers[parts == part].sum(axis=0) - share * answers.sum(axis=0)
        assert (np.abs(off) <= 1 + 1e-9).all()


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_overlap_are_nearer_to_their_shares_than_by_chance(seed):
    answers = labels_of(400, [0.4, 0.2, 0.1, 0.05], seed)
    shares = np.array([0.7, 0.15, 0.15])

    def off(parts):
        held = np.array([answers[parts == part].sum(axis=0) for part in PARTS])
        return np.abs(held - shares[:, None] * answers.sum(axis=0)).sum()

    rng = np.random.default_rng(seed)
    by_chance = [off(rng.choice(PARTS, 400, p=shares)) for _ in range(50)]
    assert off(stratified_parts(answers, seed)) < 0.5 * np.quantile(by_chance, 0.05)


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole_and_every_label_has_its_share(seed):
    groups = np.random.default_rng(seed).integers(0, 60, 600)
    answers = labels_of(600, [0.5, 0.2, 0.1], seed)
    parts = stratified_parts(answers, seed, groups)
    for group in np.unique(groups):
        assert len(set(parts[groups == group])) == 1
    for part, share in zip(PARTS, (0.7, 0.15, 0.15), strict=True):
        found = answers[parts == part].sum(axis=0) / answers.sum(axis=0)
        assert (np.abs(found - share) < 0.06).all()
    assert (parts != stratified_parts(answers, seed + 1, groups)).any()


def test_groups_may_be_named_by_texts():
    answers = labels_of(60, [0.5, 0.2], 0)
    codes = np.arange(60) % 20
    names = np.char.add("donor ", codes.astype(str))
    parts = MultiLabel(answers, NAMES[:2]).parts(3, names)
    assert all(len(set(parts[names == name])) == 1 for name in np.unique(names))
    assert set(parts) == set(PARTS)


def test_thresholds_are_each_labels_own():
    p = np.array([[0.3, 0.3, 0.3], [0.1, 0.1, 0.1], [0.6, 0.2, 0.9]])
    targets = MultiLabel(np.ones((3, 3), dtype=bool), NAMES, thresholds=np.array([0.2, 0.5, 0.95]))
    expected = [[True, False, False], [False, False, False], [True, False, False]]
    assert targets.decide(p).tolist() == expected
    for other in (targets[:0], targets.alike(np.zeros((2, 3))), targets[[1]]):
        assert other.decide(p).tolist() == expected  # whichever cells it is asked of
    never_none = replace(targets, at_least_one=True)
    expected[1] = [True, False, False]  # the first of equals
    assert never_none.decide(p).tolist() == expected
    assert never_none.decide(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("n_folds", [2, 5])
def test_folds_have_their_share_of_every_label(n_folds):
    answers = labels_of(500, [0.5, 0.2, 0.1, 0.03], 3)
    folds = stratified_folds(answers, n_folds, 1)
    assert set(folds) == set(range(n_folds))
    for rows in (*answers.T, np.ones(500, dtype=bool)):
        held = np.bincount(folds[rows], minlength=n_folds)
        assert held.max() - held.min() <= max(2, 0.25 * rows.sum() / n_folds)
    groups = np.arange(500) // 5
    folds = stratified_folds(answers, n_folds, 1, groups).reshape(100, 5)
    assert (folds == folds[:, :1]).all()
