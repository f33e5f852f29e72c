"""CELLULAR: what its losses make of a space, what is saved, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import silhouette_score
from trained_models import known_cells

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.model_folder import seal
from cellclassifier.models.cellular.centroids import centroid_distances
from cellclassifier.models.cellular.classifier import CellularClassifier
from cellclassifier.models.cellular.options import LOSSES, CellularOptions
from cellclassifier.models.cellular.representations import medoid, represent
from cellclassifier.models.neural.weights import WEIGHTS

QUICK = {"n_genes": 40, "epochs": 6, "batch_size": 64, "learning_rate": 0.01}


def fitted(cells=None, **options) -> CellularClassifier:
    cells = known_cells() if cells is None else cells
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    return CellularClassifier(CellularOptions(**QUICK | options), seed=3).fit(cells, labels)


@pytest.fixture(scope="module")
def two() -> CellularClassifier:
    """Two networks."""
    return fitted(ensemble=2)


def in_batches(seed: int = 0):
    """Known cells, half of which have five genes of their own batch."""
    cells = known_cells(seed=seed)
    second = np.arange(cells.n_obs) % 2 == 1
    extra = np.random.default_rng(seed).poisson(4, (second.sum(), 5))
    counts = cells.X.toarray()
    counts[np.ix_(second, np.arange(35, 40))] += extra
    cells.X = sp.csr_matrix(counts)
    cells.obs["batch"] = np.where(second, "b", "a")
    return cells


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("network", ["mlp", "linear"])
def test_every_loss_learns_to_name_unseen_cells(loss, network):
    new = known_cells(seed=5)
    labels = new.obs["cell_type"].to_numpy().astype(str)
    model = fitted(loss=loss, network=network)
    assert (model.predict(new) == labels).mean() > 0.8
    assert model.history_["train_loss"].iloc[-1] < model.history_["train_loss"].iloc[0]


@pytest.mark.parametrize("loss", ["contrastive", "cellular"])
def test_unseen_cells_of_a_type_lie_together_whatever_their_batch(loss):
    new = in_batches(seed=5)
    labels = new.obs["cell_type"].to_numpy().astype(str)
    space = fitted(in_batches(), loss=loss).embedding(new)
    before = silhouette_score(np.log1p(new.X.toarray()), labels)
    assert silhouette_score(space, labels) > before + 0.2
    assert abs(silhouette_score(space, new.obs["batch"])) < 0.05


def test_an_embedding_is_of_length_one_and_of_the_networks_side_by_side(two):
    cells = known_cells(seed=5)
    space = two.embedding(cells)
    assert space.shape == (cells.n_obs, 2 * 64) and space.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(space, axis=1), 1, rtol=1e-5)
    own, other = space[:, :64] * np.sqrt(2), space[:, 64:] * np.sqrt(2)
    mean = (own @ own.T + other @ other.T) / 2
    np.testing.assert_allclose(space @ space.T, mean, atol=1e-5)


def test_an_ensemble_is_the_mean_of_its_networks(two):
    cells = known_cells(seed=5)
    both = two.outputs(cells).probabilities
    networks, alone = two.networks_, []
    for network in networks:
        two.networks_ = torch.nn.ModuleList([network])
        alone.append(two.outputs(cells).probabilities)
    two.networks_ = networks
    assert not np.allclose(*alone)
    np.testing.assert_allclose(both, np.mean(alone, axis=0), rtol=1e-6)


def test_a_saved_model_embeds_alike(two, tmp_path):
    cells = known_cells(seed=5)
    two.save(tmp_path / "model")
    np.testing.assert_array_equal(
        Classifier.load(tmp_path / "model").embedding(cells), two.embedding(cells)
    )


def test_a_gene_that_is_missing_is_not_a_gene_without_counts(two):
    cells = GeneCounts.of(known_cells(), two.genes_)
    nothing = GeneCounts(0 * cells.counts, cells.totals, np.zeros(40, bool))
    space = two.embedding(nothing)
    np.testing.assert_allclose(space, np.broadcast_to(space[0], space.shape), atol=1e-6)
    zeros = GeneCounts(nothing.counts, cells.totals, np.ones(40, bool))
    assert not np.allclose(two.embedding(zeros), space)


def test_novelty_is_measured_in_the_genes():
    model = fitted()
    cells = known_cells()
    assert model.outputs(cells).features.shape == (cells.n_obs, model.n_features())
    assert model.n_features() == len(model.genes_)


def test_genes_that_tell_types_are_leant_on():
    best = fitted().gene_importance()
    model = fitted()
    markers = set(known_cells().var_names[:30])  # ten of each type
    named = set(model.genes_[np.argsort(-best)[:15]])
    assert len(named & markers) >= 12


def test_distances_of_types_are_averaged_over_the_batches_that_have_both():
    rng = np.random.default_rng(0)
    types, batches = np.repeat([0, 1, 2, 0, 1], 20), np.repeat([0, 0, 0, 1, 1], 20)
    values = rng.normal(size=(100, 5)) + 4 * types[:, None] + batches[:, None]
    found = centroid_distances(sp.csr_matrix(values), types, batches, 4)
    means = {
        (t, b): values[(types == t) & (batches == b)].mean(axis=0)
        for t in (0, 1, 2)
        for b in (0, 1)
        if (t, b) != (2, 1)
    }
    both = [np.linalg.norm(means[0, b] - means[1, b]) for b in (0, 1)]
    assert found[0, 1] == pytest.approx(np.mean(both), rel=0.05)  # four of five components
    assert found[0, 2] == pytest.approx(np.linalg.norm(means[0, 0] - means[2, 0]), rel=0.05)
    assert np.isnan(found[3]).all()


def test_representations_are_those_of_plain_loops():
    rng = np.random.default_rng(0)
    space, labels = rng.normal(size=(60, 4)), np.array(["B", "T", "NK"])[np.arange(60) % 3]
    tables = represent(space, labels, np.array([f"cell {i}" for i in range(60)]))
    dims = [f"dim_{i}" for i in range(1, 5)]
    for name in ("B", "NK", "T"):
        own = space[labels == name]
        total = [sum(np.linalg.norm(a - b) for b in own) for a in own]
        row = {kind: table.set_index("cell_type").loc[name] for kind, table in tables.items()}
        np.testing.assert_allclose(row["centroids"][dims].astype(float), own.mean(axis=0))
        np.testing.assert_allclose(row["medians"][dims].astype(float), np.median(own, axis=0))
        np.testing.assert_allclose(row["medoids"][dims].astype(float), own[np.argmin(total)])
        cell = np.flatnonzero(labels == name)[np.argmin(total)]
        assert row["medoids"]["cell"] == f"cell {cell}" and row["medoids"]["n_cells"] == 20


def test_medoids_of_one_and_of_two_cells():
    assert medoid(np.ones((1, 3))) == 0
    assert medoid(np.array([[0.1, 0.2, 0.3], [1.7, 0.4, 0.9]])) == 0


def damaged(model, folder, weights=None, **description) -> None:
    """Saved, something changed, sealed again."""
    model.save(folder)
    if weights:
        tensors = load_file(folder / WEIGHTS)
        weights(tensors)
        save_file(tensors, folder / WEIGHTS)
    told = json.loads((folder / "model.json").read_text(encoding="utf-8")) | description
    seal(folder, {key: value for key, value in told.items() if key != "digest"})


@pytest.mark.parametrize(
    ("weights", "description", "message"),
    [
        (lambda w: w.pop("0.head.directions"), {}, "other tensors"),
        (lambda w: w["1.head.directions"].fill_(torch.nan), {}, "no numbers"),
        (lambda w: w["0.seen_genes.scale"].zero_(), {}, "not above 0"),
        (None, {"ensemble": 3}, "other tensors"),
        (None, {"ensemble": 10**9}, "no number from 1 to"),
        (None, {"embedding_size": 10**12}, "no number from 1 to"),
        (None, {"embedding_size": 32}, "other tensors"),
        (None, {"network": "linear"}, "other tensors"),
        (None, {"loss": "triplet"}, "names no network"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(two, tmp_path, weights, description, message):
    damaged(two, tmp_path / "model", weights, **description)
    with pytest.raises(InputError, match=message):
        Classifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"thin": 1.5}, "--thin"),
        ({"drop_genes": -0.1}, "--drop-genes"),
        ({"dropout": 1.0}, "--dropout"),
        ({"temperature": 0.0}, "--temperature"),
        ({"ensemble": 0}, "--ensemble"),
        ({"ensemble": 1000}, "--ensemble"),
    ],
)
def test_options_out_of_range(options, name):
    with pytest.raises(InputError, match=name):
        CellularOptions(**options).check()
