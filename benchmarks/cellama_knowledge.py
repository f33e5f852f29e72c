"""Does all-MiniLM-L6-v2 know genes, or is it a hash of tokens? Sentences changed, and read again.

    python -m benchmarks.cellama_knowledge           # needs all-MiniLM-L6-v2 at hand
    python -m benchmarks.cellama_knowledge --record  # also docs/records/cellama_knowledge.json

Zero-shot, on 640 training and 400 test cells of the FACS-sorted PBMC a split, the 40 leading genes
of each: the published template, bare symbols, every gene renamed at random (the same new name in
all cells: what a gene is called is lost, what cells share is not), genes in the order of the
alphabet (rank is lost), and one token per gene. Beside it truncated SVD of the bags of genes, which
never saw a word of language. Named by 1, 5 or 15 nearest neighbours, or by logistic regression on
the vectors. Outputs, under benchmarks/output/cellama/: knowledge.csv, knowledge.png.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
import pandas as pd
import tyro
from sklearn.metrics import accuracy_score, f1_score
from threadpoolctl import threadpool_limits

from benchmarks.common import OUTPUT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED, SORTED
from benchmarks.records import write_record
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.read import read_cells
from cellclassifier.models.cellama.classifier import genes_by_symbol
from cellclassifier.models.cellama.encoder import Lesson
from cellclassifier.models.cellama.encoders import encoder_class, head_class
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellama.ranking import learn_scale, top_genes
from cellclassifier.models.cellama.sentences import CellSentences
from cellclassifier.output.files import write_figure
from cellclassifier.output.tables import write_csv
from cellclassifier.plots.cellama import knowledge
from cellclassifier.protocol.splits import split_cells, subsample

COMMAND = "python -m benchmarks.cellama_knowledge"
N_TRAIN, N_TEST, N_TOP = 640, 400, 40
PIECES = CellamaOptions(encoder="minilm", words="pieces", n_top=N_TOP).decided()
# What is read, and how the sentences are changed before.
WAYS = {
    "template": (replace(PIECES, style="template"), None),
    "bare symbols": (PIECES, None),
    "genes renamed": (PIECES, "rename"),
    "order removed": (PIECES, "sort"),
    "one token per gene": (replace(PIECES, words="genes"), None),
    "one token, renamed": (replace(PIECES, words="genes"), "rename"),
    "no language (LSA)": (CellamaOptions(fine_tune="none", n_top=N_TOP).decided(), None),
}
NAMED_BY = ("1 neighbour", "5 neighbours", "15 neighbours", "regression")


@dataclass(frozen=True)
class Config:
    """Options of the benchmark."""

    seeds: tuple[int, ...] = (REPORTED_SEED, REPORTED_SEED + 1, REPORTED_SEED + 2)
    """of the subsets"""

    record: bool = False
    """also write docs/records/cellama_knowledge.json"""


def main(config: Config) -> None:
    """Print macro-F1 of every way to write and to name."""
    path = shared_data(SORTED.file)
    if path is None:
        raise SystemExit("shared/data/cells.npy is not there: nothing to measure")
    cells, rows = read_cells(path), []
    for seed in config.seeds:
        with threadpool_limits(1):
            rows += of_seed(cells, seed)
        print(pd.DataFrame(rows).query("seed == @seed").to_string(), flush=True)
    found = pd.DataFrame(rows)
    table = summary(found)
    print_table("CELLama knowledge: sentences changed", table)
    write_csv(OUTPUT / "cellama" / "knowledge.csv", table)
    write_figure(OUTPUT / "cellama" / "knowledge.png", knowledge(table, len(config.seeds)))
    if config.record:
        about = {SORTED.name: cells.uns["source"]}
        print(write_record("cellama_knowledge", COMMAND, table, list(config.seeds), about))


def of_seed(cells: ad.AnnData, seed: int) -> list[dict]:
    """Scores of one subset, a row per way to write and to name."""
    labels = cells.obs["cell_type"].to_numpy(str)
    part = split_cells(labels, seed)
    train = pick(np.flatnonzero(part == "train"), labels, N_TRAIN, seed)
    test = pick(np.flatnonzero(part == "test"), labels, N_TEST, seed)
    codes = np.unique(labels, return_inverse=True)[1]
    written = sentences(cells, train)
    rows = []
    for way, (options, change) in WAYS.items():
        read = changed(written, change, seed)
        encoder = encoder_class(options.encoder)(options, seed)
        encoder.learn(Lesson(read[train]))
        x, new = encoder.vectors(read[train]), encoder.vectors(read[test])
        for named_by in NAMED_BY:
            predicted = named(named_by, x, codes[train], new, seed)
            macro_f1 = f1_score(codes[test], predicted, average="macro")
            scores = {"macro_f1": macro_f1, "accuracy": accuracy_score(codes[test], predicted)}
            rows.append({"sentence": way, "named_by": named_by, "seed": seed} | scores)
    return rows


def pick(rows: np.ndarray, labels: np.ndarray, n_cells: int, seed: int) -> np.ndarray:
    """At most so many of the rows, within types."""
    return rows[subsample(labels[rows], n_cells, seed)]


def sentences(cells: ad.AnnData, train: np.ndarray) -> CellSentences:
    """Of all cells, ranked by what the training cells tell."""
    genes, symbols = genes_by_symbol(cells[train].copy())
    counts = GeneCounts.of(cells, genes)
    known = counts[train]
    scale = learn_scale("specific", known.counts, known.totals)
    none = pd.DataFrame(index=cells.obs_names)
    return CellSentences(top_genes(counts.counts, scale, N_TOP), symbols, none)


def changed(written: CellSentences, change: str | None, seed: int) -> CellSentences:
    """The sentences with genes renamed, or in the order of the alphabet."""
    if change == "rename":
        return written.renamed(np.random.default_rng(seed).permutation(written.symbols))
    if change == "sort":
        last = np.iinfo(np.int32).max
        ordered = np.sort(np.where(written.ranked < 0, last, written.ranked), axis=1)
        return replace(written, ranked=np.where(ordered == last, -1, ordered).astype(np.int32))
    return written


def named(by: str, x: np.ndarray, codes: np.ndarray, new: np.ndarray, seed: int) -> np.ndarray:
    """Types of new vectors by neighbours or by regression."""
    n_types = int(codes.max()) + 1
    if by == "regression":
        head = head_class("regression")(CellamaOptions(), seed)
    else:
        head = head_class("neighbours")(CellamaOptions(k=int(by.split()[0])), seed)
    head.fit(x, codes, n_types, None)
    return head.outputs(new)[0].argmax(axis=1)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the subsets."""
    means = found.groupby(["sentence", "named_by"], sort=False)[["macro_f1", "accuracy"]]
    table = means.agg(["mean", "std"]).fillna(0)
    table.columns = [f"{metric}_{statistic}" for metric, statistic in table.columns]
    return table.reset_index()


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
