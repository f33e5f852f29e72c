"""CELLama's encoders and heads on the FACS-sorted cells, and what each costs.

    python -m benchmarks.cellama                     # bag, LSA and neighbours, gene-bert
    python -m benchmarks.cellama --minilm            # all-MiniLM-L6-v2, too, where it is at hand
    python -m benchmarks.cellama --only bag          # some variants
    python -m benchmarks.cellama --minilm --kept --record
                                                     # docs/records/cellama.json of what is kept

Splits from 142 on. Seconds are those of the processor (user and system), one thread.
Outputs, under benchmarks/output/cellama/: cellama.csv, and in parts/ a file per variant and split
with the commit that it was measured at, which is not measured again (--fresh does).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import tyro
from threadpoolctl import threadpool_limits

from benchmarks.common import OUTPUT, print_table, shared_data
from benchmarks.data_sets import REPORTED_SEED, SORTED
from benchmarks.records import current_commit, write_record
from cellclassifier.data.gene_counts import GeneCounts
from cellclassifier.data.read import read_cells
from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.output.files import write_json
from cellclassifier.output.tables import write_csv
from cellclassifier.protocol.evaluation import evaluate
from cellclassifier.protocol.options import SplitOptions
from cellclassifier.protocol.splits import split_all

COMMAND = "python -m benchmarks.cellama"
VARIANTS = {
    "bag of 192 genes, softmax (default)": {},
    "bag of 128 genes, softmax": {"n_top": 128},
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
FIGURES = (
    "macro_f1",
    "accuracy",
    "fit_cpu_seconds",
    "sentences_per_second",
    "vectors_per_second",
)
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

    kept: bool = False
    """tables of what is kept, measuring nothing"""

    fresh: bool = False
    """measure again what is kept"""

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
    for name in wanted:
        found = [kept_or_measured(name, cells, parts[split], config) for split in parts.columns]
        found = [part for part in found if part]
        if found:
            rows.append({"variant": name} | summary(pd.DataFrame(found)))
            write_csv(OUTPUT / "cellama" / "cellama.csv", pd.DataFrame(rows))
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    print_table("CELLama: encoders and heads", table)
    if config.record:
        print(write_record("cellama", COMMAND, table, list(parts.columns), about(cells)))


def kept_or_measured(name: str, cells, parts: pd.Series, config: Config) -> dict | None:
    """Figures of a variant on one split, from its file where one of the same options is there."""
    chosen, split = CellamaOptions(**(VARIANTS | OF_MINILM)[name]).decided(), int(parts.name)
    path = OUTPUT / "cellama" / "parts" / f"{name}-{split}.json"
    made_by = {"variant": name, "options": json.loads(json.dumps(asdict(chosen)))}
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if made_by.items() <= known.items() and not config.fresh:
        return known
    if config.kept:
        return None
    with threadpool_limits(1):
        found = one_split(cells, parts, split, chosen)
    found = made_by | {"split": split, "git_commit": current_commit()} | found
    write_json(path, found)
    return found


def one_split(cells, parts: pd.Series, split: int, chosen: CellamaOptions) -> dict:
    """Test scores of one split, processor seconds of fit, and cells a processor second embeds."""
    model = CellamaClassifier(chosen, seed=split)
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
    sentences = model.sentences(cells)
    model.encoder_.vectors(sentences[np.arange(50)])  # libraries warm up
    return {
        "sentences_per_second": len(cells) / seconds_of(lambda: model.sentences(cells)),
        "vectors_per_second": len(cells) / seconds_of(lambda: model.encoder_.vectors(sentences)),
    }


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds that it takes, on average over one such second or more."""
    start, n_times = time.process_time(), 0
    while time.process_time() - start < 1:
        work()
        n_times += 1
    return (time.process_time() - start) / n_times


def summary(parts: pd.DataFrame) -> dict:
    """Mean of every figure, standard deviation of the scores (None of one split), and commits."""
    found = {"n_splits": len(parts)}
    for name in FIGURES:
        is_score = name in ("macro_f1", "accuracy")
        found[f"{name}_mean" if is_score else name] = float(parts[name].mean())
        if is_score:
            found[f"{name}_std"] = float(parts[name].std(ddof=1)) if len(parts) > 1 else None
    commits = parts["git_commit"].str.removesuffix("-dirty").str[:7]
    return found | {"commits": ", ".join(dict.fromkeys(commits))}


def about(cells) -> dict[str, dict]:
    """The data of the record."""
    return {SORTED.name: cells.uns["source"]}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
