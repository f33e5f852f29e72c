"""What a run says in numbers: who leads, how often it is wrong, and what gives that away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellclassifier.data.lineages import share_a_lineage
from cellclassifier.errors import InputError
from cellclassifier.output.folder import Output
from cellclassifier.plots.findings import FALLING, leaders
from cellclassifier.plots.style import NO_GENES
from cellclassifier.protocol.answers import KEYS, read_answers
from cellclassifier.protocol.paired import compare
from cellclassifier.protocol.scores import (
    ScoreTables,
    combined,
    flat,
    summarize,
    tidy,
    with_intervals,
)
from cellclassifier.report.found import Found

SURE = 0.9  # confidence
LOOKED_AT = 0.2  # share of cells, those of lowest confidence, that a person looks at


@dataclass(frozen=True)
class Scores:
    """Test scores of all methods on the page's data.

    table: columns of summary.csv, a row per method, best macro-F1 first; pairs: those of
    paired_comparison.csv.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def methods(self) -> list[str]:
        """Methods that look at genes, best first (that which looks at none, where it is alone)."""
        names = [name for name in self.table.index if name != NO_GENES]
        return names or list(self.table.index)

    @property
    def judged(self) -> list[str]:
        """Of these methods those that were run on every split."""
        return [name for name in self.methods if not self.is_partial(name)]

    @property
    def leading(self) -> list[str]:
        """The first of them by macro-F1, and those not told apart from it."""
        return leaders(self.judged, self.pairs, "macro_f1")

    def splits(self, method: str) -> int:
        """On how many splits a method was run."""
        return int(self.table.loc[method, "n_splits"])

    def is_partial(self, method: str) -> bool:
        """Whether a method was run on fewer splits than others, which seldom tells it apart."""
        return self.splits(method) < self.table["n_splits"].max()

    @property
    def chosen(self) -> str:
        """The one to use: the cheapest to fit of those that lead."""
        return min(self.leading, key=lambda name: self.value(name, "fit_seconds"))

    def ranked(self, metric: str) -> list[str]:
        """Methods by another metric, best first."""
        means = self.table.loc[self.methods, f"{metric}_mean"].dropna()
        return means.sort_values(ascending=metric in FALLING, kind="stable").index.to_list()

    def value(self, method: str, metric: str) -> float:
        """The mean over splits."""
        return float(self.table.loc[method, f"{metric}_mean"])

    def span(self, method: str, metric: str) -> tuple[float, float]:
        """Its 95 % interval; the value twice where there is none."""
        row, value = self.table.loc[method], self.value(method, metric)
        low, high = row.get(f"{metric}_low"), row.get(f"{metric}_high")
        return (value, value) if pd.isna(low) or pd.isna(high) else (float(low), float(high))


def scores_of(found: Found) -> Scores | None:
    """Scores of all methods on the page's data, over the splits of its main script, or None.

    From the tidy tables, since summary.csv holds the splits of the script that ran last.
    """
    splits = found.main.get("seeds") or ()
    try:
        rows = ScoreTables(found.folder, "scores").of(found.main.get("data_digest"))
        rows = rows[rows["split"].isin(splits)]
        if "macro_f1" not in rows or tidy(rows).empty:
            return None
        compared = compare(read_answers(Output(found.folder), combined(rows)))
    except (InputError, OSError, ValueError, KeyError) as error:
        found.unreadable.append(f"results/scores ({type(error).__name__})")
        return None
    summary = flat(with_intervals(summarize(rows), compared.scores))
    test = summary[summary["part"] == "test"].astype({"method": str}).set_index("method")
    test = test.sort_values("macro_f1_mean", ascending=False, kind="stable")
    return Scores(test, compared.pairs)


@dataclass(frozen=True)
class Trust:
    """What the confidence of a method says of its test cells.

    sure: share of cells with a confidence of ``SURE`` or more, sure_wrong: share of them that are
    wrong; caught: share of the errors among the ``LOOKED_AT`` cells of lowest confidence.
    """

    n_cells: int
    n_wrong: int
    sure: float
    sure_wrong: float
    unsure_wrong: float
    caught: float


def trust_of(rows: pd.DataFrame) -> Trust:
    """From rows of test cells with label, predicted and a column of probabilities per type."""
    confidence = confidence_of(rows)
    wrong = (rows["label"] != rows["predicted"]).to_numpy()
    sure = confidence >= SURE
    lowest = np.argsort(confidence, kind="stable")[: round(LOOKED_AT * len(rows))]
    return Trust(
        n_cells=len(rows),
        n_wrong=int(wrong.sum()),
        sure=float(sure.mean()),
        sure_wrong=_mean(wrong[sure]),
        unsure_wrong=_mean(wrong[~sure]),
        caught=float(wrong[lowest].sum() / max(1, wrong.sum())),
    )


def confidence_of(rows: pd.DataFrame) -> np.ndarray:
    """The probability of the predicted type, (n_cells,)."""
    return rows[rows.columns.drop(KEYS)].to_numpy(float).max(axis=1)


@dataclass(frozen=True)
class Confused:
    """Pairs of types that are taken for each other, most cells first; within: share of the errors
    between types of one lineage (see data/lineages.py), None if unknown.
    """

    pairs: pd.DataFrame  # label, predicted, n_cells, share (of the label's cells)
    within: float | None


def confused(rows: pd.DataFrame) -> Confused:
    """Which types are called what, from rows of test cells."""
    wrong = rows[rows["label"] != rows["predicted"]]
    pairs = wrong.groupby(["label", "predicted"]).size().rename("n_cells").reset_index()
    sizes = rows["label"].value_counts()
    pairs["share"] = pairs["n_cells"] / pairs["label"].map(sizes)
    pairs = pairs.sort_values(["n_cells", "label"], ascending=[False, True], ignore_index=True)
    known = [share_a_lineage(*pair) for pair in pairs[["label", "predicted"]].to_numpy(str)]
    counts = pairs["n_cells"].to_numpy()
    judged = [(n, is_near) for n, is_near in zip(counts, known, strict=True) if is_near is not None]
    total = sum(n for n, _ in judged)
    return Confused(pairs, sum(n for n, is_near in judged if is_near) / total if total else None)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
