"""Which methods are told apart: against plain loops, and how often it is wrong by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from cellclassifier.errors import InputError
from cellclassifier.protocol import paired
from cellclassifier.protocol.answers import COMPARED, Answers
from cellclassifier.protocol.metrics import METRICS, score

TYPES = np.array(["B", "NK", "T", "mono"])


def labels_of(n_cells: int, seed: int) -> np.ndarray:
    shares = [0.5, 0.3, 0.15, 0.05]
    labels = np.random.default_rng([7, seed]).choice(TYPES, size=n_cells, p=shares)
    labels[: len(TYPES)] = TYPES
    return labels


def predictions_of(labels: np.ndarray, skill: float, seed) -> pd.DataFrame:
    """Rows of a method that is right in about ``skill`` of the cells."""
    rng = np.random.default_rng(seed)
    right = rng.random(len(labels)) < skill
    guesses = np.where(right, labels, TYPES[rng.integers(len(TYPES), size=len(labels))])
    confidence = rng.uniform(0.5, 1, len(labels))[:, None]
    other = (1 - confidence) / (len(TYPES) - 1)
    probabilities = np.where(guesses[:, None] == TYPES, confidence, other)
    keys = {"cell": [f"cell_{i}" for i in range(len(labels))], "part": "test"}
    table = pd.DataFrame(keys | {"label": labels, "predicted": guesses})
    return pd.concat([table, pd.DataFrame(probabilities, columns=TYPES)], axis=1)


def answers_of(n_cells=120, splits=(1,), seed=0, **skills) -> dict[str, dict[int, Answers]]:
    """Of every method named by its skill, of every split; a skill per split or one of all."""
    return {
        method: {
            split: Answers.of(
                predictions_of(labels_of(n_cells, split), own, [seed, split, *method.encode()])
            )
            for split, own in zip(splits, np.broadcast_to(skill, len(splits)), strict=True)
        }
        for method, skill in skills.items()
    }


def macro_f1_difference(**skills) -> pd.Series:
    """The row of macro-F1 of two methods; few resamples, since it is asked for often."""
    n_samples = skills.pop("n_samples", 400)
    pairs = paired.compare(answers_of(**skills), n_samples).pairs
    return pairs.set_index("metric").loc["macro_f1"]


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_weighted_cells_score_as_repeated_ones(seed, skill):
    table = predictions_of(labels_of(50, seed), skill, seed)
    weights = np.random.default_rng(seed).integers(0, 4, size=(3, 50))
    weights[:, :4] += 1  # scikit-learn's cross-entropy wants every type
    found = Answers.of(table).scores(weights.astype(float))
    for row, weight in zip(found, weights, strict=True):
        cells = table.loc[table.index.repeat(weight)]
        expected = score(cells["label"].to_numpy(), cells[TYPES].to_numpy(), TYPES)
        assert dict(zip(COMPARED, row, strict=True)) == pytest.approx(expected, abs=1e-6)


def test_types_that_are_missing_are_scored_as_scikit_learn_does():
    """One type alone, all of it right: chance explains everything."""
    table = predictions_of(np.repeat(TYPES[:1], 9), 1.0, 0)
    found = dict(zip(COMPARED, Answers.of(table).scores(np.ones((1, 9)))[0], strict=True))
    assert (found["mcc"], found["kappa"]) == (0, 0)
    assert found["macro_f1"] == found["balanced_accuracy"] == found["accuracy"] == 1


def test_scores_are_the_means_over_splits():
    splits = (3, 1, 2)
    found = paired.compare(answers_of(splits=splits, a=0.8, b=0.6), 20).scores
    for method, skill in {"a": 0.8, "b": 0.6}.items():
        tables = [
            predictions_of(labels_of(120, s), skill, [0, s, *method.encode()]) for s in splits
        ]
        scores = [score(t["label"].to_numpy(), t[TYPES].to_numpy(), TYPES) for t in tables]
        rows = found[found["method"] == method].set_index("metric")
        assert rows["mean"].to_dict() == pytest.approx(pd.DataFrame(scores).mean().to_dict())
        assert set(rows["n_splits"]) == {3} and set(rows["n_cells"]) == {360}
        assert rows["low"].isna().to_dict() == {name: name == "ece" for name in COMPARED}
        assert (rows["low"] < rows["high"]).drop("ece").all()


def plain_macro_f1(label: np.ndarray, predicted: np.ndarray) -> float:
    """The mean over the types that there are, one at a time."""
    values = []
    for name in set(label):
        right = ((label == name) & (predicted == name)).sum()
        values.append(2 * right / ((label == name).sum() + (predicted == name).sum()))
    return float(np.mean(values))


def plain_loop(tables: dict[str, list[pd.DataFrame]], n_samples: int) -> np.ndarray:
    """Differences of macro-F1, cell by cell: splits with replacement, then their cells."""
    rng, differences = np.random.default_rng(99), []
    columns = {
        method: [table[["label", "predicted"]].to_numpy(str).T for table in of_splits]
        for method, of_splits in tables.items()
    }
    for _ in range(n_samples):
        values = []
        for split in rng.integers(3, size=3):
            rows = rng.integers(120, size=120)
            a, b = (plain_macro_f1(*columns[method][split][:, rows]) for method in ("a", "b"))
            values.append(a - b)
        differences.append(np.mean(values))
    return np.array(differences)


def test_differences_are_those_of_a_plain_loop():
    """Ends of the interval within 2 standard errors or so of two bootstraps' difference."""
    skills, splits = {"a": 0.8, "b": 0.75}, (1, 2, 3)
    found = macro_f1_difference(splits=splits, **skills, n_samples=4000)
    tables = {
        method: [predictions_of(labels_of(120, s), skill, [0, s, *method.encode()]) for s in splits]
        for method, skill in skills.items()
    }
    loop = plain_loop(tables, 1500)
    low, high = np.quantile(loop, [0.025, 0.975])
    assert found["low"] == pytest.approx(low, abs=0.12 * (high - low))
    assert found["high"] == pytest.approx(high, abs=0.12 * (high - low))
    tail = min((loop <= 0).mean(), (loop >= 0).mean())
    assert found["p_value"] == pytest.approx(2 * tail, abs=0.08)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("splits", "luck", "least", "most"),
    [
        ((1,), 0.0, 0.02, 0.09),  # cells alone: the nominal size
        ((1, 2, 3), 0.0, 0.0, 0.05),  # two stages overstate the noise of cells
        ((1, 2, 3), 0.06, 0.0, 0.09),  # the luck of training is most of the noise
    ],
)
def test_equal_methods_are_rarely_told_apart(splits, luck, least, most):
    """In about 5 % of cases or fewer: 200 simulations, whose own error is 1.5 points."""
    wrong = 0
    for seed in range(200):
        rng = np.random.default_rng([1, seed])
        skills = {name: 0.75 + luck * rng.normal(size=len(splits)) for name in ("a", "b")}
        wrong += (
            macro_f1_difference(splits=splits, seed=seed, n_samples=200, **skills)["p_value"] < 0.05
        )
    assert least <= wrong / 200 <= most


@pytest.mark.parametrize("splits", [(1,), (1, 2, 3)])
def test_a_better_method_is_told_apart(splits):
    found = [
        macro_f1_difference(splits=splits, n_cells=400, seed=seed, a=0.95, b=0.75)
        for seed in range(10)
    ]
    assert all(row["p_holm"] < 0.05 and row["low"] > 0 for row in found)


def test_splits_that_disagree_tell_nothing_apart():
    """Better by far on two splits and worse on the third: cells alone would say "better"."""
    row = macro_f1_difference(splits=(1, 2, 3), n_cells=400, a=(0.9, 0.9, 0.6), b=(0.7, 0.7, 0.75))
    assert row["difference"] > 0.05 and row["p_value"] > 0.05


def test_a_method_is_not_told_apart_from_itself():
    answers = answers_of(a=0.8)
    pairs = paired.compare(answers | {"b": answers["a"]}, 100).pairs
    assert (pairs["p_value"] == 1).all() and (pairs["difference"] == 0).all()


def test_the_same_numbers_again_whatever_other_methods_there_are():
    """Only the correction knows how many pairs there are."""
    three = answers_of(splits=(1, 2), a=0.8, b=0.75, c=0.7)
    first, again = (paired.compare(three, 50).pairs for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    of_two = paired.compare({name: three[name] for name in "ac"}, 50).pairs
    of_three = first.query("method_a == 'a' and method_b == 'c'").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_two.drop(columns="p_holm"), of_three.drop(columns="p_holm"))
    assert (of_two["p_holm"] <= of_three["p_holm"]).all()


def test_pairs_are_compared_over_their_common_splits():
    answers = answers_of(splits=(1, 2), a=0.8, b=0.7) | answers_of(splits=(2,), c=0.6)
    answers |= answers_of(splits=(3,), d=0.6)
    found = paired.compare(answers, 50)
    n_splits = found.pairs.groupby(["method_a", "method_b"])["n_splits"].first()
    assert n_splits.to_dict() == {("a", "b"): 2, ("a", "c"): 1, ("b", "c"): 1}
    assert found.scores.groupby("method")["n_splits"].first().to_dict() == dict(a=2, b=2, c=1, d=1)


def test_one_method_has_no_pair():
    found = paired.compare(answers_of(a=0.8), 20)
    assert len(found.pairs) == 0 and list(found.pairs) == paired.PAIRS
    assert found.groups().groupby("metric")["method"].agg(list).map(len).eq(1).all()


def test_other_cells_are_refused_in_a_sentence():
    answers = answers_of(a=0.8) | answers_of(n_cells=60, b=0.7)
    with pytest.raises(InputError, match="a and b for split 1 are of different test cells"):
        paired.compare(answers, 20)


@settings(max_examples=examples(50))
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_correction_is_that_of_statsmodels(p_values):
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(paired.holm(p_values), expected)


def groups_of(means: dict[str, float], apart: list[str]) -> list[list[str]]:
    """Groups in macro-F1 of methods with these means, of which some pairs ("ab") are told apart."""
    scores = pd.DataFrame(
        [(method, metric, mean) for method, mean in means.items() for metric in COMPARED],
        columns=["method", "metric", "mean"],
    )
    pairs = pd.DataFrame([(*pair, "macro_f1", 0.01) for pair in apart], columns=[*KEYS, "p_holm"])
    table = paired.Comparison(scores, pairs).groups().query("metric == 'macro_f1'")
    return table.groupby("group")["method"].agg(list).tolist()


KEYS = ["method_a", "method_b", "metric"]


def test_groups_are_neighbours_not_told_apart():
    means = {"d": 0.1, "a": 0.9, "b": 0.8, "c": 0.7}
    assert groups_of(means, []) == [["a", "b", "c", "d"]]
    assert groups_of(means, ["ad", "bd", "cd"]) == [["a", "b", "c"], ["d"]]
    assert groups_of(means, ["ca", "ad", "bd"]) == [["a", "b"], ["b", "c"], ["c", "d"]]
    assert groups_of(means, ["ab", "ac", "ad", "bc", "bd", "cd"]) == [["a"], ["b"], ["c"], ["d"]]


def test_a_lower_calibration_error_is_the_better_one():
    found = paired.compare(answers_of(a=0.8, b=0.75), 20).groups()
    for metric in COMPARED:
        means = found.loc[found["metric"] == metric, "mean"].tolist()
        assert means == sorted(means, reverse=metric not in ("ece", "cross_entropy"))


def test_every_metric_is_compared():
    assert set(paired.compare(answers_of(a=0.8, b=0.7), 20).pairs["metric"]) == {*METRICS, "ece"}
