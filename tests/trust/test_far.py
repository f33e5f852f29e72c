"""Far cells: strangers are caught, known cells of other laboratories pass; files of profiles."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from simulated_files import N_GENES, TYPES, a_file, joined, labels_of

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.trust.far import (
    FEWEST_OF_TYPE,
    LEAST_THRESHOLD,
    Profiles,
    _thresholds,
    remark_on_far,
)

KNOWN, STRANGER = TYPES[1:], TYPES[0]
LABORATORIES = ("a", "b", "c")


def shift_of(laboratory: int) -> np.ndarray:
    """By what a laboratory measures each gene more or less than others do, (n_genes,)."""
    return np.random.default_rng(100 + laboratory).lognormal(0, 0.4, N_GENES)


def laboratory(number: int, labels: np.ndarray) -> GeneCounts:
    return a_file(labels, number, shift_of(number))


def studies(n_studies: int, n_cells: int = 400) -> tuple[GeneCounts, np.ndarray, np.ndarray]:
    """Cells, labels and studies without the stranger."""
    labels = labels_of(n_cells, KNOWN)
    cells = joined(*(laboratory(number, labels) for number in range(n_studies)))
    names = np.repeat(LABORATORIES[:n_studies], n_cells)
    return cells, np.tile(labels, n_studies), names


@pytest.fixture(scope="module")
def profiles() -> Profiles:
    return Profiles.fit(*studies(3))


def far_in(profiles: Profiles, cells: GeneCounts) -> np.ndarray:
    rows = np.arange(len(cells))
    view = profiles.view(cells, rows)
    return profiles.is_far(view.score(cells, view.near(cells, rows)), view)


def new_file(n_known: int, n_strange: int, number: int = 9) -> tuple[GeneCounts, np.ndarray]:
    """Cells of another laboratory, and which of them are of the type that no profile is of."""
    labels = np.concatenate([labels_of(n_known, KNOWN), np.repeat(STRANGER, n_strange)])
    return laboratory(number, labels), labels == STRANGER


def test_profiles_are_means_of_types_in_studies(profiles):
    cells, labels, names = studies(3)
    values = np.log1p(1e4 * cells.counts.toarray() / cells.totals[:, None])
    expected = [
        values[(labels == kind) & (names == study)].mean(axis=0)
        for kind in np.unique(labels)
        for study in LABORATORIES
    ]
    np.testing.assert_allclose(profiles.means, expected, rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(profiles.types, np.repeat(np.arange(4), 3))
    np.testing.assert_array_equal(profiles.columns, np.arange(N_GENES))


@pytest.mark.parametrize("number", [9, 10, 11])
def test_strangers_of_another_laboratory_are_caught_and_known_cells_pass(profiles, number):
    cells, strange = new_file(400, 60, number)
    far = far_in(profiles, cells)
    assert far[strange].mean() > 0.95
    assert far[~strange].mean() <= 0.1


def test_of_known_cells_of_left_out_studies_a_twentieth_is_far(profiles):
    shares = []
    for left_out in range(3):
        cells, labels, names = studies(3)
        others = names != LABORATORIES[left_out]
        fitted = Profiles.fit(cells[others], labels[others], names[others])
        fitted = replace(fitted, thresholds=profiles.thresholds)
        shares.append(far_in(fitted, cells[~others]).mean())
    assert np.mean(shares) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_many_strangers_hide_neither_themselves_nor_known_cells(profiles, share):
    cells, strange = new_file(int(500 * (1 - share)), int(500 * share))
    far = far_in(profiles, cells)
    assert far[strange].mean() > 0.9
    assert far[~strange].mean() <= 0.1


def test_a_file_of_strangers_alone_is_far(profiles):
    cells, _ = new_file(0, 300)
    assert far_in(profiles, cells).mean() > 0.9


def test_with_one_study_the_threshold_is_that_of_its_validation_cells_or_a_usual_one():
    cells, labels, _ = studies(1)
    validation = laboratory(0, labels_of(200, KNOWN))
    fitted = Profiles.fit(cells, labels, None, validation)
    trial = fitted.references, validation, np.ones(200, dtype=bool)
    expected = np.maximum(_thresholds([trial], 0), LEAST_THRESHOLD)
    np.testing.assert_allclose(fitted.thresholds, expected)


def test_with_one_study_strangers_are_caught_and_known_cells_pass():
    fitted = Profiles.fit(*studies(1)[:2])
    cells, strange = new_file(400, 60)
    far = far_in(fitted, cells)
    assert far[strange].mean() > 0.95
    assert far[~strange].mean() <= 0.1


def test_in_small_files_the_threshold_is_that_of_single_cells(profiles):
    shares = [far_in(profiles, laboratory(n, labels_of(80, KNOWN))).mean() for n in range(20, 30)]
    assert np.mean(shares) == pytest.approx(0.05, abs=0.05)
    strangers = laboratory(9, np.repeat(STRANGER, 80))
    assert far_in(profiles, strangers).mean() > 0.9


def test_types_of_few_cells_have_profiles_where_no_study_has_more():
    cells, labels, names = studies(2, 200)
    labels = labels.astype("U20")
    labels[np.flatnonzero((labels == "T") & (names == "a"))[:3]] = "rare"
    labels[np.flatnonzero((labels == "T") & (names == "b"))[:2]] = "rare"
    labels[np.flatnonzero((labels == "NK") & (names == "b"))[FEWEST_OF_TYPE - 1 :]] = "T"
    fitted = Profiles.fit(cells, labels, names)
    sizes = dict(zip(np.unique(labels), np.bincount(fitted.types), strict=True))
    assert sizes == {"NK": 1, "T": 2, "monocyte": 2, "platelet": 2, "rare": 1}


def test_studies_without_a_type_in_common_are_taken_as_one():
    cells, labels, names = studies(2)
    apart = np.char.add(labels, names)
    as_one = Profiles.fit(cells, apart)
    np.testing.assert_array_equal(Profiles.fit(cells, apart, names).thresholds, as_one.thresholds)


def test_files_of_one_study_are_learned_from_one_by_one():
    cells, labels, names = studies(3)
    laboratories = np.where(names == "c", "b", names)
    by_file = Profiles.fit(cells, labels, laboratories, files=names)
    assert len(by_file.means) == 8
    assert (by_file.thresholds != Profiles.fit(cells, labels, laboratories).thresholds).any()


def test_of_many_genes_those_that_tell_types_apart_are_kept(monkeypatch):
    monkeypatch.setattr("cellclassifier.trust.far.N_GENES", 100)
    fitted = Profiles.fit(*studies(2))
    markers = np.arange(30, 30 * len(TYPES))  # of the known types
    assert fitted.means.shape[1] == 100
    assert np.isin(fitted.columns, markers).mean() > 0.8
    cells, strange = new_file(400, 60)
    assert far_in(fitted, cells)[~strange].mean() <= 0.1


def test_the_same_cells_give_the_same_digits(profiles):
    again = Profiles.fit(*studies(3))
    for field in fields(Profiles):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(profiles, field.name))


def test_saved_profiles_are_the_same(profiles, tmp_path):
    profiles.save(tmp_path / "profiles.npz")
    loaded = Profiles.load(tmp_path / "profiles.npz", N_GENES)
    cells, _ = new_file(300, 30)
    np.testing.assert_array_equal(far_in(loaded, cells), far_in(profiles, cells))
    assert (tmp_path / "profiles.npz").stat().st_size < 2 * profiles.means.size + 8000


DAMAGES = {
    "another number of genes": {"columns": np.arange(N_GENES + 1)},
    "genes that the model lacks": {"columns": np.arange(1, N_GENES + 1)},
    "negative columns": {"columns": np.arange(-1, N_GENES - 1)},
    "columns twice": {"columns": np.zeros(N_GENES, dtype=int)},
    "a type that has no profile": {"types": np.repeat([0, 1, 2, 4], 3)},
    "negative types": {"types": np.repeat([-1, 0, 1, 2], 3)},
    "types that are no numbers": {"types": np.repeat(list("abcd"), 3)},
    "fewer types": {"types": np.arange(4)},
    "no means": {"means": np.zeros((0, N_GENES), dtype=np.float16)},
    "means of one dimension": {"means": np.zeros(N_GENES, dtype=np.float16)},
    "means that are not finite": {"means": np.full((12, N_GENES), np.nan, dtype=np.float16)},
    "means of any size": {"means": np.full((12, N_GENES), 1e300)},
    "one threshold": {"thresholds": np.zeros(1)},
    "a threshold that is no number": {"thresholds": np.array([0.1, np.nan])},
    "objects": {"thresholds": np.array([0.1, None])},
}


@pytest.mark.parametrize("changed", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_refused(profiles, tmp_path, changed):
    replace(profiles, **changed).save(tmp_path / "profiles.npz")
    with pytest.raises(ValueError, match=r"^profiles.npz: "):
        Profiles.load(tmp_path / "profiles.npz", N_GENES)


def test_a_compressed_file_is_refused(profiles, tmp_path):
    """It could unpack to any size."""
    arrays = {field.name: getattr(profiles, field.name) for field in fields(Profiles)}
    arrays["means"] = np.zeros((12, 10**6))
    np.savez_compressed(tmp_path / "profiles.npz", **arrays)
    with pytest.raises(ValueError, match="bytes when unpacked"):
        Profiles.load(tmp_path / "profiles.npz", N_GENES)


def test_many_far_cells_are_remarked_on():
    assert remark_on_far(np.arange(10) < 3) is None
    assert remark_on_far(np.array([], dtype=bool)) is None
    assert remark_on_far(np.arange(10) < 4).startswith("40 % of the cells are far")
