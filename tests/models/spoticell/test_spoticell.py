"""Spoticell: places, losses of labels of different depth, what a saved model may be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import multinomial
from torch.nn.functional import cross_entropy
from trained_models import known_cells

from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.model_folder import seal
from cellclassifier.models.spoticell import classifier
from cellclassifier.models.spoticell.classifier import PICTURE_FILE, SpoticellClassifier
from cellclassifier.models.spoticell.evidence import Evidence
from cellclassifier.models.spoticell.layout import assigned, places_of, side_of
from cellclassifier.models.spoticell.losses import Leaves, YesOrNo, covers
from cellclassifier.models.spoticell.network import KINDS, Picture
from cellclassifier.models.spoticell.options import NETWORKS, ORDERS, SpoticellOptions
from cellclassifier.models.spoticell.pictures import markers_of, picture_table
from cellclassifier.models.spoticell.task import IncompleteCells

QUICK = SpoticellOptions(n_genes=40, epochs=3, batch_size=32, learning_rate=0.01, device="cpu")
DEPTHS = np.array(["CD4 T", "CD8 T", "NK", "T cell"])


@pytest.fixture(scope="module")
def model() -> SpoticellClassifier:
    cells = known_cells()
    return SpoticellClassifier(QUICK, seed=3).fit(cells, cells.obs["cell_type"].to_numpy(str))


@pytest.mark.parametrize("n_genes", [1, 2, 4, 5, 1024, 1025])
def test_the_picture_has_a_place_for_every_gene_and_no_row_too_many(n_genes):
    side = side_of(n_genes)
    assert (side - 1) ** 2 < n_genes <= side**2


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_genes", [1, 2, 7, 30])
def test_no_two_genes_share_a_place(order, n_genes):
    features = sp.random(50, n_genes, 0.5, format="csr", random_state=0)
    names = np.array([f"G{(7 * i) % n_genes:02d}" for i in range(n_genes)])
    places = places_of(features, names, order, seed=1)
    assert sorted(places) == list(range(n_genes))
    if order == "alphabetical":
        assert list(names[np.argsort(places)]) == sorted(names)


def test_like_genes_are_near_each_other():
    rng = np.random.default_rng(0)
    causes = rng.poisson(1.0, size=(300, 4)).astype(float)
    group = np.arange(36) % 4
    values = causes[:, group] + 0.2 * rng.random((300, 36))
    places = places_of(sp.csr_matrix(values), group.astype(str), "similarity", seed=1)
    grid = np.column_stack(np.divmod(places, side_of(36)))
    apart = np.linalg.norm(grid[:, None] - grid, axis=2)
    same = group[:, None] == group
    assert apart[same].mean() < 0.7 * apart[~same].mean()


def test_the_assignment_is_the_best_of_all():
    from itertools import permutations

    plane = np.random.default_rng(0).random((4, 2))
    grid = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    costs = {p: ((plane - grid[list(p)]) ** 2).sum() for p in permutations(range(4))}
    assert tuple(assigned(plane, 2)) == min(costs, key=costs.get)


def test_the_picture_shows_every_gene_at_its_place():
    picture = Picture(torch.tensor([3, 0, 2]), 2)
    values, trust = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.5, 0.0, 0.5]])
    found = picture(values, trust)[0]
    assert found[0].flatten().tolist() == [2.0, 0.0, 3.0, 1.0]
    assert found[1].flatten().tolist() == [0.0, 0.0, 0.5, 0.5]


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("side", [1, 3, 32])
def test_networks_take_pictures_of_any_size(kind, side):
    network = KINDS[kind](torch.arange(side**2), side, 5, 4, dropout=0.1).eval()
    scores = network(torch.randn(2, side**2), torch.ones(2, side**2), torch.randn(2, 5))
    assert scores.shape == (2, 5)
    if side == 32:
        assert sum(weight.numel() for weight in network.parameters()) < 2_300_000


def test_a_coarse_label_may_mean_its_finer_ones():
    assert covers(DEPTHS)[3].tolist() == [True, True, False, True]
    assert covers(DEPTHS)[:3].tolist() == np.eye(4, dtype=bool)[:3].tolist()
    assert covers(np.array(["Martian", "x"])).tolist() == np.eye(2, dtype=bool).tolist()


def test_without_coarse_labels_it_is_cross_entropy():
    scores, codes = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    for smoothing in (0.0, 0.2):
        found = Leaves(DEPTHS[:3], smoothing).loss_sum(scores, codes)
        expected = cross_entropy(scores, codes, reduction="sum", label_smoothing=smoothing)
        torch.testing.assert_close(found, expected)


def test_a_coarse_labels_loss_is_that_of_the_sum():
    scores = torch.randn(2, 4, requires_grad=True)
    p = scores.softmax(dim=1)
    found = Leaves(DEPTHS).loss_sum(scores, torch.tensor([3, 3]))
    torch.testing.assert_close(found, -(1 - p[:, 2]).log().sum())
    (slope,) = torch.autograd.grad(found, scores)
    assert (slope[:, [0, 1, 3]] < 0).all() and (slope[:, 2] > 0).all()


def test_the_yes_or_no_of_a_name_below_a_coarse_label_does_not_count():
    loss = YesOrNo(DEPTHS)
    scores = torch.randn(1, loss.n_out, requires_grad=True)
    (slope,) = torch.autograd.grad(loss.loss_sum(scores, torch.tensor([3])), scores)
    loss.child = loss.child[:0]  # without the penalty
    (slope,) = torch.autograd.grad(loss.loss_sum(scores, torch.tensor([3])), scores)
    assert slope[0, :2].tolist() == [0.0, 0.0]  # CD4 T and CD8 T
    assert slope[0, 2] > 0 > slope[0, 3]


def test_the_penalty_is_for_types_more_probable_than_broader_ones():
    loss = YesOrNo(DEPTHS[:3])
    names = 3 + np.flatnonzero(loss.answers.numpy()[:, 3:].sum(axis=0) < 3)
    broad = int(names[0])  # T cell
    p = torch.full((1, loss.n_out), 0.9)
    assert loss._excess(p).item() == 0
    p[0, broad] = 0.4
    assert loss._excess(p).item() > 0
    np.testing.assert_allclose(loss.probabilities(np.zeros((2, loss.n_out))), 1 / 3)


def test_a_gene_that_a_file_lacks_shows_what_is_expected(model):
    cells = GeneCounts.of(known_cells(), model.genes_)
    present = np.arange(40) % 3 > 0
    found = model.values_.inputs(cells, present)
    whole = model.values_.inputs(cells, cells.present)
    np.testing.assert_array_equal(found["values"][:, present], whole["values"][:, present])
    assert not found["values"][:, ~present].allclose(whole["values"][:, ~present])
    totals = np.asarray(known_cells().X.sum(axis=1)).ravel()
    depth = np.log10(totals / np.exp(np.log(totals).mean()))
    expected = np.outer(np.clip(1 + depth / 2, 0.1, 1.5), present)
    np.testing.assert_allclose(found["trust"], expected, rtol=1e-5)


def test_what_people_are_shown(model):
    cells = known_cells()
    table = picture_table(model, cells)
    n_pictures = 3 + 2
    assert len(table) == n_pictures * len(model.genes_)
    mean = table[table["picture"].eq("B") & table["kind"].eq("type")]
    pictures = model.pictures(cells[cells.obs["cell_type"] == "B"].copy()).mean(axis=0)
    np.testing.assert_allclose(pictures[mean["row"], mean["column"]], mean["value"], atol=1e-5)
    means = np.array([[0.0, 5, 1, 0], [4, 6, 0, 0], [0, 0, 0, 3]])
    assert np.flatnonzero(markers_of(means)[2])[-1] == 3


def test_evidence_is_the_likelihood_of_the_counts_of_the_genes_that_are_there():
    rng = np.random.default_rng(0)
    counts, codes = rng.poisson(3.0, size=(40, 6)), np.arange(40) % 3
    evidence = Evidence.learn(sp.csr_matrix(counts), codes, 3)
    present = np.array([True, True, False, True, False, True])
    some = counts[:4] * present
    shares = evidence.profiles[:, present].astype(float)
    shares /= shares.sum(axis=1, keepdims=True)
    n = some.sum(axis=1)
    likelihood = np.array(
        [[multinomial.logpmf(c[present], c.sum(), p) for p in shares] for c in some]
    )
    expected = (likelihood - likelihood.mean(axis=1)[:, None]) / np.sqrt(n + 1)[:, None]
    found = evidence.of(sp.csr_matrix(some, dtype=np.float32), present)
    np.testing.assert_allclose(found[:, :3], expected, atol=1e-5)
    np.testing.assert_allclose(found[:, 3], np.log10(n + 1), rtol=1e-6)
    empty = evidence.of(sp.csr_matrix((2, 6), dtype=np.float32), np.zeros(6, dtype=bool))
    assert not empty.any()


def test_profiles_of_few_counts_are_those_of_all_cells():
    counts, codes = np.array([[1, 0], [0, 10**6]]), np.array([0, 1])
    found = Evidence.learn(sp.csr_matrix(counts), codes, 2).profiles
    np.testing.assert_allclose(found[0], [1.5 / (10**6 + 2), 1], atol=1e-4)
    assert (found > 0).all() and found[1, 0] < found[0, 0]


@pytest.mark.parametrize("n_cells", [3, 5, 65])
def test_no_batch_is_a_single_cell(n_cells):
    task = IncompleteCells.__new__(IncompleteCells)
    task.n_samples, task.seed, task.options = n_cells, 1, SpoticellOptions(batch_size=2)
    batches = task.batches(0)
    assert min(map(len, batches)) >= 2
    assert sorted(np.concatenate(batches)) == list(range(n_cells))


def test_without_a_picture_no_places_are_looked_for(monkeypatch):
    monkeypatch.setattr(classifier, "places_of", None)
    cells, options = known_cells(), replace(QUICK, network="mlp", epochs=1)
    found = SpoticellClassifier(options, "spoticell_mlp", seed=3)
    found.fit(cells, cells.obs["cell_type"].to_numpy(str))
    assert found.places_.tolist() == list(range(40))


@pytest.mark.parametrize(
    "damage",
    ["double", "outside", "short", "scale", "total", "profiles", "network"],
    ids=lambda name: name,
)
def test_a_damaged_model_is_refused(model, tmp_path, damage):
    model.save(tmp_path / "m")
    path = tmp_path / "m" / PICTURE_FILE
    arrays = dict(np.load(path))
    description = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    if damage == "double":
        arrays["places"][0] = arrays["places"][1]
    if damage == "outside":
        arrays["places"][0] = 10**9
    if damage == "short":
        arrays["places"] = arrays["places"][1:]
    if damage == "scale":
        arrays["scale"] = -arrays["scale"]
    if damage == "total":
        arrays["typical_total"] = np.array(np.nan)
    if damage == "profiles":
        arrays["profiles"][0, 0] = 0
    if damage == "network":
        description["network"] = "another"
    np.savez(path, **arrays)
    seal(tmp_path / "m", {k: v for k, v in description.items() if k != "digest"})
    with pytest.raises(InputError, match="again"):
        Classifier.load(tmp_path / "m")


@pytest.mark.parametrize(
    "options",
    [
        {"n_genes": 0},
        {"n_genes": 10**6},
        {"thin": 2},
        {"thin": 0},
        {"drop_genes": 1},
        {"dropout": 1},
        {"batch_size": 1},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(InputError, match="expected"):
        SpoticellOptions(**options).check()
