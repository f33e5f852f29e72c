"""CELLama's encoders and heads on the FACS-sorted cells, and what each costs.

    python -m benchmarks.cellama                     # bag, LSA and neighbours, gene-bert
    python -m benchmarks.cellama --minilm            # all-MiniLM-L6-v2, too, where it is at hand
    python -m benchmarks.cellama --record            # also docs/records/cellama.json, of which
                                                     # rows that were not run stay

Three splits from 142 on. Seconds are those of the processor (user and system), one thread.
Outputs, under benchmarks/output/cellama/: cellama.csv, and each method's rows as soon as they are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import tyro
from threadpoolctl import threadpool_limits

from benchmarks.common import OUTPUT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED, SORTED
from benchmarks.records import FOLDER, read_record, write_record
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.read import read_cells
from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.output.tables import write_csv
from cellclassifier.protocol.evaluation import evaluate
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all

COMMAND = "python -m benchmarks.cellama"
VARIANTS = {
    "bag of 128 genes, softmax (default)": {},
    "bag of 64 genes, softmax": {"n_top": 64},
    "bag without labels (LSA), 15 neighbours": {"fine_tune": "none", "head": "neighbours"},
    "gene-bert, softmax": {"encoder": "gene-bert"},
}
OF_MINILM = {
    "minilm, regression": {"encoder": "minilm"},
    "minilm, 15 neighbours": {"encoder": "minilm", "head": "neighbours"},
    "minilm fine-tuned by labels, regression": {"encoder": "minilm", "fine_tune": "labels"},
    "minilm fine-tuned by PCA cosines, regression": {"encoder": "minilm", "fine_tune": "pca"},
}
SPEED_CELLS = 1000


@dataclass(frozen=True)
class Config:
    """Options of the benchmark."""

    minilm: bool = False
    """also all-MiniLM-L6-v2"""

    only: tuple[str, ...] = ()
    """only variants whose names hold one of these texts"""

    n_splits: int = 3
    """splits, from 142 on"""

    record: bool = False
    """also write docs/records/cellama.json"""


def main(config: Config) -> None:
    """Print a row per variant: mean and standard deviation over splits."""
    path = shared_data(SORTED.file)
    if path is None:
        raise SystemExit("shared/data/cells.npy is not there: nothing to measure")
    cells = read_cells(path)
    parts = split_all(cells, SplitOptions(seed=REPORTED_SEED, n_splits=config.n_splits))
    wanted = VARIANTS | (OF_MINILM if config.minilm else {})
    if config.only:
        wanted = {k: v for k, v in wanted.items() if any(text in k for text in config.only)}
    rows = []
    for name, chosen in wanted.items():
        with threadpool_limits(1):
            found = [one_split(cells, parts[split], split, chosen) for split in parts.columns]
        rows.append({"variant": name, "n_splits": len(found)} | summary(pd.DataFrame(found)))
        write_csv(OUTPUT / "cellama" / "cellama.csv", pd.DataFrame(rows))
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    print_table("CELLama: encoders and heads", table)
    if config.record:
        table = with_recorded(table)
        print(write_record("cellama", COMMAND, table, list(parts.columns), about(cells)))


def with_recorded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the recorded rows of variants that were not run, in the order of all."""
    if (FOLDER / "cellama.json").exists():
        known = pd.DataFrame(read_record("cellama")["rows"])
        table = pd.concat([table, known[~known["variant"].isin(table["variant"])]])
    order = {name: i for i, name in enumerate([*VARIANTS, *OF_MINILM])}
    return table.sort_values("variant", key=lambda names: names.map(order), ignore_index=True)


def one_split(cells, parts: pd.Series, split: int, chosen: dict) -> dict:
    """Test scores of one split, processor seconds of fit, and cells a processor second embeds."""
    model = CellamaClassifier(CellamaOptions(**chosen), seed=split)
    fit, seconds = model._fit, {}

    def timed(*arguments) -> None:
        start = time.process_time()
        fit(*arguments)
        seconds["fit"] = time.process_time() - start

    model._fit = timed
    result = evaluate(model, cells, parts, split)
    test = result.scores.set_index("part").loc["test"]
    return {
        "macro_f1": test["macro_f1"],
        "accuracy": test["accuracy"],
        "fit_cpu_seconds": seconds["fit"],
        **speeds(model, model.align(cells[:SPEED_CELLS].copy())),
    }


def speeds(model: CellamaClassifier, cells: GeneCounts) -> dict[str, float]:
    """Cells per processor second: from counts to sentences, and from these to vectors."""
    model.encoder_.vectors(model.sentences(cells[:50]))  # libraries warm up
    start = time.process_time()
    sentences = model.sentences(cells)
    ranked = time.process_time()
    model.encoder_.vectors(sentences)
    done = time.process_time()
    return {
        "sentences_per_second": len(cells) / max(ranked - start, 1e-9),
        "vectors_per_second": len(cells) / max(done - ranked, 1e-9),
    }


def summary(table: pd.DataFrame) -> dict:
    """Mean of each column, and standard deviation of the scores, None of a single split."""
    found = {}
    for name in table.columns:
        is_score = name in ("macro_f1", "accuracy")
        found[f"{name}_mean" if is_score else name] = float(np.mean(table[name]))
        if is_score:
            found[f"{name}_std"] = float(np.std(table[name], ddof=1)) if len(table) > 1 else None
    return found


def about(cells) -> dict[str, dict]:
    """The data of the record."""
    return {SORTED.name: cells.uns["source"]}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
