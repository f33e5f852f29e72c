"""What encoders learn by: the types of cells, or their cosines in principal components."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy

from cellclassifier.models.cellama.reading import TokenRows
from cellclassifier.models.neural.balance import balanced_batches
from cellclassifier.models.neural.inference import Inference
from cellclassifier.models.neural.losses import supervised_contrastive
from cellclassifier.models.neural.task import Inputs, Task, judged

BALANCE, LEAST_OF_A_TYPE = 0.5, 2
CELLS_AT_A_TIME = 256
PCA_NEIGHBOURS = 15


class Types(Task):
    """Cross-entropy of the types, by a network that scores them; the best epoch by macro-F1.

    rows: tokens of the training cells; codes: their types; validation: (rows, codes) or None.
    """

    best = "macro_f1"

    def __init__(self, rows: TokenRows, codes, validation, options, seed: int):
        self.rows, self.codes, self.validation = rows, codes, validation
        self.options, self.seed = options, seed
        self.n_samples = self.items = len(rows)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Batches with a preference for small types."""
        rng = np.random.default_rng((self.seed, epoch))
        size = self.options.batch_size
        return balanced_batches(self.codes, size, BALANCE, LEAST_OF_A_TYPE, rng)

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Sentences with some genes left out, and their types."""
        rng = np.random.default_rng((self.seed, epoch, *samples[:1]))
        inputs = self.rows.inputs(samples, rng, self.options.gene_dropout)
        return inputs | {"types": torch.from_numpy(self.codes[samples])}

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Cross-entropy in nats."""
        types = inputs["types"]
        return cross_entropy(network(**_without_types(inputs)), types, reduction="sum")

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Scores on the validation cells, whose sentences are whole."""
        if self.validation is None:
            return {}
        rows, codes = self.validation
        return judged(rows_of(network, rows, int(self.codes.max()) + 1), codes)


class Contrasts(Types):
    """Supervised contrastive: all pairs of a batch, those of a type drawn together."""

    best = None
    splits = False

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Mean over cells, times cells, as the loop expects sums."""
        types = inputs["types"]
        return supervised_contrastive(network(**_without_types(inputs)), types) * len(types)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Nothing: the last epoch is taken."""
        return {}


class Cosines(Task):
    """The published target: pairs of cells, half of them PCA neighbours, half random.

    Mean squared error between the cosine of two vectors and that of the cells' principal
    components, 0 where their groups differ. coordinates: (n_cells, n_components); groups:
    (n_cells,) or None.
    """

    best = None
    unit = "pair"

    def __init__(self, rows: TokenRows, coordinates, groups, options, seed: int):
        self.rows, self.coordinates, self.groups = rows, coordinates, groups
        self.options, self.seed = options, seed
        self.n_samples = self.items = len(rows)
        k = min(PCA_NEIGHBOURS + 1, len(rows))
        index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(coordinates)
        self.near = index.kneighbors(return_distance=False, n_neighbors=k - 1)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Every cell once, as the first of a pair."""
        order = np.random.default_rng((self.seed, epoch)).permutation(self.n_samples)
        return np.array_split(order, -(-self.n_samples // self.options.batch_size))

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Both sentences of every pair, and the cosine they should have."""
        rng = np.random.default_rng((self.seed, epoch, *samples[:1]))
        near = self.near[samples, rng.integers(self.near.shape[1], size=len(samples))]
        anyone = rng.integers(self.n_samples, size=len(samples))
        partner = np.where(rng.random(len(samples)) < 0.5, near, anyone)
        first, second = self.rows.inputs(samples), self.rows.inputs(partner)
        inputs = {f"first_{name}": value for name, value in first.items()}
        inputs |= {f"second_{name}": value for name, value in second.items()}
        return inputs | {"wanted": torch.from_numpy(self._wanted(samples, partner))}

    def _wanted(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        a, b = self.coordinates[first], self.coordinates[second]
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosine = (a * b).sum(axis=1) / np.maximum(norms, 1e-12)
        if self.groups is not None:
            cosine = np.where(self.groups[first] == self.groups[second], cosine, 0)
        return cosine.astype(np.float32)

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """Squared errors of the pairs."""
        first, second = (
            {k.removeprefix(which): v for k, v in inputs.items() if k.startswith(which)}
            for which in ("first_", "second_")
        )
        found = cosine_similarity(network(**first), network(**second), eps=1e-6)
        return (found - inputs["wanted"]).square().sum()


def _without_types(inputs: Inputs) -> Inputs:
    return {name: value for name, value in inputs.items() if name != "types"}


def rows_of(
    network: nn.Module,
    rows: TokenRows,
    n_columns: int,
    n_at_a_time: int = CELLS_AT_A_TIME,
    tell: Callable[[int], None] | None = None,
) -> np.ndarray:
    """What a network makes of all sentences, (n_cells, n_columns), the longest first.

    tell: is told of so many more sentences.
    """
    order = np.argsort(-rows.lengths, kind="stable")
    batches = [order[i : i + n_at_a_time] for i in range(0, len(order), n_at_a_time)]

    def inputs_of(index: np.ndarray) -> Inputs:
        if tell:
            tell(len(index))
        return rows.inputs(index)

    return Inference(network).rows(batches, inputs_of, (len(rows), n_columns))
