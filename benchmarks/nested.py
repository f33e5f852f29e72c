"""The choice of a method for other laboratories, made without the study that it is scored on.

    python -m benchmarks.nested             # about 3 CPU minutes, once benchmarks.studies was run
    python -m benchmarks.nested --record    # also docs/records

For every study that is left out the other studies name each other: a network of one of them, with
labels as they are or turned by markers, each cell by itself or averaged over neighbours, names the
next. What names most there as the authors did is chosen, and scored on the study that was left out,
by the answers of benchmarks.studies. So the score knows nothing of the study it is of, other than
that these four candidates are worth a try.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import tyro

from benchmarks.across import shared_genes
from benchmarks.common import print_table
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.leaving_out.answers import fit, kept_answers
from benchmarks.leaving_out.cells import STUDIES, Study, at_hand
from benchmarks.leaving_out.figure import MEAN
from benchmarks.leaving_out.trial import LeftOut, opened
from benchmarks.records import write_record

COMMAND = "python -m benchmarks.nested"
METHODS = ("augmented_network", "marker_network")
WAYS = {"accuracy": "", "averaged_accuracy": ", averaged"}


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    tuning_seed: int = 42
    """of the fits that the choice is made by"""

    seed: int = REPORTED_SEED
    """of the first fit that is scored"""

    n_seeds: int = 3
    """how many of them"""

    record: bool = False
    """also write docs/records/nested.json"""


def main(config: Config) -> None:
    """Print what was chosen for every study, and how it scores there."""
    trials = filter(None, map(opened, STUDIES))
    table = with_mean(pd.DataFrame([row_of(trial, config) for trial in trials]))
    print_table("nested: chosen without the study that is left out", table.round(3))
    if config.record:
        seeds = [config.tuning_seed, *seeds_of(config)]
        data = {study.name: at_hand(study.file).uns["source"] for study in STUDIES}
        print(write_record("nested", COMMAND, table, seeds, data))


def row_of(outer: LeftOut, config: Config) -> dict:
    """Inner accuracy of every candidate, the best of them, and its accuracy on the study."""
    inner = inner_scores(outer, config.tuning_seed)
    method, way = max(inner, key=inner.get)
    answers = [kept_answers(method, outer, seed) for seed in seeds_of(config)]
    found = [outer.scores(each)[way] for each in answers if each]
    return {
        "study": outer.study.name,
        **{named(*candidate): score for candidate, score in inner.items()},
        "chosen": named(method, way),
        "outer_accuracy": np.mean(found) if found else None,
    }


def inner_scores(outer: LeftOut, seed: int) -> dict[tuple[str, str], float]:
    """Accuracy of every candidate where the other studies name each other, mean over them."""
    found = {candidate: [] for candidate in itertools.product(METHODS, WAYS)}
    for trial, method in itertools.product(inner_trials(outer), METHODS):
        fit(method, seed, trial)
        scores = trial.scores(kept_answers(method, trial, seed))
        for way in WAYS:
            found[method, way].append(scores[way])
    return {candidate: float(np.mean(scores)) for candidate, scores in found.items()}


def inner_trials(outer: LeftOut) -> Iterator[LeftOut]:
    """Each of the other studies, left to a model of one other."""
    for learned, named_by_it in itertools.permutations(outer.study.training, 2):
        known, cells = at_hand(learned), at_hand(named_by_it)
        if outer.study.file is None:  # which has few genes
            known, cells = (shared_genes(each, outer.cells.var) for each in (known, cells))
        name = f"{named_by_it} by {learned}, for {outer.study.name}"
        yield LeftOut(Study(name, named_by_it, (learned,)), cells, known)


def named(method: str, way: str) -> str:
    """A candidate, in words."""
    return f"{method}{WAYS[way]}"


def seeds_of(config: Config) -> range:
    """Of the fits that are scored."""
    return range(config.seed, config.seed + config.n_seeds)


def with_mean(table: pd.DataFrame) -> pd.DataFrame:
    """The same with a row for the mean over studies."""
    mean = {"study": MEAN, "outer_accuracy": table["outer_accuracy"].mean()}
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True)


if __name__ == "__main__":
    main(tyro.cli(Config))
