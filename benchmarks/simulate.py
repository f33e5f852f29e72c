"""Simulate a `cells.npy` with the shape, class counts and labelling rule of the 68k PBMC file.

    python -m benchmarks.simulate --output data/simulated/cells.npy

The labels of the real file (Zheng et al. 2017, doi 10.1038/ncomms14049) were computed from its own
counts, and so are these: per cell, the best Spearman correlation with 11 reference profiles over
the 1,000 most dispersed genes, with two exceptions (`SECOND_WINS`). Cells are drawn from states
between the profiles and kept while their computed label is still wanted, so the class counts are
exact. The 1,000 genes depend on the cells and the cells on the genes; they are chosen on a pilot
draw, and 99.1 % of the 1,000 most dispersed genes of the finished file are among them (full size,
seed 0).

Ranks are computed here without the package, so that the file is an independent check of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import scanpy as sc
from scipy import sparse
from scipy.optimize import nnls
from scipy.stats import rankdata
from tqdm import tqdm

from benchmarks.population import (
    CYTOTOXIC_T,
    HELPER2,
    MEMORY,
    NAIVE_CYTOTOXIC,
    NAIVE_T,
    T_REG,
    TYPES,
    Biology,
    Population,
    draw_cells,
    make_population,
)
from cellclassifier import cli as command
from cellclassifier.errors import InputError
from cellclassifier.output.files import atomic_path

CELLS_PER_TYPE = (20306, 16361, 8521, 6116, 5579, 3031, 1946, 1945, 1857, 189, 92)  # real file
MIN_CELLS_PER_TYPE = 8
MIN_GENES = 500

# The rule's exceptions: of these best matches, a second match that is listed becomes the label.
SECOND_WINS = {HELPER2: (T_REG, MEMORY, NAIVE_T), CYTOTOXIC_T: (NAIVE_CYTOTOXIC,)}
N_RULE_GENES = 1000

CELLS_PER_CHUNK = 2000
PILOT_CELLS = (4000, 30000)  # least and most
MAX_DRAWS_PER_CELL = 50


@dataclass(frozen=True)
class SimulatedCells:
    """Cells with the labels that the rule gives them."""

    counts: sparse.csr_matrix  # (n_cells, n_genes) UMI, int32
    labels: np.ndarray
    gene_ids: np.ndarray
    references: np.ndarray  # (11, n_genes) reference profiles in the order of `TYPES`
    rule_genes: np.ndarray  # columns that the rule looks at
    acceptance: float  # kept cells per drawn cell


def simulate_cells(
    n_cells: int = 65943,
    n_genes: int = 16769,
    seed: int = 0,
    biology: Biology | None = None,
    progress: bool = False,
) -> SimulatedCells:
    """Draw cells until every type has its share of the real file's class counts.

    The same arguments give the same cells. Raises InputError for fewer than 88 cells (8 per type)
    or 500 genes, and RuntimeError if a type is so rare among the drawn cells that drawing would
    not end.
    """
    quota = scale_class_counts(n_cells)
    if n_genes < MIN_GENES:
        raise InputError(f"{n_genes} genes asked for; the simulation needs at least {MIN_GENES}.")
    rng = np.random.default_rng(seed)
    biology = biology or Biology()
    n_dispersed = round(biology.dispersed_per_rule_gene * n_rule_genes(n_genes))
    population = make_population(n_genes, n_dispersed, biology, rng)
    genes = choose_rule_genes(population, quota, rng)
    counts, labels, n_drawn = draw_until_full(population, genes, quota, rng, progress)
    order = rng.permutation(n_cells)  # the last drawn are of rare types only
    return SimulatedCells(
        counts=counts[order],
        labels=labels[order],
        gene_ids=np.array([f"ENSG9{i:010d}" for i in range(n_genes)]),  # ids that no real gene has
        references=population.references,
        rule_genes=genes,
        acceptance=n_cells / n_drawn,
    )


def apply_labelling_rule(correlations: np.ndarray, types: tuple[str, ...] = TYPES) -> np.ndarray:
    """Name each cell by its best match, or by its second where `SECOND_WINS` says so.

    `correlations` has shape (n_cells, n_types), columns in the order of `types`.
    """
    order = np.argsort(-correlations, axis=1, kind="stable")
    best, second = np.asarray(types)[order[:, :2]].T
    labels = best.copy()
    for first, seconds in SECOND_WINS.items():
        exception = (best == first) & np.isin(second, seconds)
        labels[exception] = second[exception]
    return labels


def correlate(counts: sparse.csr_matrix, references: np.ndarray) -> np.ndarray:
    """Spearman correlation of each cell with each profile, shape (n_cells, n_profiles)."""
    cells = _standardised_ranks(counts.toarray())
    return cells @ _standardised_ranks(references).T / references.shape[1]


def _standardised_ranks(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = ranks.std(axis=1, keepdims=True)
    return ranks / np.where(spread > 0, spread, 1)


def most_dispersed_genes(counts: sparse.csr_matrix, n_top: int = N_RULE_GENES) -> np.ndarray:
    """Columns of highest normalised dispersion (Zheng et al. 2017), in ascending order."""
    seen = np.flatnonzero(counts.getnnz(axis=0))
    cells = ad.AnnData(counts[:, seen].astype(np.float32))
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    sc.pp.highly_variable_genes(cells, flavor="cell_ranger", n_top_genes=n_top)
    return seen[cells.var["highly_variable"].to_numpy()]


def scale_class_counts(n_cells: int) -> np.ndarray:
    """Cells per type in the order of `TYPES`: at least 8, the rest by largest remainder."""
    least = MIN_CELLS_PER_TYPE * len(TYPES)
    if n_cells < least:
        raise InputError(f"{n_cells} cells asked for; {len(TYPES)} types need at least {least}.")
    real = np.array(CELLS_PER_TYPE)
    above = np.maximum(real * n_cells / real.sum() - MIN_CELLS_PER_TYPE, 0)
    share = above * (n_cells - least) / max(above.sum(), 1e-9)
    counts = np.floor(share + 1e-9).astype(int)
    largest = np.argsort(counts - share, kind="stable")
    counts[largest[: n_cells - least - counts.sum()]] += 1
    return counts + MIN_CELLS_PER_TYPE


def n_rule_genes(n_genes: int) -> int:
    """1,000, or a tenth of fewer than 10,000 genes: more could not all be exceptional."""
    return min(N_RULE_GENES, n_genes // 10)


def choose_rule_genes(
    population: Population, quota: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Choose the genes of the rule on a pilot draw, whose sources stand for the types."""
    n_pilot = int(np.clip(quota.sum(), *PILOT_CELLS))
    chunks = [
        draw_cells(population, quota / quota.sum(), min(CELLS_PER_CHUNK, n_pilot - start), rng)[0]
        for start in range(0, n_pilot, CELLS_PER_CHUNK)
    ]
    pilot = sparse.vstack(chunks, format="csr")
    return most_dispersed_genes(pilot, n_rule_genes(pilot.shape[1]))


def draw_until_full(
    population: Population,
    genes: np.ndarray,
    quota: np.ndarray,
    rng: np.random.Generator,
    progress: bool = False,
) -> tuple[sparse.csr_matrix, np.ndarray, int]:
    """Draw cells and keep those whose label is still wanted; returns counts, labels, number drawn.

    The sources of each chunk are chosen by the labels that each source gave so far.
    """
    wanted, limit, n_drawn = quota.copy(), MAX_DRAWS_PER_CELL * quota.sum() + 100_000, 0
    seen = 5 * np.eye(len(TYPES)) + 0.5  # labels by source; first guess: a source gives its own
    kept, labels = [], []
    with tqdm(total=quota.sum(), unit="cell", disable=not progress) as bar:
        while wanted.any():
            if n_drawn > limit:
                raise RuntimeError(f"{n_drawn} cells drawn, still wanted: {wanted} of {TYPES}.")
            sources = _open_sources(seen, wanted)
            counts, source = draw_cells(population, sources, CELLS_PER_CHUNK, rng)
            label = apply_labelling_rule(
                correlate(counts[:, genes], population.references[:, genes])
            )
            keep = _take_wanted(label, source, wanted, seen)
            kept.append(counts[keep])
            labels.append(label[keep])
            n_drawn += len(label)
            bar.update(len(keep))
    return sparse.vstack(kept, format="csr"), np.concatenate(labels), n_drawn


def _open_sources(seen, wanted):
    """Probabilities of the sources whose labels come nearest to what is wanted."""
    rates = seen / seen.sum(axis=1, keepdims=True)
    weights = 1 / np.sqrt(np.maximum(wanted, 1))  # or else rare types would not count
    sources, _ = nnls(rates.T * weights[:, None], wanted * weights)
    sources += 0.005 * sources.sum()
    return sources / sources.sum()


def _take_wanted(label, source, wanted, seen):
    """Rows to keep, ascending; takes them off `wanted` and adds all labels to `seen`."""
    keep = []
    for index, name in enumerate(TYPES):
        rows = np.flatnonzero(label == name)
        seen[:, index] += np.bincount(source[rows], minlength=len(TYPES))
        rows = rows[: wanted[index]]
        wanted[index] -= len(rows)
        keep.append(rows)
    return np.sort(np.concatenate(keep))


def write_cells_npy(simulated: SimulatedCells, path: Path) -> None:
    """Write a pickled dict of UMI (csc), classes and gene_ids; no half-written file is left."""
    content = {
        "UMI": simulated.counts.tocsc(),
        "classes": simulated.labels,
        "gene_ids": simulated.gene_ids,
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(content, dtype=object), allow_pickle=True)


@dataclass(frozen=True)
class Config:
    """Options of the simulation."""

    output: Path = Path("data/simulated/cells.npy")
    """file to write"""

    n_cells: int = 65943
    """cells; the class counts of the real file are scaled to it"""

    n_genes: int = 16769
    """genes"""

    seed: int = 0
    """the same seed gives the same file"""


def main(config: Config) -> None:
    """Simulate the cells and write them."""
    cells = simulate_cells(config.n_cells, config.n_genes, config.seed, progress=True)
    write_cells_npy(cells, config.output)
    n_cells, n_genes = cells.counts.shape
    expressed = cells.counts.nnz / n_cells
    print(f"{n_cells} cells x {n_genes} genes, {expressed:.0f} genes per cell: {config.output}")


if __name__ == "__main__":
    command.run(main, Config, __doc__)
