"""What is learned: cell types, or masked genes. Batches, loss and validation of each."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch.nn.functional import cross_entropy

from cellclassifier.models.geneformer.batches import BudgetBatches, TokenCells
from cellclassifier.models.geneformer.inference import as_tensors, device_batches, scores
from cellclassifier.models.geneformer.model import IGNORED
from cellclassifier.models.geneformer.vocabulary import FIRST_GENE, MASK
from cellclassifier.models.neural.inference import Inference
from cellclassifier.models.neural.task import Inputs, Task
from cellclassifier.output.processes import n_processes

MASKED_SHARE = 0.15
SCORES_PART = 16  # batches are this much smaller where every masked gene has n_tokens scores
VALIDATION = 2**31  # the "epoch" whose masks are those of validation


class TokenTask(Task):
    """Batches of cells with a budget of tokens.

    batch_size: cells of mean length whose tokens are the budget; seed: of the batches.
    """

    lower = "--batch-size or --max-tokens"

    def __init__(
        self, train: TokenCells, validation: TokenCells | None, batch_size: int, seed: int
    ):
        self.train, self.validation, self.seed = train, validation, seed
        self.n_samples = len(train)
        budget = round(batch_size * train.lengths.mean())
        self.sampler = BudgetBatches(train.lengths, budget, seed, n_processes())

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Training cells of every batch."""
        return self.sampler.batches(epoch)


class CellTypes(TokenTask):
    """Cross-entropy of cell types, macro-F1 on validation cells.

    weights: (n_types,) of mean 1 over the training cells, or None.
    """

    best = "macro_f1"

    def __init__(self, train, validation, batch_size: int, seed: int, weights=None):
        super().__init__(train, validation, batch_size, seed)
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.items = len(train)

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Inputs of the model, and labels."""
        inputs = as_tensors(*self.train.padded(samples))
        return inputs | {"labels": torch.from_numpy(self.train.labels[samples].astype(np.int64))}

    def loss_sum(self, network, inputs: Inputs) -> torch.Tensor:
        """Cross-entropy in nats, weighted, summed over the cells of a batch."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        weights = None if self.weights is None else self.weights.to(labels.device)
        return cross_entropy(network(**inputs).float(), labels, weight=weights, reduction="sum")

    def evaluate(self, network) -> dict[str, float]:
        """Loss (unweighted), accuracy and macro-F1 on the validation cells."""
        if self.validation is None:
            return {}
        found, labels = scores(network, self.validation), self.validation.labels
        loss = cross_entropy(torch.from_numpy(found), torch.from_numpy(labels.astype(np.int64)))
        predicted, types = found.argmax(axis=1), np.unique(labels)
        macro_f1 = f1_score(labels, predicted, average="macro", labels=types, zero_division=0)
        accuracy = accuracy_score(labels, predicted)
        return {"loss": loss.item(), "accuracy": accuracy, "macro_f1": macro_f1}


class MaskedGeneTask(TokenTask):
    """Cross-entropy of 15 % masked genes, accuracy on the masked genes of validation cells.

    Of the chosen genes 80 % become <mask>, 10 % another gene, 10 % stay (Devlin et al. 2019,
    arXiv:1810.04805). Which are chosen depends on seed, epoch and cell alone: not on batches,
    processes, or where an interrupted run went on.
    """

    def __init__(self, train, validation, batch_size: int, seed: int, n_tokens: int):
        super().__init__(train, validation, batch_size, seed)
        self.n_tokens = n_tokens
        self.items = max(1.0, MASKED_SHARE * float(train.lengths.sum()))
        self.most_frequent = int(train.counts(n_tokens).argmax())

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Inputs with masked genes and their labels, (B, T), -100 where nothing is masked."""
        return self._masked(self.train, epoch, samples)

    def loss_sum(self, network, inputs: Inputs) -> torch.Tensor:
        """Cross-entropy in nats summed over the masked genes of a batch."""
        labels = inputs["labels"]
        return cross_entropy(network(**inputs).float(), labels[labels != IGNORED], reduction="sum")

    def evaluate(self, network) -> dict[str, float]:
        """Loss and accuracy over masked genes of the validation cells, and the baseline.

        masked_gene_baseline_accuracy: of naming the gene that is most frequent in training cells.
        """
        if self.validation is None:
            return {}
        inference = Inference(network, lower="--max-tokens")
        sums = np.zeros(4)  # loss, correct, baseline correct, masked

        def add(cells: np.ndarray) -> None:
            sums[:] += self._sums(inference, self._masked(self.validation, VALIDATION, cells))

        inference.for_batches(device_batches(inference, self.validation, SCORES_PART), add)
        *totals, n_masked = inference.summed(sums)
        loss, accuracy, baseline = (float(value / n_masked) for value in totals)
        named = {"accuracy": accuracy, "baseline_accuracy": baseline}
        return {"loss": loss} | {f"masked_gene_{name}": value for name, value in named.items()}

    def _sums(self, inference: Inference, inputs: Inputs) -> np.ndarray:
        """Of one batch; all but four numbers stay on the device."""
        found = inference.run(inputs)  # (n_masked, n_tokens)
        labels = inputs["labels"][inputs["labels"] != IGNORED].to(found.device)
        loss = cross_entropy(found, labels, reduction="sum")
        correct = (found.argmax(1) == labels).sum()
        baseline = (labels == self.most_frequent).sum()
        return np.array([loss.item(), correct.item(), baseline.item(), len(labels)])

    def _masked(self, cells: TokenCells, epoch: int, samples: np.ndarray) -> Inputs:
        tokens, real = cells.padded(samples)
        labels = np.full(tokens.shape, IGNORED)
        for row, cell in enumerate(samples.tolist()):
            length = real[row].sum()
            rng = np.random.default_rng((self.seed, epoch, cell))
            chosen = np.flatnonzero(rng.random(length) < MASKED_SHARE)
            if not len(chosen):  # every cell has something to learn from
                chosen = rng.integers(length, size=1)
            labels[row, chosen] = tokens[row, chosen]
            fate = rng.random(len(chosen))
            tokens[row, chosen[fate < 0.8]] = MASK
            others = chosen[(fate >= 0.8) & (fate < 0.9)]
            tokens[row, others] = rng.integers(FIRST_GENE, self.n_tokens, size=len(others))
        return as_tensors(tokens, real) | {"labels": torch.from_numpy(labels)}
