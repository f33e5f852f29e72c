"""What a model says of new cells: rows, levels, sums; the same however a file is cut and named."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from trained_models import (
    EVERY_METHOD,
    IDS,
    PARTS,
    SYMBOLS,
    known_cells,
    new_cells,
    saved_in,
    trained,
)

from cellclassifier.annotation.predict import Annotations, annotate_chunk, summarize, totals
from cellclassifier.data.match_genes import match_genes
from cellclassifier.errors import InputError
from cellclassifier.interface import GeneClassifier, Outputs
from cellclassifier.models.baselines.options import METHODS
from cellclassifier.protocol.single_label import SingleLabel
from cellclassifier.trust.calibration import Calibration
from cellclassifier.trust.novelty import Novelty

COLUMNS = [
    "cell",
    "predicted",
    "probability",
    "second",
    "second_probability",
    "confidence",
    "known",
    "broad",
    "broad_probability",
    "far",
    "between",
]


class Told(GeneClassifier):
    """A model that says what it was told."""

    method = "told"

    def __init__(self, probabilities, features=None, temperature=1.0):
        self.told = np.asarray(probabilities, dtype=float)
        self.features = np.zeros((len(self.told), 1)) if features is None else features
        types = np.array([f"type {i}" for i in range(self.told.shape[1])])
        self.targets_ = SingleLabel.without_answers(types)
        self.genes_ = self.symbols_ = np.array(["0"])
        self.calibration_ = Calibration(temperature)

    def _outputs(self, cells) -> Outputs:
        return Outputs(self.told, self.features)

    _fit = _save_parts = _load_parts = None


def one_count_each(n_cells: int) -> ad.AnnData:
    return ad.AnnData(sp.csr_matrix(np.ones((n_cells, 1), np.float32)))


def assert_same(found: Annotations, expected: Annotations, tolerance: float = 0.0) -> None:
    """Row by row; with a tolerance numbers may differ by it, and words must not."""
    pd.testing.assert_frame_equal(
        found.table, expected.table, check_exact=not tolerance, rtol=0, atol=tolerance
    )
    for name in ("probabilities", "space"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=tolerance, atol=tolerance
        )


def with_empty_cells() -> ad.AnnData:
    cells = new_cells()
    counts = cells.X.toarray()
    counts[[3, 11]] = 0
    cells.X = sp.csr_matrix(counts)
    return cells


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_every_cell_has_a_row(method):
    model, cells = trained(method), new_cells()
    result = annotate_chunk(model, cells)
    table, probabilities = result.table, model.predict_proba(cells)
    assert list(table) == COLUMNS and list(table["cell"]) == list(cells.obs_names)
    np.testing.assert_array_equal(result.probabilities, probabilities.astype(np.float32))
    by_size = np.argsort(-probabilities, axis=1, kind="stable")
    for rank, (name, column) in enumerate(
        [("predicted", "probability"), ("second", "second_probability")]
    ):
        assert (table[name] == model.classes_[by_size[:, rank]]).all()
        np.testing.assert_array_equal(
            table[column], np.take_along_axis(probabilities, by_size, 1)[:, rank].astype("f4")
        )
    assert (table["predicted"] != table["second"]).all()
    assert table["known"].dtype == bool and result.space.shape[0] == len(cells)


@pytest.mark.parametrize("row", [[1, 0, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.4, 0.4]])
def test_the_second_best_is_another_type_even_among_equals(row):
    table = annotate_chunk(Told([row]), one_count_each(1)).table
    assert table["predicted"][0] == f"type {np.argmax(row)}" != table["second"][0]
    assert table["second_probability"][0] == pytest.approx(sorted(row)[1])


@pytest.mark.parametrize(
    ("probability", "level"),
    [(1.0, "high"), (0.9, "high"), (0.8999, "medium"), (0.6, "medium"), (0.5999, "low")],
)
def test_levels_of_confidence(probability, level):
    model = Told([[probability, 1 - probability]])
    assert annotate_chunk(model, one_count_each(1)).table["confidence"][0] == level


def test_levels_go_by_the_calibrated_probability():
    table = annotate_chunk(Told([[0.95, 0.05]], temperature=4.0), one_count_each(1)).table
    assert table["probability"][0] == pytest.approx(19**0.25 / (1 + 19**0.25))
    assert table["confidence"][0] == "medium"


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_cell_without_counts_is_not_known(method):
    table = annotate_chunk(trained(method), with_empty_cells()).table
    assert not table["known"][[3, 11]].any() and table["known"].any()
    assert np.isfinite(table["probability"]).all()


def test_without_novelty_every_other_cell_passes_for_known():
    cells = one_count_each(3)
    cells.X[1, 0] = 0
    cells.X.eliminate_zeros()
    result = annotate_chunk(Told(np.full((3, 2), 0.5)), cells)
    assert result.table["known"].tolist() == [True, False, True] and result.space.shape == (3, 0)


def test_unknown_types_are_told_by_the_threshold_of_the_predicted_type():
    """One feature; two types at 0 and 10, of which the second may be farther off."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["type 0", "type 1"], 200)
    features = np.repeat([0.0, 10.0], 200)[:, None] + rng.normal(0, 1, (400, 1))
    sure = np.where((labels == "type 0")[:, None], [0.9, 0.1], [0.1, 0.9])
    cells = np.array([[0.0], [10.0], [-4.5], [14.5], [100.0], [-100.0]])
    model = Told([[0.9, 0.1], [0.1, 0.9]] * 2 + [[0.1, 0.9], [0.9, 0.1]], cells)
    novelty = Novelty.fit(features, labels, features, sure)
    model.novelty_ = replace(novelty, thresholds=novelty.thresholds + np.array([0, 20]))
    table = annotate_chunk(model, one_count_each(6)).table
    assert table["known"].tolist() == [True, True, False, True, False, False]


@pytest.mark.parametrize("n_cells", [1, 5, 72])
@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_twentieth_of_known_cells_is_in_doubt_at_most(method, n_cells):
    """Of the validation cells, whatever the chunks they come in: far of all of them together,
    between of those of every predicted type."""
    cells = known_cells()[PARTS == "val"].copy()
    chunks = [cells[i : i + n_cells].copy() for i in range(0, 72, n_cells)]
    table = pd.concat([annotate_chunk(trained(method), chunk).table for chunk in chunks])
    assert table["far"].mean() <= 0.05
    between = table["between"].groupby(table["predicted"])
    assert (between.sum() <= 0.05 * between.size()).all()


@pytest.mark.parametrize("method", [method for method in METHODS if method != "majority"])
def test_other_types_are_in_doubt_more_often_than_known_ones(method):
    """Cells that express the markers of every type at once, and cells as in training."""
    unknown_cells = new_cells(60)
    unknown_cells.X = sp.csr_matrix(
        np.random.default_rng(1).poisson(3.0, (60, 60)).astype(np.float32)
    )
    unknown_cells.X[:, :30] *= 6
    model = trained(method)
    doubted = [
        annotate_chunk(model, cells).table[["far", "between"]].any(axis=1).mean()
        for cells in (unknown_cells, new_cells())
    ]
    assert doubted[0] > 0.4 > 0.25 > doubted[1]


@pytest.mark.parametrize("n_cells", [1, 7, 49])
@pytest.mark.parametrize("method", EVERY_METHOD)
def test_chunks_are_annotated_as_the_whole(method, n_cells):
    """Baselines to the last bit; a network adds up in the order of its batch."""
    model, cells = trained(method), with_empty_cells()
    parts = [annotate_chunk(model, cells[i : i + n_cells].copy()) for i in range(0, 50, n_cells)]
    together = Annotations(
        pd.concat([part.table for part in parts], ignore_index=True),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.space for part in parts]),
    )
    assert_same(together, annotate_chunk(model, cells), 1e-4 if method == "geneformer" else 0)


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_a_saved_model_annotates_identically(tmp_path_factory, method):
    loaded = GeneClassifier.load(saved_in(tmp_path_factory, method))
    assert_same(annotate_chunk(loaded, new_cells()), annotate_chunk(trained(method), new_cells()))


@pytest.mark.parametrize("method", METHODS)
def test_threads_change_no_annotation(method):
    model, expected = trained(method), annotate_chunk(trained(method), new_cells())
    try:
        model.jobs = 2
        assert_same(annotate_chunk(model, new_cells()), expected)
    finally:
        model.jobs = 1


def renamed(names, **columns):
    """The cells with other names of their genes."""

    def change(cells: ad.AnnData) -> ad.AnnData:
        return ad.AnnData(cells.X, cells.obs, pd.DataFrame(columns, index=list(names)))

    return change


def shuffled(cells: ad.AnnData) -> ad.AnnData:
    return cells[:, np.random.default_rng(3).permutation(cells.n_vars)].copy()


def with_extra_genes(cells: ad.AnnData) -> ad.AnnData:
    """Genes that no model has and no cell expresses, among the others."""
    extra = pd.DataFrame(index=[f"ENSG9{i:010d}" for i in range(25)])
    more = ad.AnnData(sp.csr_matrix((cells.n_obs, 25), dtype=np.float32), cells.obs, extra)
    return shuffled(ad.concat([cells, more], axis=1, merge="first"))


def with_split_genes(cells: ad.AnnData) -> ad.AnnData:
    """Every count as two columns of one name, which add up to it."""
    half = sp.csr_matrix((cells.X.data // 2, cells.X.indices, cells.X.indptr), cells.X.shape)
    return ad.AnnData(
        sp.hstack([half, cells.X - half]).tocsr(), cells.obs, pd.concat([cells.var, cells.var])
    )


SPELLINGS = {
    "shuffled": shuffled,
    "versioned": renamed([f"{gene}.{i % 9}" for i, gene in enumerate(IDS)]),
    "symbols": renamed(SYMBOLS),
    "lower-case ids": renamed([gene.lower() for gene in IDS]),
    "upper-case symbols": renamed([symbol.upper() for symbol in SYMBOLS]),
    "gene_ids beside": renamed([f"g{i}" for i in range(60)], gene_ids=IDS),
    "symbols beside": renamed([f"g{i}" for i in range(60)], gene_name=SYMBOLS),
    "extra genes": with_extra_genes,
    "split genes": with_split_genes,
    "everything": lambda cells: with_extra_genes(
        renamed([f"{gene.lower()}.3" for gene in IDS])(cells)
    ),
}


def annotate_aligned(model: GeneClassifier, cells: ad.AnnData) -> Annotations:
    match = match_genes(model.genes_, model.symbols_, cells.var)
    return annotate_chunk(model, match.align(cells.X), cells.obs_names.to_numpy(str))


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("method", EVERY_METHOD)
def test_names_and_order_of_genes_change_nothing(method, spelling):
    model, cells = trained(method), new_cells()
    found = annotate_aligned(model, SPELLINGS[spelling](cells))
    assert_same(found, annotate_chunk(model, cells))
    assert len(set(found.table["predicted"])) > (method != "majority")


@pytest.mark.parametrize("method", METHODS)
def test_other_genes_count_in_library_sizes(method):
    """As in the whole cell: the model's own genes alone would make another cell."""
    model, cells = trained(method), known_cells(30, seed=4)
    others = np.flatnonzero(~np.isin(cells.var_names, model.genes_))
    assert len(others) >= 20
    assert_same(annotate_aligned(model, cells), annotate_chunk(model, cells))
    if method == "logistic_regression":  # ranks, trees and shares see less of a cell's size
        alone = annotate_chunk(model, cells[:, model.genes_].copy())
        assert not np.allclose(alone.probabilities, annotate_chunk(model, cells).probabilities)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ABCD"), st.floats(0, 1), *[st.booleans()] * 3),
        min_size=1,
        max_size=40,
    )
)
def test_a_summary_adds_up(rows):
    cells = pd.DataFrame(rows, columns=["predicted", "probability", "known", "far", "between"])
    predicted, probability, known, *flags = (cells[name].to_numpy() for name in cells)
    cells["predicted"] = pd.Categorical(predicted, list("ABCDE"))
    table = summarize(cells)
    assert list(table) == [
        "predicted",
        "n_cells",
        "cell_share",
        "n_unknown",
        "unknown_share",
        "mean_probability",
        "n_far",
        "far_share",
        "n_between",
        "between_share",
    ]
    total = totals(cells)
    for flag, values in zip(("far", "between"), flags, strict=True):
        assert table[f"n_{flag}"].sum() == total[f"n_{flag}"] == values.sum()
        assert total[f"{flag}_share"] == pytest.approx(values.mean())
        own = [values[predicted == name].mean() for name in table["predicted"]]
        np.testing.assert_allclose(table[f"{flag}_share"], own)
    assert set(table["predicted"]) == set(predicted)
    assert table["n_cells"].is_monotonic_decreasing
    assert table["n_cells"].sum() == total["n_cells"] == len(rows)
    assert table["n_unknown"].sum() == total["n_unknown"] == (~known).sum()
    assert table["cell_share"].sum() == pytest.approx(1)
    assert total["unknown_share"] == pytest.approx((~known).mean())
    assert total["mean_probability"] == pytest.approx(probability.mean())
    for row in table.to_dict("records"):
        own = predicted == row["predicted"]
        assert row["n_cells"] == own.sum() and row["n_unknown"] == (own & ~known).sum()
        assert row["unknown_share"] == pytest.approx((~known[own]).mean())
        assert row["mean_probability"] == pytest.approx(probability[own].mean())


@pytest.mark.parametrize("place", [0, 1])
def test_a_model_that_gives_no_numbers_names_no_types(place):
    """Weights that are numbers can be so large that their sums are none."""
    told = np.full((2, 3), 1 / 3)
    told[place] = np.nan
    cells = ad.AnnData(np.ones((2, 1), dtype=np.float32), var=pd.DataFrame(index=["0"]))
    with pytest.raises(InputError, match="this told gives no probabilities"):
        annotate_chunk(Told(told), cells)
