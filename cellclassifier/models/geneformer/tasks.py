"""What is learned: cell types, or masked genes. Batches, loss and validation of each."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch.nn.functional import cross_entropy

from cellclassifier.models.geneformer.batches import TokenCells
from cellclassifier.models.geneformer.inference import Inference, as_tensors
from cellclassifier.models.geneformer.model import IGNORED
from cellclassifier.models.geneformer.vocabulary import FIRST_GENE, MASK

MASKED_SHARE = 0.15
SCORES_PART = 16  # batches are this much smaller where every masked gene has n_tokens scores
VALIDATION = 2**31  # the "epoch" whose masks are those of validation


class CellTypes:
    """Cross-entropy of cell types, macro-F1 on validation cells.

    weights: (n_types,) of mean 1 over the training cells, or None.
    """

    best = "macro_f1"

    def __init__(self, train: TokenCells, validation: TokenCells | None, weights=None):
        self.train, self.validation = train, validation
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.items = len(train)  # what the loss of an epoch is a mean over

    def batch(self, keys: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
        """Inputs of the model and labels, for (epoch, cell) pairs."""
        index = np.array([cell for _, cell in keys])
        inputs = as_tensors(*self.train.padded(index))
        return inputs | {"labels": torch.from_numpy(self.train.labels[index].astype(np.int64))}

    def loss_sum(self, model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy in nats, weighted, summed over the cells of a batch."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        weights = None if self.weights is None else self.weights.to(labels.device)
        return cross_entropy(model(**inputs).float(), labels, weight=weights, reduction="sum")

    def evaluate(self, inference: Inference) -> dict[str, float]:
        """Loss (unweighted), accuracy and macro-F1 on the validation cells."""
        scores = inference.scores(self.validation)
        labels = self.validation.labels
        loss = cross_entropy(torch.from_numpy(scores), torch.from_numpy(labels.astype(np.int64)))
        predicted = scores.argmax(axis=1)
        types = np.unique(labels)
        macro_f1 = f1_score(labels, predicted, average="macro", labels=types, zero_division=0)
        accuracy = accuracy_score(labels, predicted)
        return {"loss": loss.item(), "accuracy": accuracy, "macro_f1": macro_f1}


class MaskedGeneTask:
    """Cross-entropy of 15 % masked genes, accuracy on the masked genes of validation cells.

    Of the chosen genes 80 % become <mask>, 10 % another gene, 10 % stay (Devlin et al. 2019,
    arXiv:1810.04805). Which are chosen depends on seed, epoch and cell alone: not on batches,
    processes, or where an interrupted run went on.
    """

    best = None  # the last epoch is taken

    def __init__(self, train: TokenCells, validation: TokenCells | None, n_tokens: int, seed: int):
        self.train, self.validation = train, validation
        self.n_tokens, self.seed = n_tokens, seed
        self.items = max(1.0, MASKED_SHARE * float(train.lengths.sum()))
        counts = np.bincount(train.tokens, minlength=n_tokens)
        self.most_frequent = int(counts.argmax())

    def batch(self, keys: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
        """Inputs with masked genes and their labels, (B, T), -100 where nothing is masked."""
        return self._masked(self.train, keys)

    def loss_sum(self, model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy in nats summed over the masked genes of a batch."""
        labels = inputs["labels"]
        return cross_entropy(model(**inputs).float(), labels[labels != IGNORED], reduction="sum")

    def evaluate(self, inference: Inference) -> dict[str, float]:
        """Loss and accuracy over masked genes of the validation cells, and the baseline.

        baseline_accuracy: of naming the gene that is most frequent in the training cells.
        """
        sums = np.zeros(4)  # loss, correct, baseline correct, masked

        def add(index):
            keys = [(VALIDATION, int(cell)) for cell in index]
            sums[:] += self._sums(inference, self._masked(self.validation, keys))

        inference.for_batches(self.validation, add, part=SCORES_PART)
        *totals, n_masked = inference.summed(sums)
        loss, accuracy, baseline = (float(value / n_masked) for value in totals)
        return {"loss": loss, "accuracy": accuracy, "baseline_accuracy": baseline}

    def _sums(self, inference: Inference, inputs: dict[str, torch.Tensor]) -> np.ndarray:
        """Of one batch; all but four numbers stay on the device."""
        scores = inference.run(inputs)  # (n_masked, n_tokens)
        labels = inputs["labels"][inputs["labels"] != IGNORED].to(scores.device)
        loss = cross_entropy(scores, labels, reduction="sum")
        correct = (scores.argmax(1) == labels).sum()
        baseline = (labels == self.most_frequent).sum()
        return np.array([loss.item(), correct.item(), baseline.item(), len(labels)])

    def _masked(self, cells: TokenCells, keys: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
        index = np.array([cell for _, cell in keys])
        tokens, real = cells.padded(index)
        labels = np.full(tokens.shape, IGNORED)
        for row, (epoch, cell) in enumerate(keys):
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
