"""What the network learns: types of cells that lose counts and genes anew in every epoch."""

from __future__ import annotations

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from cellclassifier.data.augment import thinned_to
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.models.neural.inference import Inference
from cellclassifier.models.neural.task import Inputs, Task
from cellclassifier.models.spoticell.losses import Leaves, YesOrNo
from cellclassifier.models.spoticell.options import SpoticellOptions
from cellclassifier.models.spoticell.values import Values

CHUNK_CELLS = 256  # whose pictures fit into the cache: of 1,024 half as many a second
GROUPS = 4  # of a batch's cells, each of which lacks genes of its own
WHOLE = 0.3  # share of groups that keep all genes
THINNED = 0.5  # share of cells that are thinned
MISSING = 0.5  # share of the genes that validation cells lack when they are scored again
LEFT = 0.1  # share of the counts that they have when they are scored once more


class IncompleteCells(Task):
    """Cells whose counts are thinned and whose genes are taken away, and the types they are of.

    cells, codes: of training; validation: (cells, codes) or None.
    """

    best = "macro_f1_mean"

    def __init__(
        self,
        cells: GeneCounts,
        codes: np.ndarray,
        validation: tuple[GeneCounts, np.ndarray] | None,
        values: Values,
        loss: Leaves | YesOrNo,
        options: SpoticellOptions,
        seed: int,
    ):
        self.cells, self.codes, self.validation = cells, codes, validation
        self.values, self.loss, self.options, self.seed = values, loss, options, seed
        self.n_samples = self.items = len(cells)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """All cells in random order, none alone: one cell has no spread to be normalised by."""
        order = np.random.default_rng((self.seed, epoch)).permutation(self.n_samples)
        n_batches = -(-self.n_samples // self.options.batch_size)
        return np.array_split(order, max(1, min(n_batches, self.n_samples // 2)))

    def batch(self, epoch: int, samples: np.ndarray) -> Inputs:
        """Incomplete cells, and their types."""
        rng = np.random.default_rng((self.seed, epoch, *samples[:1]))
        groups = np.array_split(samples, GROUPS)
        found = [self._incomplete(self.cells[group], rng) for group in groups if len(group)]
        inputs = {name: torch.cat([group[name] for group in found]) for name in found[0]}
        return inputs | {"types": torch.from_numpy(self.codes[samples])}

    def _incomplete(self, cells: GeneCounts, rng: np.random.Generator) -> Inputs:
        """As ``Values.inputs``: half of the cells thinned, all without the same genes."""
        share = 0.0 if rng.random() < WHOLE else rng.uniform(0, self.options.drop_genes)
        present = rng.random(cells.counts.shape[1]) >= share
        return self.values.inputs(some_thinned(cells, self.options.thin, rng), present)

    def loss_sum(self, network: nn.Module, inputs: Inputs) -> torch.Tensor:
        """As ``losses`` has it."""
        return self.loss.loss_sum(
            network(inputs["values"], inputs["trust"], inputs["evidence"]), inputs["types"]
        )

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Scores of the validation cells whole, without half of the genes, and thinned."""
        if self.validation is None:
            return {}
        cells, codes = self.validation
        rng = np.random.default_rng(self.seed)
        half = cells.present & (rng.random(cells.counts.shape[1]) >= MISSING)
        shallow = thinned_to(cells, np.full(len(cells), LEFT), rng)
        whole = scores_of(network, self.values, cells, cells.present)
        with torch.inference_mode():
            loss = self.loss.loss_sum(torch.from_numpy(whole), torch.from_numpy(codes))
        found = {"loss": loss.item() / len(codes)}
        found |= self._judged(whole, "")
        found |= self._judged(scores_of(network, self.values, cells, half), "_half")
        found |= self._judged(scores_of(network, self.values, shallow, cells.present), "_shallow")
        found[self.best] = np.mean([found[f"macro_f1{end}"] for end in ("", "_half", "_shallow")])
        return found

    def _judged(self, scores: np.ndarray, suffix: str) -> dict[str, float]:
        codes, predicted = self.validation[1], self.loss.probabilities(scores).argmax(axis=1)
        return {
            f"accuracy{suffix}": accuracy_score(codes, predicted),
            f"macro_f1{suffix}": f1_score(codes, predicted, average="macro"),
        }


def some_thinned(cells: GeneCounts, least: float, rng: np.random.Generator) -> GeneCounts:
    """Cells of which ``THINNED`` have fewer counts: a share between ``least`` and 1.

    Shares are even on a log scale, so that a tenth is as frequent as a half.
    """
    if least == 1:
        return cells
    are = rng.random(len(cells)) < THINNED
    share = np.exp(rng.uniform(np.log(least), 0, len(cells)))
    return thinned_to(cells, np.where(are, share, 1.0), rng)


def scores_of(
    network: nn.Module, values: Values, cells: GeneCounts, present: np.ndarray, jobs: int = 1
) -> np.ndarray:
    """A network's scores, (n_cells, n_out) float32, of cells in which some genes are present.

    jobs: threads that share out chunks, which are the same for any number of them.
    """
    if not len(cells):
        return np.zeros((0, network.n_out), dtype=np.float32)

    def scores(chunk: np.ndarray) -> np.ndarray:
        some, whole = cells[chunk], [np.arange(len(chunk))]
        shape = len(chunk), network.n_out
        return rows(whole, lambda index: values.inputs(some[index], present), shape)

    chunks = np.array_split(np.arange(len(cells)), -(-len(cells) // CHUNK_CELLS))
    rows = Inference(network).rows
    threads = Parallel(n_jobs=min(jobs, len(chunks)), prefer="threads")
    return np.concatenate(threads(delayed(scores)(chunk) for chunk in chunks))
