"""Training and inference of the same network on the same cells: the reference recipe and ours.

    python -m benchmarks.geneformer --write-tokens tokens.npz      # where the cells are
    python -m benchmarks.geneformer_speed tokens.npz --batches 6                        # CPU
    python -m benchmarks.geneformer_speed tokens.npz --epochs 3 --batch-size 64 \
        --learning-rate 2e-4                                           # a bare GPU machine

Needs torch, transformers and numpy only. The reference recipe: batches of 8 cells in random order,
padded to the longest of the batch, eager attention, float32; at inference padded to the longest
cell of the set. Ours: batches of like length with a budget of tokens, scaled-dot-product attention,
bf16 on a GPU; at inference sorted by length. Weights are random: speed does not depend on them, and
macro-F1 (with --epochs) is of both recipes from the same random start.

Without --epochs a few batches of an epoch are timed, evenly spaced from its smallest to its
largest, and cells/s are of a whole epoch of such batches. On a CPU that others use, compare cells
per core-second.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from cellclassifier.models.geneformer import model as networks
from cellclassifier.models.geneformer.batches import (
    BudgetBatches,
    TokenCells,
    padding_share,
    sorted_batches,
)

REFERENCE = {"batch_size": 8, "learning_rate": 5e-5}
FROZEN = 3


def main() -> None:
    """Print one JSON line per measurement."""
    options = parsed()
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    cells, n_tokens = read_tokens(options.tokens, options.max_tokens)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(cells))
    cut = int(0.85 * len(cells))
    train, test = cells[order[:cut]], cells[order[cut:]]
    for way in options.ways:
        network = make_network(n_tokens, int(cells.labels.max()) + 1, way, device)
        facts = {"way": way, "device": str(device), "cells": len(train)}
        facts |= train_for(network, train, way, options, device)
        facts |= infer_for(network, test, way, options, device)
        if device.type == "cuda":
            facts["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
            torch.cuda.reset_peak_memory_stats()
            facts["matrix_rate_share"] = facts["train_tflops"] / matrix_tflops(device)
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in facts.items()}))


def parsed() -> argparse.Namespace:
    """Options of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokens", type=Path, help="file made by benchmarks.geneformer")
    parser.add_argument("--batches", type=int, default=6, help="that are timed, if no --epochs")
    parser.add_argument("--epochs", type=int, default=0, help="train whole epochs, then score")
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--batch-size", type=int, default=8, help="of our way")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="of our way")
    parser.add_argument("--device", default=None)
    known = ["reference", "ours", "ours, embeddings frozen"]
    parser.add_argument("--ways", nargs="+", default=known, choices=known)
    return parser.parse_args()


def read_tokens(path: Path, max_tokens: int) -> tuple[TokenCells, int]:
    """Cells of a tokens file (tokens, bounds, labels, n_tokens), and the size of the vocabulary."""
    with np.load(path) as file:
        cells = TokenCells.from_bounds(file["tokens"], file["bounds"], file["labels"])
        return cells.cut(max_tokens), int(file["n_tokens"])


def make_network(n_tokens: int, n_types: int, way: str, device: torch.device):
    """Geneformer V1's architecture with random weights, the lowest 3 layers frozen."""
    config = networks.random_config(n_tokens, layers=6, width=256, max_tokens=2048)
    network = networks.new_classifier(config, n_types, "first", seed=0)
    network.set_attn_implementation("eager" if way == "reference" else "sdpa")
    networks.freeze(network, FROZEN, embeddings="frozen" in way)
    return network.to(device)


def train_batches(cells: TokenCells, way: str, batch_size: int, epoch: int) -> list[np.ndarray]:
    """The batches of one epoch."""
    if way != "reference":
        budget = round(batch_size * cells.lengths.mean())
        return BudgetBatches(cells.lengths, budget).batches(epoch)
    order = np.random.default_rng(epoch).permutation(len(cells))
    return np.split(order, range(batch_size, len(order), batch_size))


def train_for(network, cells: TokenCells, way: str, options, device) -> dict:
    """Cells/s and padding of training, for some seconds or whole epochs."""
    recipe = REFERENCE if way == "reference" else vars(options)
    batches = train_batches(cells, way, recipe["batch_size"], 0)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe["learning_rate"], weight_decay=0.001)
    network.train()
    step(network, cells, batches[0], optimizer, way, device)  # warm-up
    seen = Seen(cells, device)
    for epoch in range(max(options.epochs, 1)):
        for batch in timed(train_batches(cells, way, recipe["batch_size"], epoch), cells, options):
            step(network, cells, batch, optimizer, way, device)
            seen.add(batch)
    facts = {f"train_{name}": value for name, value in seen.facts(len(batches)).items()}
    passes = (2 * FROZEN + 3 * 3) / 6  # no gradients of weights in the frozen half
    if "frozen" in way:
        passes = (1 * FROZEN + 3 * 3) / 6
    facts["train_tflops"] = passes * seen.forward_flops / facts["train_seconds"] / 1e12
    return facts | {"train_padding": padding_share(cells.lengths, batches)}


def step(network, cells: TokenCells, batch: np.ndarray, optimizer, way: str, device) -> None:
    """One step of the optimizer."""
    with precision(way, device):
        scores = network(**on_device(*cells.padded(batch), device))
    labels = torch.from_numpy(cells.labels[batch]).to(device, non_blocking=True)
    cross_entropy(scores.float(), labels).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


def infer_for(network, cells: TokenCells, way: str, options, device) -> dict:
    """Cells/s of inference and, after whole epochs, macro-F1 on cells that were not trained on."""
    network.eval()
    if way == "reference":
        batches = np.split(np.arange(len(cells)), range(8, len(cells), 8))
        width = int(cells.lengths.max())
    else:
        batches = sorted_batches(cells.lengths, 2**18 if device.type == "cuda" else 2**13)
        width = 0
    predicted = np.full(len(cells), -1)
    seen = Seen(cells, device)
    with torch.inference_mode(), precision(way, device):
        for batch in timed(batches, cells, options):
            tokens, real = cells.padded(batch)
            wider = ((0, 0), (0, max(0, width - tokens.shape[1])))
            inputs = on_device(np.pad(tokens, wider), np.pad(real, wider), device)
            predicted[batch] = network(**inputs).argmax(1).cpu()
            seen.add(batch)
    facts = {f"inference_{name}": value for name, value in seen.facts(len(batches)).items()}
    return facts | ({"macro_f1": macro_f1(cells.labels, predicted)} if options.epochs else {})


def timed(batches: list[np.ndarray], cells: TokenCells, options) -> list[np.ndarray]:
    """All batches, or a few that stand for them: evenly spaced by their number of tokens."""
    if options.epochs or len(batches) <= options.batches:
        return batches
    order = np.argsort([len(batch) * cells.lengths[batch].max() for batch in batches])
    middles = (np.arange(options.batches) + 0.5) * len(batches) / options.batches
    return [batches[order[int(i)]] for i in middles]


class Seen:
    """Counts batches and time."""

    def __init__(self, cells: TokenCells, device: torch.device):
        self.lengths, self.device = cells.lengths, device
        self.batches, self.forward_flops = 0, 0.0
        self.start, self.cpu_start = time.perf_counter(), time.process_time()

    def add(self, batch: np.ndarray) -> None:
        """Count a batch; padding is no work done."""
        lengths = self.lengths[batch].astype(float)
        self.batches += 1
        # Per layer: 4 projections of 256 x 256, feed-forward of 512, attention over T positions.
        per_token = 2 * (4 * 256**2 + 2 * 256 * 512)
        self.forward_flops += 6 * (per_token * lengths + 4 * 256 * lengths**2).sum()

    def facts(self, n_batches: int) -> dict:
        """Seconds and cells/s, once the device has finished; n_batches: of an epoch."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        seconds, core = time.perf_counter() - self.start, time.process_time() - self.cpu_start
        cells = len(self.lengths) * self.batches / n_batches
        speeds = {"cells_per_second": cells / seconds, "cells_per_core_second": cells / core}
        return {"seconds": seconds} | speeds


def on_device(tokens: np.ndarray, real: np.ndarray, device) -> dict[str, torch.Tensor]:
    """Inputs of the network; copied while the GPU computes."""
    inputs = {"input_ids": torch.from_numpy(tokens)}
    inputs["attention_mask"] = torch.from_numpy(real.astype(np.int64))
    if device.type == "cuda":
        inputs = {name: tensor.pin_memory() for name, tensor in inputs.items()}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}


def precision(way: str, device: torch.device):
    """bf16 for ours on a GPU, float32 otherwise."""
    if device.type == "cuda" and way != "reference":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the types that occur."""
    scores = []
    for name in np.unique(labels):
        hit = np.sum((labels == name) & (predicted == name))
        scores.append(2 * hit / (np.sum(labels == name) + np.sum(predicted == name)))
    return float(np.mean(scores))


def matrix_tflops(device: torch.device, size: int = 8192, repeats: int = 20) -> float:
    """The card's rate for one large bf16 matrix product."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    for timed in (False, True):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(repeats if timed else 3):
            a @ a
        torch.cuda.synchronize()
    return 2 * size**3 * repeats / (time.perf_counter() - start) / 1e12


if __name__ == "__main__":
    main()
