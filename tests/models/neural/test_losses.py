"""Losses between the cells of a minibatch: as plain loops say, and 0 with nothing to compare."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cellclassifier.models.neural.losses import (
    CosineSoftmax,
    LearnedTemperature,
    batch_loss,
    cellular_loss,
    centroid_loss,
    supervised_contrastive,
    type_loss,
)

N_TYPES = 4


def minibatch(seed: int = 0, n: int = 24):
    """Embeddings, types (the last one of a single cell) and batches."""
    rng = np.random.default_rng(seed)
    types = np.append(rng.integers(0, N_TYPES - 1, n - 1), N_TYPES - 1)
    z = torch.tensor(rng.normal(size=(n, 5)), dtype=torch.float32, requires_grad=True)
    return z, torch.tensor(types), torch.tensor(rng.integers(0, 3, n))


def cosine(a, b) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def plain(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().astype(float)


def loop_over_contrastive(z, types, temperature) -> float:
    losses = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        same = [j for j in others if types[j] == types[i]]
        if not same:
            continue
        below = sum(math.exp(cosine(z[i], z[j]) / temperature) for j in others)
        logs = [math.log(math.exp(cosine(z[i], z[j]) / temperature) / below) for j in same]
        losses.append(-sum(logs) / len(same))
    return float(np.mean(losses))


def loop_over_shares(z, own, other, temperature) -> dict[int, float]:
    """P / (P + N) of every cell that has own and, if wanted, other ones."""
    shares = {}
    for i in range(len(z)):
        mine = [j for j in range(len(z)) if j != i and own(i, j)]
        rest = [j for j in range(len(z)) if j != i and other(i, j)]
        p, n = (sum(math.exp(cosine(z[i], z[j]) / temperature) for j in of) for of in (mine, rest))
        if mine:
            shares[i] = p / (p + n)
    return shares


def mean_of_means(values: dict[int, float], groups) -> float:
    of_group = {}
    for i, value in values.items():
        of_group.setdefault(int(groups[i]), []).append(value)
    weights = {group: 1 / len(members) for group, members in of_group.items()}
    norm = sum(weights[group] for group in of_group)
    return sum(weights[g] * np.mean(members) for g, members in of_group.items()) / norm


@pytest.mark.parametrize("seed", range(3))
def test_supervised_contrastive_is_the_plain_loop_s(seed):
    z, types, _ = minibatch(seed)
    found = supervised_contrastive(z, types, temperature=0.3)
    expected = loop_over_contrastive(plain(z), types.numpy(), 0.3)
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_type_loss_is_the_plain_loop_s(seed):
    z, types, _ = minibatch(seed)
    shares = loop_over_shares(
        plain(z), lambda i, j: types[i] == types[j], lambda i, j: types[i] != types[j], 0.25
    )
    losses = {i: -math.log(share) for i, share in shares.items()}
    found = type_loss(z, types, 0.25)
    assert found.item() == pytest.approx(mean_of_means(losses, types), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_batch_loss_is_the_plain_loop_s(seed):
    z, types, batches = minibatch(seed)
    shares = loop_over_shares(
        plain(z),
        lambda i, j: types[i] == types[j] and batches[i] == batches[j],
        lambda i, j: types[i] == types[j] and batches[i] != batches[j],
        0.5,
    )
    losses = {i: 1 / -math.log(share) for i, share in shares.items() if share < 1}
    found = batch_loss(z, types, batches)
    assert found.item() == pytest.approx(mean_of_means(losses, batches), rel=1e-5)


def test_centroid_loss_is_the_plain_loop_s():
    z, types, _ = minibatch()
    distances = torch.rand(N_TYPES, N_TYPES, generator=torch.Generator().manual_seed(1)) + 0.1
    distances[0, 2] = distances[2, 0] = torch.nan
    centroids = [plain(z)[types.numpy() == t].mean(axis=0) for t in range(N_TYPES)]
    pairs = [(a, b) for a in range(N_TYPES) for b in range(a + 1, N_TYPES) if (a, b) != (0, 2)]
    learned = np.array([np.linalg.norm(centroids[a] - centroids[b]) for a, b in pairs])
    wanted = np.array([float(distances[a, b]) for a, b in pairs])
    expected = np.mean((learned / learned.max() - wanted / wanted.max()) ** 2)
    assert centroid_loss(z, types, distances).item() == pytest.approx(expected, rel=1e-5)


def test_the_whole_loss_is_the_sum_of_its_terms():
    z, types, batches = minibatch()
    distances = torch.ones(N_TYPES, N_TYPES)
    terms = type_loss(z, types, 0.25), batch_loss(z, types, batches)
    expected = 0.9 * terms[0] + 0.1 * terms[1] + centroid_loss(z, types, distances)
    found = cellular_loss(z, types, batches, 0.25, distances)
    assert found.item() == pytest.approx(expected.item())


NOTHING = torch.arange(N_TYPES)  # every type has one cell


@pytest.mark.parametrize(
    "loss",
    [
        lambda z: supervised_contrastive(z, NOTHING),
        lambda z: type_loss(z, NOTHING, 0.25),
        lambda z: batch_loss(z, NOTHING, NOTHING),
        lambda z: batch_loss(z, NOTHING * 0, NOTHING * 0),
        lambda z: batch_loss(z, NOTHING * 0, NOTHING),
        lambda z: type_loss(z, NOTHING * 0, 0.25),
        lambda z: centroid_loss(z, NOTHING * 0, torch.ones(N_TYPES, N_TYPES)),
        lambda z: centroid_loss(z, NOTHING, torch.full((N_TYPES, N_TYPES), torch.nan)),
    ],
    ids=[
        "contrastive, single cells",
        "types, single cells",
        "batches, single cells",
        "one batch",
        "batches of one cell",
        "one type",
        "centroids, one type",
        "centroids, no distance known",
    ],
)
def test_nothing_to_compare_is_no_loss_and_no_gradient(loss):
    z = torch.randn(N_TYPES, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    found = loss(z)
    found.backward()
    assert found.item() == pytest.approx(0, abs=1e-6)
    assert z.grad.abs().max() < 1e-6


@pytest.mark.parametrize("name", ["contrastive", "cellular"])
def test_gradients_are_numbers_with_a_single_cell_of_a_type(name):
    """The single cell, of which the original learns nothing, is pushed from all others."""
    z, types, batches = minibatch()
    if name == "contrastive":
        loss = supervised_contrastive(z, types)
    else:
        loss = cellular_loss(z, types, batches, 0.25, torch.ones(N_TYPES, N_TYPES))
    loss.backward()
    assert z.grad.isfinite().all() and z.grad[-1].abs().max() > 0


def test_equal_embeddings_have_gradients_that_are_numbers():
    z = torch.ones(6, 3, requires_grad=True)
    types, batches = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 0, 0])
    loss = cellular_loss(z, types, batches, 0.25, torch.ones(2, 2))
    (loss + supervised_contrastive(z, types)).backward()
    assert z.grad.isfinite().all()


def test_cosine_scores_do_not_depend_on_lengths():
    head = CosineSoftmax(5, N_TYPES)
    z = minibatch()[0].detach()
    expected = head.log_scale.exp().item() * np.array(
        [[cosine(row, w) for w in plain(head.directions)] for row in plain(z)]
    )
    assert plain(head(z * 7)) == pytest.approx(expected, abs=1e-4)
    assert plain(head(z)) == pytest.approx(expected, abs=1e-4)


def test_the_temperature_starts_as_documented_and_stays_in_its_range():
    temperature = LearnedTemperature()
    assert temperature().item() == pytest.approx(0.25)
    for raw, limit in ((-50.0, 0.1), (50.0, 2.0)):
        temperature.raw.data.fill_(raw)
        assert temperature().item() == pytest.approx(limit)
