"""Scores of a file's cells: against plain loops on dense values, and what must not change them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_files import N_GENES, TYPES, a_file, joined, labels_of
from sklearn.metrics.pairwise import cosine_similarity

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.trust import averages, file_view
from cellclassifier.trust.file_view import FileView, References
from cellclassifier.trust.neighbours import Neighbours, sampled_rows

COLUMNS = np.arange(N_GENES)
LABELS = labels_of(300)
CELLS = a_file(LABELS, seed=5)
ROWS = np.arange(300)


def log_cp10k(cells: GeneCounts) -> np.ndarray:
    return np.log1p(1e4 * cells.counts.toarray().astype(float) / cells.totals[:, None])


def two_studies(types=TYPES) -> References:
    """Profiles of two laboratories, the second without the last type."""
    means, codes = [], []
    for seed, known in ((1, types), (2, types[:-1])):
        labels = labels_of(200, known)
        values = log_cp10k(a_file(labels, seed))
        means += [values[labels == name].mean(axis=0) for name in known]
        codes += range(len(known))
    return References(np.array(means), np.array(codes))


REFERENCES = two_studies()


def score(cells: GeneCounts = CELLS, references: References = REFERENCES) -> np.ndarray:
    rows = np.arange(len(cells))
    view = FileView.learn(cells, rows, references, COLUMNS)
    return view.score(cells, view.near(cells, rows))


def score_by_hand(cells: GeneCounts, references: References) -> np.ndarray:
    """The same in plain loops on dense values; neighbours are the library's."""
    rows = np.arange(len(cells))
    near = Neighbours.learn(cells, rows).of(cells, rows)
    own = log_cp10k(cells)
    values = np.array([np.vstack([own[i], own[near[i].indices]]).mean(axis=0) for i in rows])
    types = [references.means[references.types == t].mean(axis=0) for t in range(5)]
    middle, shift = np.mean(types, axis=0), 0.0
    for _ in range(3):
        found = cosine_similarity(values - shift - middle, types - middle)
        moved = []
        for code in range(5):
            own = np.flatnonzero(found.argmax(axis=1) == code)
            if len(own) >= 10:
                best = sorted(own, key=lambda i, code=code: -found[i, code])
                best = best[: int(np.ceil(0.7 * len(own)))]
                moved.append(values[best].mean(axis=0) - types[code])
        shift = np.median(moved, axis=0)
    found = cosine_similarity(values - shift - middle, types - middle)
    in_studies = cosine_similarity(values - shift - middle, references.means - middle)
    raw = -np.maximum(found.max(axis=1), in_studies.max(axis=1))
    nearest = found.argmax(axis=1)
    medians = [np.median(raw[nearest == t]) for t in range(5) if (nearest == t).sum() >= 20]
    return raw - 0.5 * np.quantile(medians, 0.25)


def test_scores_are_those_of_plain_loops():
    np.testing.assert_allclose(score(), score_by_hand(CELLS, REFERENCES), atol=1e-5)


def test_scores_of_a_file_with_strangers_are_those_of_plain_loops():
    labels = labels_of(200, np.array(["B", "T"]))
    shift = np.random.default_rng(3).lognormal(0, 0.5, N_GENES)
    cells = joined(CELLS, a_file(labels, 6, shift))
    np.testing.assert_allclose(score(cells), score_by_hand(cells, REFERENCES), atol=1e-5)


def test_the_library_size_does_not_matter():
    factors = np.random.default_rng(0).integers(1, 9, len(CELLS))
    counts = sp.csr_matrix(sp.diags(factors.astype(float)) @ CELLS.counts, dtype=np.float32)
    deeper = GeneCounts(counts, CELLS.totals * factors, CELLS.present)
    np.testing.assert_allclose(score(deeper), score(), atol=1e-4)


def test_what_shifts_all_cells_of_a_file_is_taken_off(monkeypatch):
    """Every gene of the file is measured up to several times better or worse than in training."""
    shift = np.random.default_rng(1).lognormal(0, 0.8, N_GENES)
    shifted = a_file(LABELS, 5, shift)
    found = np.median(score(shifted)) - np.median(score())
    monkeypatch.setattr(file_view, "ROUNDS", 0)
    as_it_is = np.median(score(shifted)) - np.median(score())
    assert as_it_is > 0.1
    assert found < 0.3 * as_it_is


@cache
def view_and_scores() -> tuple[FileView, np.ndarray]:
    view = FileView.learn(CELLS, ROWS, REFERENCES, COLUMNS)
    return view, view.score(CELLS, view.near(CELLS, ROWS))


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 300))
def test_chunks_of_any_size_give_the_same_digits(size):
    view, whole = view_and_scores()
    chunks = [slice(start, start + size) for start in range(0, 300, size)]
    parts = [view.score(CELLS[c], view.near(CELLS[c], ROWS[c])) for c in chunks]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_order_of_cells_does_not_matter():
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(score(CELLS[order]), score()[order], atol=1e-5)


def test_blocks_do_not_matter(monkeypatch):
    whole = score()
    monkeypatch.setattr(averages, "BLOCK_CELLS", 7)
    np.testing.assert_array_equal(score(), whole)


@pytest.mark.parametrize("seed", [142, 143, 144])
def test_a_sample_of_the_cells_tells_nearly_the_same_of_all(seed):
    rows = sampled_rows(300, seed, at_most=200)
    view = FileView.learn(CELLS[rows], rows, REFERENCES, COLUMNS)
    assert view.facts()["cells_sampled"] == 200
    assert np.abs(view.score(CELLS, view.near(CELLS, ROWS)) - score()).mean() < 0.03


def test_genes_that_a_file_lacks_are_left_out_of_profiles_too():
    """As if the profiles had never had them."""
    present = COLUMNS % 3 > 0
    counts = CELLS.counts.multiply(present).tocsr()
    lacking = GeneCounts(counts, CELLS.totals, present)
    view = FileView.learn(lacking, ROWS, REFERENCES, COLUMNS)
    fewer = GeneCounts(CELLS.counts[:, present], CELLS.totals, np.ones(present.sum(), dtype=bool))
    references = References(REFERENCES.means[:, present], REFERENCES.types)
    other = FileView.learn(fewer, ROWS, references, np.arange(present.sum()))
    found = view.score(lacking, view.near(lacking, ROWS))
    np.testing.assert_array_equal(found, other.score(fewer, other.near(fewer, ROWS)))
    assert view.facts()["genes_compared"] == present.sum()


def test_in_a_small_file_cells_stand_for_themselves():
    few = CELLS[:99]
    view = FileView.learn(few, np.arange(99), REFERENCES, COLUMNS)
    types = REFERENCES.of_types
    middle = types.mean(axis=0)
    profiles = np.vstack([types, REFERENCES.means]) - middle
    expected = -cosine_similarity(log_cp10k(few) - middle, profiles).max(axis=1)
    assert view.near(few, np.arange(99)) is None
    np.testing.assert_allclose(view.score(few, None), expected, atol=1e-6)
    p = np.full((99, 5), 0.2)
    assert view.smoothed(p, None, p) is p
    assert view.facts() == {"cells_sampled": 0, "genes_compared": N_GENES, "offset": 0.0}


def test_neighbours_draw_probabilities_together():
    view = FileView.learn(CELLS, ROWS, REFERENCES, COLUMNS)
    p = np.random.default_rng(0).dirichlet(np.full(5, 0.5), 300)
    found = view.smoothed(p, view.near(CELLS, ROWS), p)
    own = [np.flatnonzero(name == LABELS) for name in TYPES]
    assert all(found[cells].std() < 0.6 * p[cells].std() for cells in own)


def test_cells_without_counts_and_genes_without_profile_are_no_harm():
    empty = GeneCounts(sp.csr_matrix((5, N_GENES), dtype=np.float32), np.zeros(5), CELLS.present)
    assert np.isfinite(score(joined(CELLS, empty))).all()
    flat = replace(REFERENCES, means=np.zeros_like(REFERENCES.means))
    np.testing.assert_array_equal(score(CELLS, flat), 0)
    nothing = GeneCounts(empty.counts[np.zeros(300, dtype=int)], np.zeros(300), CELLS.present)
    assert np.isfinite(score(nothing)).all()


def test_one_known_type_is_no_reason_to_fail():
    one = References(REFERENCES.means[:1], REFERENCES.types[:1])
    assert np.isfinite(score(CELLS, one)).all()


@pytest.mark.parametrize("n_present", [0, 1, 2, 20])
def test_a_file_with_hardly_a_gene_of_the_profiles_is_no_reason_to_fail(n_present):
    present = n_present > COLUMNS
    cells = GeneCounts(CELLS.counts.multiply(present).tocsr(), CELLS.totals, present)
    assert np.isfinite(score(cells)).all()


@pytest.mark.parametrize("n_different", [1, 2, 3])
def test_a_file_of_copies_of_a_few_cells_is_no_reason_to_fail(n_different):
    assert np.isfinite(score(CELLS[np.arange(300) % n_different])).all()
