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

import os
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import scanpy as sc
from scipy import sparse
from scipy.optimize import nnls
from scipy.stats import rankdata
from tqdm import tqdm

from cellclassifier import command
from cellclassifier.errors import InputError

CYTOTOXIC_T, NAIVE_CYTOTOXIC = "CD8+ Cytotoxic T", "CD8+/CD45RA+ Naive Cytotoxic"
NK, B, CD34 = "CD56+ NK", "CD19+ B", "CD34+"
T_REG, MEMORY, NAIVE_T = "CD4+/CD25 T Reg", "CD4+/CD45RO+ Memory", "CD4+/CD45RA+/CD25- Naive T"
HELPER2, DENDRITIC, MONOCYTE = "CD4+ T Helper2", "Dendritic", "CD14+ Monocyte"

TYPES = (
    *(CYTOTOXIC_T, NAIVE_CYTOTOXIC, NK, T_REG, B, MEMORY, DENDRITIC, MONOCYTE),
    *(NAIVE_T, CD34, HELPER2),
)
CELLS_PER_TYPE = (20306, 16361, 8521, 6116, 5579, 3031, 1946, 1945, 1857, 189, 92)  # real file
MIN_CELLS_PER_TYPE = 8
MIN_GENES = 500

# The rule's exceptions: of these best matches, a second match that is listed becomes the label.
SECOND_WINS = {HELPER2: (T_REG, MEMORY, NAIVE_T), CYTOTOXIC_T: (NAIVE_CYTOTOXIC,)}
N_RULE_GENES = 1000

# Types that share expression; beside it, each type has its own.
GROUPS = {
    "myeloid": (MONOCYTE, DENDRITIC),
    "T and NK": (CYTOTOXIC_T, NAIVE_CYTOTOXIC, NK, T_REG, MEMORY, NAIVE_T, HELPER2),
    "T": (CYTOTOXIC_T, NAIVE_CYTOTOXIC, T_REG, MEMORY, NAIVE_T, HELPER2),
    "CD4": (T_REG, MEMORY, NAIVE_T, HELPER2),
    "cytotoxic": (CYTOTOXIC_T, NK),
    "naive": (NAIVE_CYTOTOXIC, NAIVE_T),
}
WITH_MARKERS = (NK, B, CD34, DENDRITIC, MONOCYTE)

CELLS_PER_CHUNK = 2000
PILOT_CELLS = (4000, 30000)  # least and most
MAX_DRAWS_PER_CELL = 50


@dataclass(frozen=True)
class Biology:
    """What the cells are like; every `_sd`, `_fold` and `silence` is in natural logarithms.

    The defaults bring methods near their published scores on the real file. Accuracy / macro-F1
    at full size (seed 0, one 70/15/15 split, test cells): random forest 0.70 / 0.57 (published
    0.68 / 0.49), logistic regression on log counts 0.84 / 0.77 (0.81 / 0.71), rank regression with
    the two exceptions 0.92 / 0.84 (on the real file nobody has measured it). So the simulation is a
    little easier than the real file, most of all in the rare types.
    """

    mean_log_sd: float = 2.0  # of mean expression over genes
    n_ribosomal: int = 80
    ribosomal_share: float = 0.4  # of all UMI
    median_umi: float = 1100.0
    umi_log_sd: float = 0.3
    dispersed_per_rule_gene: float = 1.03  # a few more than the rule takes
    dispersed_range: tuple[float, float] = (0.65, 0.995)  # quantiles of mean expression
    silence: float = 1.5  # how much less a dispersed gene is expressed away from its home
    home_fold: float = 3.5
    burst: float = 4.0  # further UMI per UMI of a dispersed gene
    group_sd: float = 0.3
    subset_sd: float = 0.5
    reference_noise: float = 0.6  # the purified cells were other cells
    n_programmes: int = 10  # activities that say nothing about the type
    programme_active: float = 0.2  # share of cells
    concentration: float = 4.0  # of the mixture of profiles in a cell
    cytotoxic_concentration: float = 2.0
    mixing: float = 0.3  # expected share of the neighbours' profiles
    cytotoxic_mixing: float = 0.6
    cd8_overlap: float = 0.8  # how much of a naive cytotoxic cell is cytotoxic


@dataclass(frozen=True)
class Population:
    """What cells are drawn from: K states are the T types, then the programmes."""

    biology: Biology
    cumulative: np.ndarray  # (K * n_genes,) cumulative expression of state k, from k to k + 1
    mixtures: np.ndarray  # (T, T) Dirichlet parameters of a source's mixture of types
    dispersed: np.ndarray  # (n_genes,) whether the gene is expressed in bursts
    references: np.ndarray  # (T, n_genes) profiles that cells are compared with


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
    population = make_population(n_genes, biology or Biology(), rng)
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


def make_population(n_genes: int, biology: Biology, rng: np.random.Generator) -> Population:
    """Draw the states of the cells and the reference profiles."""
    log_means, dispersed = _draw_genes(n_genes, biology, rng)
    states = np.exp(_draw_states(log_means, dispersed, biology, rng))
    states /= states.sum(axis=1, keepdims=True)
    cumulative = np.cumsum(states, axis=1)
    cumulative /= cumulative[:, -1:]
    types = np.log(states[: len(TYPES)])
    return Population(
        biology=biology,
        cumulative=(cumulative + np.arange(len(states))[:, None]).ravel(),
        mixtures=_mixture_parameters(types, biology),
        dispersed=np.isin(np.arange(n_genes), dispersed),
        references=_draw_references(types, biology, rng),
    )


def _draw_genes(n_genes, biology, rng):
    """Log mean expression of all genes, and the columns of the dispersed ones."""
    log_means = rng.normal(0, biology.mean_log_sd, n_genes)
    # A gene that no cell shows would not be in the real file.
    log_means = np.maximum(log_means, np.quantile(log_means, 0.05))
    low, high = np.quantile(log_means, biology.dispersed_range)
    n_ribosomal = min(biology.n_ribosomal, n_genes // 20)
    ribosomal = rng.choice(np.flatnonzero(log_means < low), n_ribosomal, replace=False)
    dispersed = rng.permutation(np.flatnonzero((log_means > low) & (log_means < high)))
    odds = biology.ribosomal_share / (1 - biology.ribosomal_share)
    level = np.log(np.exp(log_means).sum() * odds / n_ribosomal)
    log_means[ribosomal] = level + rng.normal(0, 0.6, n_ribosomal)
    n_dispersed = round(biology.dispersed_per_rule_gene * n_rule_genes(n_genes))
    return log_means, dispersed[:n_dispersed]


def _draw_states(log_means, dispersed, biology, rng):
    """Log expression of types and programmes, shape (n_states, n_genes).

    A dispersed gene is high in one home, a distinct type or a programme: being concentrated in few
    cells is what gives it a high dispersion whatever sample is drawn. Groups and types then shift
    the dispersed genes a little, and that is all that tells T subsets from each other.
    """
    n_states, n_dispersed = len(TYPES) + biology.n_programmes, len(dispersed)
    shifts = np.full((n_states, n_dispersed), -biology.silence)
    homes = [*map(TYPES.index, WITH_MARKERS), *range(len(TYPES), n_states)]
    home = rng.choice(homes, n_dispersed)
    shifts[home, np.arange(n_dispersed)] = biology.home_fold + rng.normal(0, 0.4, n_dispersed)
    for members in GROUPS.values():
        shifts[[*map(TYPES.index, members)]] += rng.normal(0, biology.group_sd, n_dispersed)
    shifts[: len(TYPES)] += rng.normal(0, biology.subset_sd, (len(TYPES), n_dispersed))
    states = np.tile(log_means, (n_states, 1))
    states[:, dispersed] += shifts
    return states


def _draw_references(types, biology, rng):
    references = types + rng.normal(0, biology.reference_noise, types.shape)
    # A generic profile is often the best match, so that the second decides: exception (b) matters.
    t_cells = references[[*map(TYPES.index, GROUPS["T"])]]
    references[TYPES.index(CYTOTOXIC_T)] = t_cells.mean(axis=0)
    return np.exp(references)


def _mixture_parameters(types, biology):
    """Dirichlet parameters (T, T): near types mix most; CD8 cells are a continuum of their own."""
    distance = 1 - np.corrcoef(types)
    np.fill_diagonal(distance, np.inf)
    nearness = np.exp(-distance / np.median(distance.min(axis=1)))
    nearness /= nearness.sum(axis=1, keepdims=True)
    shares = (1 - biology.mixing) * np.eye(len(TYPES)) + biology.mixing * nearness
    cytotoxic, naive = TYPES.index(CYTOTOXIC_T), TYPES.index(NAIVE_CYTOTOXIC)
    others = [TYPES.index(name) for name in GROUPS["T and NK"] if name not in TYPES[:2]]
    shares[naive] *= 1 - biology.cd8_overlap
    shares[naive, cytotoxic] += biology.cd8_overlap
    shares[cytotoxic] = 0
    shares[cytotoxic, cytotoxic] = 1 - biology.cytotoxic_mixing
    shares[cytotoxic, others] = biology.cytotoxic_mixing / len(others)
    concentration = np.full((len(TYPES), 1), biology.concentration)
    concentration[cytotoxic] = biology.cytotoxic_concentration
    return concentration * shares + 1e-9


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


def draw_cells(
    population: Population, sources: np.ndarray, n_cells: int, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Draw cells from sources of the given probabilities; returns counts and each cell's source.

    Every UMI is of one state of the cell's mixture, and its gene is drawn by inverse CDF.
    """
    biology, n_genes = population.biology, len(population.dispersed)
    source = rng.choice(len(TYPES), n_cells, p=sources)
    mixture = _draw_mixtures(population, source, rng)
    umi = rng.lognormal(np.log(biology.median_umi), biology.umi_log_sd, n_cells)
    umi = np.maximum(umi, 200).astype(int)
    umi_of_state = rng.multinomial(umi, mixture)
    state = np.tile(np.arange(mixture.shape[1]), n_cells).repeat(umi_of_state.ravel())
    gene = np.searchsorted(population.cumulative, state + rng.random(len(state)), side="right")
    gene = np.minimum(gene - state * n_genes, n_genes - 1)  # (n_umi,)
    cell = np.arange(n_cells).repeat(umi)
    ones = np.ones(len(gene), dtype=np.int32)
    counts = sparse.coo_matrix((ones, (cell, gene)), shape=(n_cells, n_genes)).tocsr()
    bursting = population.dispersed[counts.indices]
    further = rng.negative_binomial(counts.data[bursting], 1 / (1 + biology.burst))
    counts.data[bursting] += further.astype(np.int32)
    return counts, source


def _draw_mixtures(population, source, rng):
    """Share of each state in each cell, shape (n_cells, n_states)."""
    biology, n_cells = population.biology, len(source)
    types = rng.gamma(population.mixtures[source])
    types /= types.sum(axis=1, keepdims=True)
    active = rng.random(n_cells) < biology.programme_active
    share = np.where(active, rng.beta(2, 2, n_cells), 0)[:, None]
    programme = np.eye(biology.n_programmes)[rng.integers(0, biology.n_programmes, n_cells)]
    return np.hstack([types * (1 - share), programme * share])


def write_cells_npy(simulated: SimulatedCells, path: Path) -> None:
    """Write a pickled dict of UMI (csc), classes and gene_ids; no half-written file is left."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "UMI": simulated.counts.tocsc(),
        "classes": simulated.labels,
        "gene_ids": simulated.gene_ids,
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.save(file, np.array(content, dtype=object), allow_pickle=True)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
