"""Leave every study of blood out in turn: who names the cells of a laboratory that is new to him?

    python -m benchmarks.studies                       # tables (about 20 CPU minutes)
    python -m benchmarks.studies --methods geneformer  # another method beside those at hand
    python -m benchmarks.studies --record              # docs/records and docs/images

Models learn from the other laboratories' cells, at the common level of the Cell Ontology; the study
that was left out keeps all the genes of its file. Every method is fitted once per seed, on 85 % of
those cells, and chooses by the others; those that take long are fitted with the first seed only. Of
grids one point is fitted, as with --quick, and Geneformer learns from some of the cells. Plain
logistic regression and CellTypist (in an environment of its own, made on first use) learn from all
of them, once. Answers are kept in benchmarks/output/studies/, and are not computed again while
neither cells nor the method's code change.

Strangers: every type in turn is left out of training, and looked for in the study.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pandas as pd
import tyro

from benchmarks.common import ROOT, print_table
from benchmarks.data_sets import REPORTED_SEED
from benchmarks.kept import kept_path, key_of
from benchmarks.leaving_out.answers import (
    FOLDER,
    GENEFORMER,
    MOST_CELLS,
    VARIANTS,
    WITHOUT_SEED,
    fit,
    fit_other,
    kept_answers,
)
from benchmarks.leaving_out.cells import STUDIES, Study, left_out
from benchmarks.leaving_out.certainty import certainty_rows, certainty_table
from benchmarks.leaving_out.figure import MEAN, accuracy_of_studies
from benchmarks.leaving_out.others import CELLTYPIST, OTHERS
from benchmarks.leaving_out.strangers import strangers
from benchmarks.leaving_out.trial import LeftOut, opened
from benchmarks.records import FOLDER as RECORDS
from benchmarks.records import current_commit, read_record, write_record
from cellclassifier.models.methods import EVERY, require_known
from cellclassifier.output.files import atomic_path, write_figure

COMMAND = "python -m benchmarks.studies"
METHODS = (
    "logistic_regression",
    "rank_regression",
    "random_forest",
    "gbdt",
    "soft_vote",
    "augmented_regression",
    "augmented_network",
    "marker_network",
)
RECOMMENDED = "marker_network"
LONG = ("cellama", "cellular", "spoticell", "spoticell_mlp", GENEFORMER, *VARIANTS)
OURS = (*EVERY, *VARIANTS)
FIGURE = ROOT / "docs" / "images" / "studies.png"
# CellTypist's probabilities are each type's own, so that no sum of them is one; it is a process.
OF_NO_SUM = dict.fromkeys(("broad_right", "kept", "broad_ece", "cpu_seconds"))
IDS = ["method", "study"]


@dataclass(frozen=True)
class Config:
    """Options of the measurement."""

    methods: tuple[str, ...] = METHODS
    """methods to measure; tables hold all that were measured with these seeds"""

    seed: int = REPORTED_SEED
    """the first one; the others count up from it"""

    n_seeds: int = 3
    """how many fits of every method"""

    once: tuple[str, ...] = LONG
    """methods of which one fit is enough, as they take long"""

    studies: tuple[str, ...] = tuple(study.name for study in STUDIES)
    """which studies to leave out"""

    others: tuple[str, ...] = tuple(OTHERS)
    """other people's ways to measure"""

    strangers: bool = True
    """also leave types out of training, and look for them"""

    record: bool = False
    """also write docs/records and the figure in docs/images"""


def main(config: Config) -> None:
    """Print scores of every study, and what is called far."""
    require_known(config.methods, OURS)
    chosen = [study for study in STUDIES if study.name in config.studies]
    rows, found, certain = [], [], []
    for trial in filter(None, map(opened, chosen)):
        seeds = range(config.seed, config.seed + config.n_seeds)
        for seed, method in itertools.product(seeds, config.methods):
            if seed == config.seed or method not in config.once:
                fit(method, seed, trial)
        for name in config.others:
            fit_other(name, trial)
        rows += scores_at_hand(trial, seeds)
        for seed in seeds:
            answers = kept_answers(RECOMMENDED, trial, seed)
            certain += certainty_rows(trial, answers, seed) if answers else []
        if config.strangers:
            found.append(strangers_in(trial))
    table = over_seeds(with_means(pd.DataFrame(rows)))
    print_table("studies left out", table.set_index(IDS).round(3))
    if found:
        print_table("strangers in studies left out", pd.concat(found).round(3))
    certainties = certainty_table(certain) if certain else None
    if certainties is not None:
        print_table(f"certainty: names of {RECOMMENDED}", certainties.round(3))
    if config.record:
        _record(config, table, found, certainties)


def scores_at_hand(trial: LeftOut, seeds: range) -> list[dict]:
    """A row of scores for all answers at hand for a study."""
    of_methods = itertools.product(OURS, seeds)
    rows = []
    for method, seed in [*of_methods, *((name, WITHOUT_SEED) for name in OTHERS)]:
        answers = kept_answers(method, trial, seed)
        if answers:
            row = {"method": method, "study": trial.study.name, "seed": seed}
            row |= trial.scores(answers) | {"cpu_seconds": float(answers.seconds)}
            rows.append(row | (OF_NO_SUM if method == CELLTYPIST else {}))
    return rows


def strangers_in(trial: LeftOut) -> pd.DataFrame:
    """Rows of ``strangers``, computed once."""
    key = key_of(strangers.__module__, trial.known, trial.cells)
    path = kept_path(FOLDER, f"strangers-{trial.study.name}", key, ".csv")
    if not path.exists():
        with atomic_path(path) as temporary:
            strangers(trial.known, trial.cells).to_csv(temporary, index=False)
    return pd.read_csv(path, keep_default_na=False, na_values=[""]).assign(study=trial.study.name)


def with_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of every fit, with one for its mean over studies where it has named all of them."""
    n_studies = rows["study"].nunique()
    fits = rows.groupby(["method", "seed"], sort=False)
    whole = fits.filter(lambda of_fit: len(of_fit) == n_studies)
    means = whole.groupby(["method", "seed"], sort=False).mean(numeric_only=True).reset_index()
    return pd.concat([rows, means.assign(study=MEAN)], ignore_index=True)


def over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per method and study: mean (the metric's own name) and standard deviation.

    n_fits: of how many; fits: the same as a text that says what is special in them.
    """
    grouped = rows.drop(columns="seed").groupby(IDS, sort=False)
    std = grouped.std().add_suffix("_std").drop(columns=["n_known_std", "n_cells_std"])
    table = grouped.mean().join(std).join(grouped.size().rename("n_fits")).reset_index()
    fits = map(fits_text, table["method"], table["n_fits"])
    return table.assign(fits=list(fits))


def with_earlier(table: pd.DataFrame, commit: str) -> pd.DataFrame:
    """The table, and rows of methods that were recorded before and not measured again.

    commit: of the new rows; those of before keep theirs, which "fits" says.
    """
    if not (RECORDS / "studies.json").exists():
        return table.assign(commit=commit)
    record = read_record("studies")
    before = pd.DataFrame(record["rows"])
    before = before[~before["method"].isin(table["method"])]
    known = before["commit"] if "commit" in before else record["git_commit"]
    before = before.assign(commit=known)
    columns = before["method"], before["n_fits"].astype(int), before["commit"].str[:7]
    fits = [f"{fits_text(m, n)} ({c})" for m, n, c in zip(*columns, strict=True)]
    parts = table.assign(commit=commit), before.assign(fits=fits)
    both = pd.DataFrame([row for part in parts for row in part.to_dict("records")])
    place = {name: number for number, name in enumerate([*OURS, *OTHERS])}
    order = both["method"].map(place).argsort(kind="stable")
    return both.iloc[order].reset_index(drop=True)


def fits_text(method: str, n_fits: int) -> str:
    """How many fits there were, and what is special in them."""
    if method in OTHERS:
        return f"{n_fits}, not random"
    return f"{n_fits}, of {MOST_CELLS[method]:,} cells" if method in MOST_CELLS else str(n_fits)


def _record(
    config: Config,
    table: pd.DataFrame,
    found: list[pd.DataFrame],
    certainties: pd.DataFrame | None,
) -> None:
    """Write docs/records and the figure."""
    seeds = list(range(config.seed, config.seed + config.n_seeds))
    data = {study.name: _described(study) for study in STUDIES}
    table = with_earlier(table, current_commit())
    print(write_record("studies", COMMAND, table, seeds, data))
    write_figure(FIGURE, accuracy_of_studies(table))
    if found:
        print(write_record("strangers", COMMAND, pd.concat(found), seeds[:1], data))
    if certainties is not None:
        print(write_record("certainty", COMMAND, certainties, seeds, data))


def _described(study: Study) -> dict:
    cells = left_out(study)
    return {} if cells is None else cells.uns["source"]


if __name__ == "__main__":
    main(tyro.cli(Config))
