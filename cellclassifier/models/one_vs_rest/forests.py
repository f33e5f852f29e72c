"""Is a cell of one type or not: drawing negatives, one forest, its scores and its genes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn import metrics as sk

from cellclassifier.data.features import best_genes, log_normalize
from cellclassifier.data.gene_counts import total_counts
from cellclassifier.errors import InputError
from cellclassifier.models.one_vs_rest.options import SCHEMES, ForestOptions
from cellclassifier.models.one_vs_rest.permutation import permutation_importance
from cellclassifier.models.one_vs_rest.random_forest import Forest
from cellclassifier.models.one_vs_rest.side_by_side import side_by_side
from cellclassifier.protocol.splits import distinct_seeds, split_cells, types_with_at_least

VERSION = 1  # raised when results change: finished fits depend on it
MIN_CELLS = 10  # of a type: fewer give no score worth reading
PRECISION = 0.9  # at which the recall is reported
PERMUTATION_CELLS = 2000  # held-out cells of the balanced draw that are used for it at most
FEWEST_IN_PARTS = 3  # cells of a type that can be in training, validation and test
CHUNK_CELLS = 4096  # scored together, so that the dense copy stays small


@dataclass(frozen=True)
class Fit:
    """One forest: which type, which way to draw negatives, which repeat."""

    cell_type: str
    scheme: str
    seed: int

    @property
    def name(self) -> str:
        """A name that no other fit has."""
        return f"{self.cell_type}-{self.scheme}-repeat{self.seed}"

    def rng(self) -> np.random.Generator:
        """Its own random numbers, whichever other fits there are and in whatever order."""
        return np.random.default_rng([zlib.crc32(self.name.encode()), self.seed])


def plan_fits(labels: np.ndarray, seeds) -> list[Fit]:
    """Every fit that the labels allow; types with fewer than ``MIN_CELLS`` cells have none.

    Raises InputError when no type has enough.
    """
    size = pd.Series(labels).value_counts()
    kept = sorted(size.index[size >= MIN_CELLS])
    if not kept:
        raise InputError(
            f"no type has {MIN_CELLS} cells: the largest, {size.index[0]}, {size.iloc[0]}"
        )
    if (size >= FEWEST_IN_PARTS).sum() < 2:
        raise InputError(
            f"only {kept[0]} has {FEWEST_IN_PARTS} cells or more: there are no other cells to hold "
            "out, against which its forests could be scored"
        )
    fits = [Fit(name, scheme, seed) for name in kept for scheme in SCHEMES for seed in seeds]
    # The largest first, so that no core is left with a long fit at the end.
    return sorted(
        fits, key=lambda fit: -min(size[fit.cell_type], len(labels) - size[fit.cell_type])
    )


def parts_of_repeats(cells: ad.AnnData, seeds) -> pd.DataFrame:
    """Part of every cell (rows) in every repeat (columns), as all scripts split them.

    Types of one or two cells, which cannot be in all three parts, are in train as negatives.
    """
    labels = cells.obs["cell_type"].to_numpy().astype(str)
    enough = types_with_at_least(labels, FEWEST_IN_PARTS)
    groups = cells.obs["group"].to_numpy().astype(str)[enough] if "group" in cells.obs else None
    seeds = distinct_seeds(seeds, labels[enough], groups)
    parts = pd.DataFrame("train", index=cells.obs_names, columns=list(seeds))
    for seed in seeds:
        parts.loc[enough, seed] = split_cells(labels[enough], seed, groups)
    return parts


def even_quotas(available: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """How many negatives every other type gives: as equal as possible, none more than it has.

    available: (n_types,) cells; n: negatives in all, at most their sum. A remainder smaller than
    the number of types with a surplus goes to randomly chosen ones of them, one each.
    """
    levels = np.arange(available.max() + 1)
    totals = np.minimum(available[:, None], levels).sum(axis=0)  # given if each gives its level
    level = np.searchsorted(totals, n, side="right") - 1
    quotas = np.minimum(available, level)
    surplus = rng.permutation(np.flatnonzero(available > level))
    quotas[surplus[: n - quotas.sum()]] += 1
    return quotas


def draw_balanced(
    labels: np.ndarray, cell_type: str, scheme: str, rng: np.random.Generator
) -> np.ndarray:
    """Sorted indices of as many cells of the type as of others, drawn without replacement.

    All positives are taken; where there are fewer negatives in all, as many positives are drawn.
    """
    positives, others = np.flatnonzero(labels == cell_type), np.flatnonzero(labels != cell_type)
    n = min(len(positives), len(others))
    if scheme == "random":
        negatives = [rng.choice(others, n, replace=False)]
    else:
        types, available = np.unique(labels[others], return_counts=True)
        quotas = even_quotas(available, n, rng)
        negatives = [
            rng.choice(np.flatnonzero(labels == name), quota, replace=False)
            for name, quota in zip(types, quotas, strict=True)
        ]
    return np.sort(np.concatenate([rng.choice(positives, n, replace=False), *negatives]))


@dataclass(frozen=True)
class Grown:
    """What one fit gives, as plain numbers and arrays (a thread must not make pandas frames)."""

    scores: dict[str, float]
    """those of ``score``, n_cells, n_positives, prevalence"""

    columns: np.ndarray
    """(n_selected,) of the genes that the forest may look at"""

    mdi: np.ndarray
    """(n_selected,) mean decrease in impurity"""

    permutation: np.ndarray
    """(n_selected,) AUROC lost when the gene is shuffled, see ``permutation_importance``"""

    probability: np.ndarray
    """(n_held_out,) of the type"""

    def tables(self, genes: pd.Index) -> dict[str, pd.DataFrame]:
        """As tables: "scores" (one row), "genes" (gene_id, mdi, permutation) and "held_out"."""
        importances = {"mdi": self.mdi, "permutation": self.permutation}
        return {
            "scores": pd.DataFrame([self.scores]),
            "genes": pd.DataFrame({"gene_id": genes[self.columns].astype(str), **importances}),
            "held_out": pd.DataFrame({"probability": self.probability}),
        }


def fit_all(
    fits: list[Fit], cells: ad.AnnData, parts: pd.DataFrame, options: ForestOptions, jobs: int
) -> Iterator[tuple[Fit, dict[str, pd.DataFrame]]]:
    """Run the fits side by side; yields (fit, its ``Grown.tables``) as they finish.

    Threads that share the one matrix, since growing trees releases Python's lock. They are handed
    arrays and matrices only: making or slicing a pandas frame, and so an AnnData, changes warning
    filters and options of the whole process for a moment, and takes them from the other threads.
    Any ``joblib.parallel_config`` around the call is respected, its n_jobs included. The results
    are the same to the last digit for any number of jobs and any backend.
    """
    shared = cells.X, cells.obs["cell_type"].to_numpy().astype(str)
    held_out = {seed: (parts[seed] != "train").to_numpy() for seed in parts}
    tasks = ((fit, *shared, held_out[fit.seed], options) for fit in fits)
    for fit, grown in side_by_side(_with_fit, tasks, jobs):
        yield fit, grown.tables(cells.var_names)


def _with_fit(fit: Fit, *arguments) -> tuple[Fit, Grown]:
    return fit, run_fit(fit, *arguments)


def run_fit(
    fit: Fit,
    counts: sp.csr_matrix,
    labels: np.ndarray,
    held_out: np.ndarray,
    options: ForestOptions,
) -> Grown:
    """Draw, select genes, grow the forest, score it on cells that no training draw could contain.

    counts: (n_cells, n_genes) raw; labels: (n_cells,); held_out: (n_cells,) bool, cells kept from
    training.
    """
    rng = fit.rng()
    is_type = labels == fit.cell_type
    trainable, testable = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    train = trainable[draw_balanced(labels[trainable], fit.cell_type, fit.scheme, rng)]
    columns = best_genes(counts[train], is_type[train], options.n_genes, "anova")
    seed = int(rng.integers(2**31))
    forest = Forest.grow(_values(counts[train], columns), is_type[train], options.n_trees, seed)
    balanced = draw_balanced(labels[testable], fit.cell_type, fit.scheme, rng)  # within testable
    probability = _probability(forest, counts, testable, columns)
    shuffled = testable[_at_most(balanced, PERMUTATION_CELLS, rng)]
    values = _values(counts[shuffled], columns)
    return Grown(
        _all_scores(is_type[testable], probability, balanced, len(train)),
        columns,
        forest.importances,
        permutation_importance(forest, values, is_type[shuffled], rng),
        probability,
    )


def _all_scores(is_type, probability, balanced: np.ndarray, n_train: int) -> dict[str, float]:
    n_cells = n_train + len(balanced)
    numbers = {"n_cells": n_cells, "n_positives": n_cells // 2, "prevalence": is_type.mean()}
    return score(is_type, probability, balanced) | numbers


def score(is_type: np.ndarray, probability: np.ndarray, balanced: np.ndarray) -> dict[str, float]:
    """Scores on the balanced draw of held-out cells, and on all of them.

    is_type and probability: (n_held_out,); balanced: indices of the draw. The natural figures are
    those of the type's own share among all held-out cells: average precision, and the largest
    recall at which the precision is at least ``PRECISION`` (0 where it never is).
    """
    label, p = is_type[balanced], probability[balanced]
    precision, recall, _ = sk.precision_recall_curve(is_type, probability)
    return {
        "accuracy": sk.accuracy_score(label, p > 0.5),
        "f1": sk.f1_score(label, p > 0.5, zero_division=0),
        "auroc": sk.roc_auc_score(label, p),
        "auprc": sk.average_precision_score(label, p),
        "natural_auprc": sk.average_precision_score(is_type, probability),
        "natural_recall": recall[precision >= PRECISION].max(),
    }


def _probability(
    forest: Forest, counts: sp.csr_matrix, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    chunks = np.array_split(rows, max(1, len(rows) // CHUNK_CELLS))
    return np.concatenate([forest.probability(_values(counts[chunk], columns)) for chunk in chunks])


def _values(counts: sp.csr_matrix, columns: np.ndarray) -> np.ndarray:
    """Log-normalised values of the genes ``columns``, by the counts of all, as a dense array."""
    return log_normalize(counts[:, columns], total_counts(counts)).toarray()


def _at_most(indices: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return indices if len(indices) <= n else np.sort(rng.choice(indices, n, replace=False))
