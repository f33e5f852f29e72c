"""Tables of held-out images against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from cellclassifier.data.images import ImageFolder
from cellclassifier.data.locations import LocatedImages
from cellclassifier.data.simulated_images import simulated
from cellclassifier.errors import InputError
from cellclassifier.models.protein_atlas import tables
from cellclassifier.models.protein_atlas.experiment import as_cells, folds_of, with_captions

PLACES = np.array(["Actin filaments", "Cytosol", "Nucleoli", "Rods & rings"])


def judged(n=200, seed=0) -> tables.Judged:
    """Random answers with some truth in them; nothing shows the last place."""
    rng = np.random.default_rng(seed)
    shown = rng.random((n, 4)) < [0.05, 0.5, 0.2, 0.0]
    shown[~shown.any(axis=1), 1] = True
    p = np.clip(0.5 * shown + 0.6 * rng.random((n, 4)), 0.01, 0.99)
    return tables.Judged(np.arange(n).astype(str), PLACES, shown, p > 0.6, p)


def thresholds(value=0.6) -> pd.DataFrame:
    return pd.DataFrame({"split": 1, "location": PLACES, "threshold": value})


def test_judged_images_are_those_of_the_test_part():
    one = judged(6)
    texts = [[" | ".join(PLACES[row]) for row in of] for of in (one.shown, one.given)]
    rows = pd.DataFrame(one.probability, columns=PLACES)
    rows.insert(0, "predicted", texts[1])
    rows.insert(0, "label", texts[0])
    rows.insert(0, "part", ["test"] * 4 + ["train"] * 2)
    rows.insert(0, "cell", one.ids)
    found = tables.Judged.of(rows.iloc[::-1])
    assert found.ids.tolist() == one.ids[:4].tolist()
    for name in ("shown", "given", "probability"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one, name)[:4])


def test_figures_of_places():
    one = judged()
    table = tables.per_location(one, thresholds()).set_index("location").loc[PLACES]
    expected = f1_score(one.shown, one.given, average=None, zero_division=0)
    np.testing.assert_allclose(table["f1"], expected)
    assert table["number"].tolist() == [12, 25, 2, 27]
    assert table["auroc"].iloc[1] == pytest.approx(
        roc_auc_score(one.shown[:, 1], one.probability[:, 1])
    )
    always = f1_score(one.shown, np.ones_like(one.shown), average=None, zero_division=0)
    np.testing.assert_allclose(table["always_present_f1"], always)
    absent = table.loc["Rods & rings"]
    assert absent["f1"] == 0 and np.isnan(absent["auroc"]) and np.isnan(absent["average_precision"])
    figures = tables.overall(one, tables.per_location(one, thresholds()))
    assert figures["macro_f1"] == pytest.approx(expected.mean())  # the absent place counts 0


def test_the_balanced_figure_is_the_mean_of_many_balanced_draws():
    one = judged(4000, seed=3)
    table = tables.per_location(one, thresholds()).set_index("location")
    positives, rng = np.flatnonzero(one.shown[:, 2]), np.random.default_rng(0)
    negatives = np.flatnonzero(~one.shown[:, 2])
    drawn = []
    for _ in range(200):
        rows = np.concatenate([positives, rng.choice(negatives, len(positives), replace=False)])
        drawn.append(f1_score(one.shown[rows, 2], one.given[rows, 2]))
    assert table.loc["Nucleoli", "balanced_f1"] == pytest.approx(np.mean(drawn), abs=0.003)


def test_what_figures_are_held_against():
    one = judged()
    own = {"protein_atlas": one}, {"protein_atlas": thresholds()}
    simulated_rows = tables.all_tables(*own, is_real=False)[1]
    assert simulated_rows["method"].tolist() == ["protein_atlas", "always present"]
    places, real = tables.all_tables(*own, is_real=True)
    people = real[real["method"].str.startswith("three biologists")]
    assert people["macro_f1"].tolist() == [0.311, 0.322, 0.414]
    assert people["n_places"].tolist() == [28, 27, 21] and people["micro_f1"].iloc[0] == 0.415
    assert places.columns[0] == "method" and len(places) == 4


def test_together_and_confused_by_loops():
    one = judged(60, seed=2)
    together, confused = tables.co_occurrence(one), tables.confusion(one)
    for i in range(4):
        own = [k for k in range(60) if one.shown[k, i]]
        for j in range(4):
            if own:
                expected = np.mean([one.shown[k, j] for k in own])
                assert together[i, j] == pytest.approx(expected)
            others = own if i == j else [k for k in own if not one.shown[k, j]]
            if others:
                expected = np.mean([one.given[k, j] for k in others])
                assert confused[i, j] == pytest.approx(expected)
            else:
                assert np.isnan(confused[i, j])


def test_worst_mistakes_are_wrong_and_ordered():
    one = judged()
    rows = tables.worst_mistakes(one, 10)
    assert len(rows) == 10 and (one.shown[rows] != one.given[rows]).any(axis=1).all()
    likelihood = np.where(one.shown, one.probability, 1 - one.probability).prod(axis=1)
    assert (np.diff(likelihood[rows]) >= -1e-12).all()
    right = tables.Judged(one.ids, PLACES, one.shown, one.shown, one.probability)
    assert len(tables.worst_mistakes(right, 10)) == 0


def test_captions_name_the_image_and_the_mistake():
    made = simulated(4, 32, seed=0)
    given = ~made.shown
    one = tables.Judged(made.images.ids, made.locations, made.shown, given, given.astype(float))
    stacks, texts = with_captions(made.images, one, np.array([2, 0]))
    np.testing.assert_array_equal(stacks[0], made.images.read(2))
    first = texts[0].splitlines()
    assert first[0] == made.images.ids[2] and first[1].startswith("missed: ")
    assert made.locations[made.shown[2]][0].split()[0] in first[1]


def test_folds_hold_every_image_out_once_and_know_groups():
    made = simulated(90, 32, seed=0)
    parts = folds_of(made, 3, 142)
    assert list(parts.columns) == [142, 143, 144]
    assert ((parts == "test").sum(axis=1) == 1).all() and set(np.unique(parts)) == {"test", "train"}
    for place in made.shown.T:
        held_out = [(place & (parts[fold] == "test")).sum() for fold in parts]
        assert max(held_out) - min(held_out) <= max(3, 0.2 * place.sum())
    grouped = LocatedImages(made.images, made.shown, made.locations, np.arange(90) // 3)
    parts = folds_of(grouped, 3, 142).to_numpy().reshape(30, 3, 3)
    assert (parts == parts[:, :1]).all()
    for n_folds in (1, 31):
        with pytest.raises(InputError, match=f"--folds {n_folds}: expected 2 to 30"):
            folds_of(grouped, n_folds, 0)


def test_rows_without_counts_are_known_by_pictures_places_and_groups():
    made = simulated(6, 32, seed=0)
    digests = [made.images.digest(i) for i in range(6)]

    def digest(located, of):
        return as_cells(located, of).uns["counts"]["digest"]

    plain = digest(made, digests)
    assert plain == digest(made, digests) != digest(made, digests[::-1])
    other = LocatedImages(made.images, ~made.shown, made.locations)
    grouped = LocatedImages(made.images, made.shown, made.locations, np.arange(6).astype(str))
    assert len({plain, digest(other, digests), digest(grouped, digests)}) == 3
    assert isinstance(made.images.source, dict) and not isinstance(made.images, ImageFolder)
