"""What a name's least probability does: how many names are right, and how many stay fine."""

from __future__ import annotations

import pandas as pd

from benchmarks.leaving_out.scores import scored_broadly
from benchmarks.leaving_out.trial import Answers, LeftOut

CERTAINTIES = (0.51, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def certainty_rows(trial: LeftOut, answers: Answers, seed: int) -> list[dict]:
    """A row per certainty: averaged, as ``scored_broadly`` has it."""
    averaged, labels = trial.averaged(answers), trial.labels
    known = {"study": trial.study.name, "seed": seed}
    return [
        known | {"certainty": each} | scored_broadly(averaged, answers.types, labels, each)
        for each in CERTAINTIES
    ]


def certainty_table(rows: list[dict]) -> pd.DataFrame:
    """Means over studies, then over fits; least_...: of the study with the least."""
    table = pd.DataFrame(rows)
    of_studies = table.groupby(["certainty", "study"]).mean(numeric_only=True)
    grouped = of_studies.groupby("certainty")[["broad_right", "kept", "broad_ece"]]
    least = grouped.min()[["broad_right", "kept"]].add_prefix("least_")
    largest = grouped.max()[["broad_ece"]].add_prefix("largest_")
    found = grouped.mean().join(least).join(largest)
    return found.assign(n_fits=table["seed"].nunique()).reset_index()
