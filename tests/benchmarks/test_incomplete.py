"""What cells lose in the benchmark of incomplete cells, and how its figures are put together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from trained_models import known_cells, trained

from benchmarks.incomplete import curves_of, recorded, summarized
from benchmarks.losing import answers
from benchmarks.losing.answers import Asked, answered, ways_to_fill
from benchmarks.losing.cells import DEPTH, MISSING, incomplete
from benchmarks.losing.far import GENES, far_of
from benchmarks.records import read_record
from cellclassifier.annotation.expected import FILE, what_to_expect
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.cell_types import TABLES
from cellclassifier.models.baselines.recipes import RECIPES
from cellclassifier.models.methods import EVERY, make_method
from cellclassifier.models.spoticell.options import SpoticellOptions


def lost(seed: int = 1):
    return {
        (kind, share, draw): cells
        for kind, share, draw, cells in incomplete(known_cells(), seed, 2)
    }


def test_what_is_missing_at_one_share_is_missing_at_larger_ones():
    found = lost()
    for draw in range(2):
        before = set(known_cells().var_names)
        for share in MISSING[1:]:
            names = set(found["genes", share, draw].var_names)
            assert names < before and len(names) == round(60 * (1 - share))
            before = names
    assert set(found["genes", 0.5, 0].var_names) != set(found["genes", 0.5, 1].var_names)


def test_counts_are_kept_with_their_probability():
    found, total = lost(), known_cells().X.sum()
    for share in DEPTH:
        left = found["counts", share, 0].X.sum() / total
        assert abs(left - share) < 0.03
    np.testing.assert_array_equal(found["counts", 1.0, 0].X.toarray(), known_cells().X.toarray())


def test_draws_follow_from_the_seed():
    for key, cells in lost().items():
        np.testing.assert_array_equal(cells.X.toarray(), lost()[key].X.toarray())
        break


def test_ways_to_fill_leave_the_model_as_it_was():
    model, cells = trained("logistic_regression"), known_cells(seed=5)[:, ::2].copy()
    before = model.predict_proba(cells)
    found = {
        name: variant.predict_proba(cells)
        for name, variant in ways_to_fill(model, "logistic_regression", "genes")
    }
    assert len(found) == 3
    np.testing.assert_array_equal(model.predict_proba(cells), before)
    own, zeros, means = found.values()
    np.testing.assert_array_equal(own, before)
    assert not np.allclose(own, zeros) and not np.allclose(own, means)


def test_figures_are_means_over_draws_then_over_splits():
    rows = [
        {"method": method, "lost": "genes", "share": share, "draw": draw, "split": split}
        | {"macro_f1": 0.9 - share / 2 - 0.1 * split - 0.02 * draw, "accuracy": 0.9}
        for method in ("a", "b, missing as zeros")
        for share in (0.0, 0.5)
        for draw in (0, 1)
        for split in (0, 1)
    ]
    table = summarized(pd.DataFrame(rows))
    first = table.set_index(["method", "share"]).loc[("a", 0.5)]
    np.testing.assert_allclose(first["macro_f1"], 0.9 - 0.25 - 0.05 - 0.01)
    np.testing.assert_allclose(first["macro_f1_std"], 0.1 / np.sqrt(2))
    assert curves_of(table)["method"].unique().tolist() == ["a"]
    assert recorded(table)["shown"].tolist()[:2] == ["0% missing", "50% missing"]


def test_what_is_far_is_what_annotation_tells():
    model, cells = trained("logistic_regression"), known_cells(seed=5)[:, ::2].copy()
    table = annotate_chunk(model, cells).table
    found = far_of(model.type_profiles_, model.align(cells))
    np.testing.assert_array_equal(found, table["far"])
    np.testing.assert_array_equal(~found, table["known"])


@pytest.mark.parametrize("genes", GENES, ids=str)
def test_methods_look_at_the_genes_that_they_are_measured_by(genes):
    for method in GENES[genes]:
        model = make_method(method)
        recipe = getattr(model, "recipe", None) or RECIPES.get(method)
        if recipe is not None:
            assert (recipe.features.n_genes, recipe.features.selection) == genes
        else:
            options = model.options or SpoticellOptions()
            assert (options.n_genes, "anova") == genes


def test_answers_are_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "FOLDER", tmp_path)
    asked = Asked(known_cells(), draws=1)
    first = answered(asked, "forest", 1, lambda: make_method("random_forest", 1, quick=True))
    monkeypatch.setattr(answers, "measured", None)
    again = answered(asked, "forest", 1, lambda: make_method("random_forest", 1, quick=True))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == len(MISSING) + len(DEPTH)
    whole = first[first["share"].eq(1) | first["share"].eq(0)]
    assert whole["macro_f1"].nunique() == 1


def test_what_annotation_expects_is_what_the_record_has():
    rows = pd.DataFrame(read_record("incomplete")["rows"])
    expected = curves_of(rows).reset_index(drop=True)
    found = pd.read_csv(TABLES / FILE)
    pd.testing.assert_frame_equal(found, expected)
    named = dict.fromkeys(EVERY, "of its own")
    for method in found["method"].unique():
        assert named.pop(method)
        whole = rows[(rows["method"] == method) & (rows["share"] == 0)]["macro_f1"].item()
        assert f"of {whole:.2f} where" in what_to_expect(method, 0.4)
    assert set(named) <= {"majority", "geneformer"}  # of which nothing is expected
