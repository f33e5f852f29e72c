"""What a comparison found: its tables, and what figures and a person at the shell need of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import anndata as ad
import numpy as np
import pandas as pd

from cellclassifier.comparison.agreement import agreement, distance_of_errors, hard_cells
from cellclassifier.comparison.plan import PLAIN, Part
from cellclassifier.comparison.tables import comparison_table, not_run, predictions_of
from cellclassifier.protocol import paired
from cellclassifier.protocol.answers import Answers
from cellclassifier.protocol.experiment import Run

NO_GENES = "majority"  # the method that looks at no gene: it agrees with nobody, and errs on most


class Results:
    """done, missing: of ``finished_parts``; absent: methods that are not installed, and why.

    peers: rows of ``comparison.csv`` of methods that are not of this house.
    """

    def __init__(
        self,
        run: Run,
        cells: ad.AnnData,
        parts: pd.DataFrame,
        done: Mapping[Part, dict[str, pd.DataFrame]],
        missing: Mapping[Part, str],
        absent: Mapping[str, str],
        peers: pd.DataFrame | None = None,
    ):
        self.run, self.cells, self.parts = run, cells, parts
        self.done, self.missing, self.absent = done, missing, absent
        self.source, self.peers = run.source, peers

    @cached_property
    def table(self) -> pd.DataFrame:
        """results/comparison.csv."""
        known = comparison_table(self.done, self.missing)
        others = [not_run(self.absent), self.peers]
        others = [table for table in others if table is not None and len(table)]
        if not others:
            return known
        return pd.concat([known, *others], ignore_index=True)[known.columns]

    @cached_property
    def compared(self) -> paired.Comparison:
        """Plain scores with intervals, and every pair, over the splits that two have in common."""
        answers: dict[str, dict[int, Answers]] = {}
        for part, tables in self.done.items():
            if part.trial == PLAIN:
                answers.setdefault(part.method, {})[part.split] = Answers.of(tables["predictions"])
        return paired.compare(answers)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Macro-F1 of the plain splits, best first: index method, mean, low, high, n_splits."""
        rows = self.compared.scores
        rows = rows[rows["metric"] == "macro_f1"].set_index("method")
        splits = pd.Series([part.method for part in self.done if part.trial == PLAIN])
        rows = rows[["mean", "low", "high"]].assign(n_splits=splits.value_counts())
        return rows.sort_values("mean", ascending=False, kind="stable")

    @cached_property
    def predictions(self) -> dict[str, pd.DataFrame]:
        """Test cells of the first split, of every method that looks at genes."""
        found = predictions_of(self.done, int(self.parts.columns[0]))
        return {name: rows for name, rows in found.items() if name != NO_GENES}

    @cached_property
    def hard(self) -> pd.DataFrame:
        """Cells of the first split that every method gets wrong."""
        if len(self.predictions) < 2:
            return pd.DataFrame(columns=["cell", "cell_type", "called"])
        train = np.flatnonzero(self.parts.iloc[:, 0] == "train")
        return hard_cells(self.predictions, self.cells, train)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Of every two methods on the first split."""
        return agreement(self.predictions)

    @cached_property
    def distance(self) -> pd.DataFrame:
        """Errors of the first split by their distance in the Cell Ontology."""
        return distance_of_errors(self.predictions)

    def groups(self) -> pd.DataFrame:
        """Runs of methods that are not told apart."""
        return self.compared.groups()

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its name below results/."""
        found = {"comparison": self.table}
        if not len(self.scores):
            return found
        return found | {
            "comparison_scores": self.compared.scores,
            "comparison_pairs": self.compared.pairs,
            "comparison_groups": self.groups(),
            "comparison_agreement": self.agreement,
            "comparison_hard_cells": self.hard,
            "comparison_distance": self.distance,
        }

    def trial(self, name: str) -> pd.DataFrame:
        """Rows of one trial that were run."""
        rows = self.table[self.table["macro_f1"].notna()]
        return rows[rows["trial"] == name]

    def matrix(self) -> pd.DataFrame:
        """Methods by trials: macro-F1, of rare types their own F1; columns are lines of text."""
        columns = {"as they\nare": self.scores["mean"]}
        for trial, text, value in LEVELS:
            for level, rows in self.trial(trial).groupby("level", sort=False):
                if level in NOT_SHOWN.get(trial, ()):
                    continue
                name = text.format(level=level, percent=_percent(level))
                columns[name] = rows.set_index("method")[value]
        table = pd.DataFrame(columns).astype(float)
        return table.reindex(self.scores.index)

    def costs(self) -> pd.DataFrame:
        """Index method, best macro-F1 first: cost of learning, and of naming 1,000 cells.

        Memory is what naming these cells adds to what the process had before, however many.
        """
        rows = self.trial(PLAIN).dropna(subset=["fit_cpu_seconds"]).copy()
        rows["predict_cpu_seconds"] *= 1000 / rows["n_test"]
        names = ["fit_cpu_seconds", "predict_cpu_seconds", "fit_added_gib", "predict_added_gib"]
        return rows.groupby("method")[names].mean().reindex(self.scores.index)

    def in_short(self) -> pd.DataFrame:
        """Test scores as a person reads them, best first."""
        plain = self.trial(PLAIN).groupby("method")
        names = ["accuracy", "macro_f1", "mcc", "ece", "fit_cpu_seconds", "fit_peak_gib"]
        table = plain[names].mean().round(3)
        table["splits"] = plain.size()
        return table.sort_values("macro_f1", ascending=False)

    def remarks(self) -> list[str]:
        """What was not run, and why, a line each."""
        lines = [f"{name}: not run, {why}" for name, why in self.absent.items()]
        reasons: dict[str, int] = {}
        for why in self.missing.values():
            reasons[why] = reasons.get(why, 0) + 1
        lines += [f"{n} part{'s' * (n != 1)} not run: {why}" for why, n in reasons.items()]
        if "group" not in self.cells.obs:
            lines.append("No groups were left out: --group-key says which column holds them.")
        return lines


# Levels that stand in the table and not in the picture, which has to be read from afar.
NOT_SHOWN = {
    "learning": ("1", "0.7", "0.4", "0.2"),
    "genes": ("0.3",),
    "depth": ("0.5",),
    "noise": ("0.05",),
    "rare": ("100",),
}
LEVELS = (
    ("learning", "{percent} of\ncells", "macro_f1"),
    ("groups", "without\n{level}", "macro_f1"),
    ("genes", "{percent} of\ngenes\nmissing", "macro_f1"),
    ("depth", "{percent} of\ncounts", "macro_f1"),
    ("noise", "{percent}\nlabels\nswapped", "macro_f1"),
    ("rare", "rare types:\n{level} cells\n(their F1)", "f1_of_rare"),
)


def _percent(level: str) -> str:
    try:
        return f"{100 * float(level):.0f} %"
    except ValueError:
        return level
