"""The tidy table of a comparison, and which of its rows are missing."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cellclassifier.comparison.measure import SHOWN
from cellclassifier.comparison.plan import PLAIN, Part

COSTS = ["fit_cpu_seconds", "fit_peak_gib", "predict_cpu_seconds", "predict_peak_gib"]
ADDED = ["fit_added_gib", "predict_added_gib"]  # memory beyond what the process had before
COLUMNS = ["method", "trial", "level", "split", "n_train", "n_test", "quick"]
COLUMNS += [*SHOWN, "f1_of_rare", *COSTS, "note", *ADDED]


def comparison_table(done: Mapping[Part, dict], missing: Mapping[Part, str]) -> pd.DataFrame:
    """A row per method, trial, level and split; those that are missing say why in ``note``."""
    rows = [tables["scores"] for tables in done.values()]
    rows.append(pd.DataFrame([_missing(part, why) for part, why in missing.items()]))
    table = pd.concat([one for one in rows if len(one)], ignore_index=True)
    return table.reindex(columns=COLUMNS)


def _missing(part: Part, why: str) -> dict:
    about = {"method": part.method, "trial": part.trial, "level": part.level, "split": part.split}
    return about | {"note": f"not run: {why}"}


def not_run(names: Mapping[str, str]) -> pd.DataFrame:
    """Rows of methods that are not there at all, by name and reason."""
    same = {"trial": PLAIN, "level": ""}
    rows = [same | {"method": m, "note": f"not run: {why}"} for m, why in names.items()]
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def predictions_of(done: Mapping[Part, dict], split: int) -> dict[str, pd.DataFrame]:
    """Test cells of the plain parts of one split, by method."""
    return {
        part.method: tables["predictions"]
        for part, tables in done.items()
        if part.trial == PLAIN and part.split == split
    }
