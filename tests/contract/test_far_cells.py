"""Every model of genes tells what is far: after a reload, in chunks of any size, of a sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from contract.registry import GENES, SYSTEMS, new_inputs, part_of, saved_in, trained
from trained_models import known_cells

from cellclassifier.annotation.first_pass import FirstPass
from cellclassifier.annotation.predict import annotate_chunk
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.interface import Classifier
from cellclassifier.trust.far import Profiles

pytestmark = pytest.mark.usefixtures("in_package")
N_CELLS = 150  # enough for cells to be averaged over their neighbours
N_STRANGE = 30


@pytest.fixture(params=GENES)
def name(request):
    return request.param


def new_file():
    """Cells of known types, and some without any pattern."""
    cells = known_cells(N_CELLS, seed=5)
    counts = cells.X.toarray()
    counts[:N_STRANGE] = np.random.default_rng(3).poisson(2.0, counts[:N_STRANGE].shape)
    cells.X = sp.csr_matrix(counts)
    return cells


def in_chunks(size: int):
    cells = new_file()
    return (cells.X[start : start + size] for start in range(0, N_CELLS, size))


def annotated(model, size: int, first: FirstPass | None = None) -> pd.DataFrame:
    match = model.match(known_cells().var)
    first = first or FirstPass.over(model, in_chunks(size), match.align, N_CELLS)
    parts, start = [], 0
    for counts in in_chunks(size):
        names = np.arange(start, start + counts.shape[0]).astype(str)
        part = annotate_chunk(model, match.align(counts), names, first=first, start=start)
        parts.append(part.table)
        start += len(names)
    return pd.concat(parts, ignore_index=True)


def test_every_model_of_labels_learns_profiles(name):
    model = trained(name)
    assert isinstance(model.type_profiles_, Profiles)
    assert len(np.unique(model.type_profiles_.types)) == len(model.classes_)


@pytest.mark.parametrize("size", [11, 64])
def test_far_is_the_same_in_chunks_and_after_a_reload(tmp_path_factory, name, size):
    """To the last bit, whatever the probabilities beside it."""
    loaded = Classifier.load(saved_in(tmp_path_factory, name))
    expected, found = annotated(trained(name), N_CELLS), annotated(loaded, size)
    assert found["far"].equals(expected["far"])
    assert (found["known"] == ~found["far"]).all()
    if name != "majority":  # which looks at one gene
        far = found["far"].to_numpy()
        assert far[:N_STRANGE].mean() > far[N_STRANGE:].mean() + 0.1


def test_a_sample_of_the_cells_is_enough(name):
    model = trained(name)
    rows = np.sort(np.random.default_rng(0).permutation(N_CELLS)[:120])
    sample = model.align(new_file()[rows].copy())
    first = FirstPass.of_sample_at(model, sample, rows)
    found, expected = annotated(model, 50, first), annotated(model, N_CELLS)
    assert (found["far"] == expected["far"]).mean() > 0.85
    assert found["far"].equals(annotated(model, 13, first)["far"])


def test_a_sure_answer_of_a_far_cell_is_no_confident_one(name):
    table = annotated(trained(name), N_CELLS)
    assert (table.loc[~table["known"], "confidence"] == "low").all()
    assert (table.loc[table["between"], "confidence"] != "high").all()
    assert not (table["far"] & table["between"]).any()


def test_a_model_of_before_has_no_profiles_and_refuses_as_it_did(name):
    model, cells = Classifier.__new__(type(trained(name))), new_inputs(name)
    model.__dict__ |= vars(trained(name)) | {"type_profiles_": None}
    table = annotate_chunk(model, cells).table
    outputs = model.outputs(cells)
    place = outputs.probabilities.argmax(axis=1)
    score = model.novelty_.score(model.novelty_.place(outputs.features), outputs.probabilities)
    np.testing.assert_array_equal(table["far"], ~model.novelty_.is_known(score, place))
    assert not (table["far"] & table["between"]).any()


@pytest.mark.parametrize("name", [n for n in GENES if n in ("logistic_regression", "majority")])
def test_studies_of_training_cells_are_left_out_in_turn(name):
    x, targets = part_of(name, "train")
    x.obs["study"] = pd.Categorical(np.where(np.arange(len(targets)) % 2, "a", "b"))
    model = SYSTEMS[name].new().fit(x, targets, part_of(name, "val"))
    cells = GeneCounts.of(x, model.genes_)
    expected = Profiles.fit(cells, targets.labels, x.obs["study"].to_numpy(str))
    np.testing.assert_array_equal(model.type_profiles_.means, expected.means)
    np.testing.assert_array_equal(model.type_profiles_.thresholds, expected.thresholds)


@pytest.mark.parametrize("name", [n for n in GENES if n in ("logistic_regression", "gbdt")])
def test_broad_names_alone_are_averaged_over_neighbours(name):
    """In chunks of any size; "cell" holds for all three types, whatever the average."""
    model = trained(name)
    match = model.match(known_cells().var)
    smooth = FirstPass.over(model, in_chunks(40), match.align, N_CELLS, "broad")
    plain, found = annotated(model, N_CELLS), annotated(model, 33, smooth)
    own = plain.columns.drop(["broad", "broad_probability"])
    pd.testing.assert_frame_equal(found[own], plain[own])
    cells = match.align(new_file().X)
    near = smooth.view.near(cells, np.arange(N_CELLS))
    p = model.predict_proba(cells)
    expected = (p + 3 * (near @ p) / 15) / 4
    np.testing.assert_allclose(smooth.smoothed(p, near), expected, atol=1e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-6)


def test_all_names_are_averaged_where_asked():
    """The type of a cell is then the most probable one of the average."""
    model = trained("logistic_regression")
    match = model.match(known_cells().var)
    smooth = FirstPass.over(model, in_chunks(40), match.align, N_CELLS, "all")
    found = annotated(model, 33, smooth)
    cells = match.align(new_file().X)
    averaged = smooth.smoothed(
        model.predict_proba(cells), smooth.view.near(cells, np.arange(N_CELLS))
    )
    assert found["predicted"].tolist() == model.classes_[averaged.argmax(axis=1)].tolist()
    np.testing.assert_allclose(found["probability"], averaged.max(axis=1), atol=1e-6)
