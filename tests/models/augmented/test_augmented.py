"""Networks that learn from thinned cells: what they do with genes that a file does not have."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from scipy.special import softmax
from trained_models import known_cells

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.model_folder import seal
from cellclassifier.models.augmented.classifier import AugmentedClassifier, widths_of
from cellclassifier.models.augmented.layers import Layers
from cellclassifier.models.augmented.learning import as_layers
from cellclassifier.models.augmented.network import AugmentedNetwork
from cellclassifier.models.augmented.options import HIDDEN, AugmentedOptions
from cellclassifier.models.augmented.task import ThinnedCells, scores_of

WEIGHTS = "network.safetensors"
QUICK = AugmentedOptions(n_genes=40, epochs=6, batch_size=32, learning_rate=0.01)


@pytest.fixture(scope="module")
def model() -> AugmentedClassifier:
    cells = known_cells()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    return AugmentedClassifier("augmented_network", QUICK, seed=3).fit(cells, labels)


def damaged(model, folder, change) -> None:
    """Saved, its weights changed, sealed again."""
    model.save(folder)
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS)
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    seal(folder, {key: value for key, value in description.items() if key != "digest"})


def test_the_linear_one_is_a_softmax_of_standardised_values():
    mean, scale = np.array([1.0, 2.0, 0.0]), np.array([0.5, 1.0, 2.0])
    network = AugmentedNetwork(mean, scale, widths=(3, 2))
    values = np.array([[2.0, 0.0, 40.0]], np.float32)
    seen = np.array([[True, True, True]])
    z = np.clip((values - mean) / scale, -5, 5)
    weight, bias = network.head.weight.detach().numpy(), network.head.bias.detach().numpy()
    found = network(torch.from_numpy(values), torch.from_numpy(seen)).detach().numpy()
    np.testing.assert_allclose(found, z @ weight.T + bias, rtol=1e-5)


@pytest.mark.parametrize("method", HIDDEN)
def test_without_torch_scores_are_those_of_torch(method):
    """But for half precision of the weights, to which the network's are rounded here, too."""
    cells = known_cells()
    known = GeneCounts.of(cells, cells.var_names.to_numpy(str))
    some = GeneCounts(known.counts, known.totals, np.arange(cells.n_vars) % 4 > 0)
    rng = np.random.default_rng(5)
    widths = widths_of(method, cells.n_vars, 3)
    network = AugmentedNetwork(rng.random(widths[0]), rng.uniform(0.05, 1, widths[0]), widths)
    network.requires_grad_(False)
    for tensor in network.parameters():
        tensor.copy_(tensor.half().float())
    for file in (known, some):
        found = as_layers(network).scores(file)
        np.testing.assert_allclose(found, scores_of(network.eval(), file), rtol=1e-4, atol=1e-4)


def test_scores_do_not_depend_on_the_chunk(model):
    cells = GeneCounts.of(known_cells(), model.genes_)
    layers = model.networks_[0]
    parts = [layers.scores(cells[start : start + 7]) for start in range(0, len(cells), 7)]
    np.testing.assert_array_equal(np.vstack(parts), layers.scores(cells))


def test_probabilities_are_the_mean_of_the_networks(model):
    cells = GeneCounts.of(known_cells(), model.genes_)
    first, second = (softmax(network.scores(cells), axis=1) for network in model.networks_)
    assert not np.allclose(first, second)
    np.testing.assert_allclose(model.outputs(cells).probabilities, (first + second) / 2)
    assert model.history_["network"].unique().tolist() == [1, 2]


def test_a_saved_network_is_the_same_to_the_last_digit(model, tmp_path):
    model.networks_[0].save(tmp_path / WEIGHTS)
    loaded = Layers.load(tmp_path / WEIGHTS, widths_of("augmented_network", 40, 3))
    cells = GeneCounts.of(known_cells(), model.genes_)
    np.testing.assert_array_equal(loaded.scores(cells), model.networks_[0].scores(cells))


def test_a_gene_that_a_file_does_not_have_is_not_a_gene_without_counts(model):
    """Missing, it counts as its mean, which says nothing for any type; 0 says something."""
    cells = GeneCounts.of(known_cells(), model.genes_)
    some = np.arange(40) % 3 > 0
    counts = cells.counts.toarray()
    counts[:, ~some] = 0
    empty = GeneCounts(type(cells.counts)(counts), cells.totals, np.ones(40, bool))
    missing = GeneCounts(empty.counts, cells.totals, some)
    assert not np.allclose(model.predict_proba(empty), model.predict_proba(missing))
    nothing = GeneCounts(0 * cells.counts, cells.totals, np.zeros(40, bool))
    answers = model.predict_proba(nothing)
    np.testing.assert_allclose(answers, np.broadcast_to(answers[0], answers.shape), atol=1e-6)


def test_thinning_is_of_its_epoch_and_seed():
    cells = known_cells()
    codes = np.unique(cells.obs["cell_type"], return_inverse=True)[1]
    known = GeneCounts.of(cells, cells.var_names.to_numpy(str))
    tasks = [ThinnedCells(known, codes, None, QUICK, seed) for seed in (1, 1, 2)]
    first, same, other = (task.batch(0, task.batches(0)[0])["values"] for task in tasks)
    assert first.equal(same)
    assert not first.equal(other)
    assert not first.equal(tasks[0].batch(1, tasks[0].batches(0)[0])["values"])


def test_rare_types_are_drawn_more_often():
    codes = np.repeat([0, 1], [900, 100])
    cells = GeneCounts.of(known_cells(1000), known_cells(1000).var_names.to_numpy(str))
    shares = {}
    for balance in (0.0, 0.5, 1.0):
        options = AugmentedOptions(balance=balance)
        task = ThinnedCells(cells, codes, None, options, seed=0)
        drawn = np.concatenate([codes[b] for epoch in range(20) for b in task.batches(epoch)])
        shares[balance] = drawn.mean()
    assert shares == pytest.approx({0.0: 0.1, 0.5: 0.25, 1.0: 0.5}, abs=0.02)


def test_importance_is_of_the_genes_that_tell_types(model):
    cells = known_cells()
    markers = set(cells.var_names[:30])  # ten of each type
    best = model.genes_[np.argsort(-model.gene_importance())[:15]]
    assert len(markers & set(best)) >= 12


def test_it_learns_and_an_epoch_is_a_row():
    cells = known_cells()
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    for method in HIDDEN:
        fitted = AugmentedClassifier(method, QUICK, seed=1).fit(cells, labels, (cells, labels))
        assert (fitted.predict(cells) == labels).mean() > 0.8
        assert fitted.history_["train_loss"].iloc[-1] < fitted.history_["train_loss"].iloc[0]
        assert fitted.history_["epoch"].max() <= QUICK.epochs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("head.bias"), "other tensors"),
        (lambda w: w.update(more=np.zeros(2)), "other tensors"),
        (lambda w: w.update({"head.bias": np.zeros(9, np.float16)}), "other tensors"),
        (lambda w: w.update({"head.bias": w["head.bias"].astype(np.float32)}), "other tensors"),
        (lambda w: w["head.bias"].fill(np.nan), "no numbers"),
        (lambda w: w["seen_genes.scale"].fill(0), "not above 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused(model, tmp_path, change, message):
    damaged(model, tmp_path / "model", change)
    with pytest.raises(InputError, match=message):
        Classifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "name"),
    [({"least_share": 1.5}, "--least-share"), ({"dropout": 1.0}, "--dropout")],
)
def test_options_out_of_range(options, name):
    with pytest.raises(InputError, match=name):
        AugmentedOptions(**options).check()
