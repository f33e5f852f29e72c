"""One tidy table of scores per method, and the tables of all methods that are views of them.

    results/scores/<method>.csv     method, part, split, n_cells, metrics, ..., digests
    results/per_type/<method>.csv   method, split, cell_type, precision, recall, f1, ..., digests

The last two columns are digests: of the cells, and of whatever else a result depends on. Views hold
every method that was scored on the same cells, so no script erases another's rows.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cellclassifier.errors import InputError
from cellclassifier.output.files import file_name
from cellclassifier.output.tables import without_apostrophes, write_csv
from cellclassifier.protocol.metrics import METRICS
from cellclassifier.protocol.old_names import with_new_names
from cellclassifier.protocol.options import METHOD_ORDER

INTERVALS = ("accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high")
TIDY = ["method", "part", "split", "n_cells", *METRICS, "ece", "fit_seconds", *INTERVALS, "ece_raw"]
# The original author's header, which his notebooks read; what is ours stands behind it.
COMBINED = ["method", "dataset", *METRICS, "ece", "split", "n_cells", "fit_seconds"]
COMBINED += [*INTERVALS, "ece_raw"]
PER_TYPE = ["method", "split", "cell_type", "precision", "recall", "f1", "support"]
DATA, OPTIONS = "data_digest", "options_digest"
TEXTS = ("method", "part", "cell_type", "label", DATA, OPTIONS, "data", "options")


class ScoreTables:
    """The tidy tables of one kind ("scores" or "per_type") under an output folder."""

    def __init__(self, output: Path, kind: str):
        self.folder = Path(output) / "results" / kind

    def update(self, table: pd.DataFrame, data: str, options: str) -> Path:
        """Put the rows of one method into its table, in place of those of the same splits.

        Rows of the method that depend on other cells or options make way, as its predictions do.
        """
        (method,) = table["method"].unique()
        path = self.folder / f"{file_name(method)}.csv"
        table = table.assign(**{DATA: data, OPTIONS: options})
        if path.exists():
            old = read_table(path)
            same = (old[DATA] == data) & (old[OPTIONS] == options)
            old = old[same & ~old["split"].isin(table["split"])]
            if len(old):
                table = pd.concat([old, table], ignore_index=True)
        write_csv(path, table.sort_values("split", kind="stable"), float_format=None)
        return path

    def of(self, data: str) -> pd.DataFrame:
        """Rows of all methods scored on these cells: by split, then by method."""
        paths = sorted(self.folder.glob("*.csv"), key=lambda path: _place(path.stem))
        tables = [table[table[DATA] == data] for table in map(read_table, paths)]
        tables = [table for table in tables if len(table)]
        if not tables:
            return pd.DataFrame(columns=["method", "part", "split"])
        rows = pd.concat(tables, ignore_index=True)
        return rows.sort_values("split", kind="stable", ignore_index=True)


def read_table(path: Path) -> pd.DataFrame:
    """A tidy table, to the last digit; texts stay texts: a type may be called "0" or "NA"."""
    try:
        columns = pd.read_csv(path, nrows=0).columns
        numbers = [name for name in columns if name not in TEXTS]
        missing = {name: [""] for name in numbers}
        texts = {name: str for name in columns if name in TEXTS}
        options = {"keep_default_na": False, "na_values": missing, "float_precision": "round_trip"}
        table = pd.read_csv(path, dtype=texts, **options).astype({"split": int})
        table = table.assign(**{name: without_apostrophes(table[name]) for name in texts})
        return with_new_names("scores", table)
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is no table of scores ({error}): remove it") from error


def combined(scores: pd.DataFrame) -> pd.DataFrame:
    """The columns and order of combined_results.csv: seven metrics per method, split and part."""
    return tidy(scores).rename(columns={"part": "dataset"})[COMBINED]


def tidy(scores: pd.DataFrame) -> pd.DataFrame:
    """Keys, then metrics, of the methods that name one type per cell."""
    return scores.reindex(columns=TIDY).dropna(subset=["macro_f1"])


def per_type(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns and order of per_type_results.csv, of the methods that name one type per cell."""
    return (
        rows.reindex(columns=PER_TYPE).dropna(subset=["cell_type", "f1"]).astype({"support": int})
    )


def summarize(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over splits of every metric, rows (method, part).

    Columns are (metric, "mean" or "std"), n_splits and n_cells, of all splits together; a single
    split has no standard deviation.
    """
    metrics = [*METRICS, "ece", "fit_seconds", "ece_raw"]
    of_parts = tidy(scores).groupby(["method", "part"], sort=False)
    summary = of_parts[metrics].agg(["mean", "std"])
    summary["n_splits"] = of_parts["split"].nunique()
    summary["n_cells"] = of_parts["n_cells"].sum()
    return summary


def with_intervals(summary: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """The summary with (metric, "low" and "high") beside every mean and std, of test rows only.

    scored: method, metric, low, high, as from ``paired.compare``; other metrics have none.
    """
    ends = scored.assign(part="test").pivot(
        index=["method", "part"], columns="metric", values=["low", "high"]
    )
    both = summary.join(ends.swaplevel(axis=1))
    names = summary.columns.unique(level=0).drop(["n_splits", "n_cells"])
    order = [(name, value) for name in names for value in ("mean", "std", "low", "high")]
    return both[[key for key in order if key in both] + [("n_splits", ""), ("n_cells", "")]]


def flat(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with the columns of results/summary.csv: <metric>_<value>, say."""
    names = ["_".join(filter(None, column)) for column in summary.columns]
    return summary.set_axis(names, axis=1).reset_index()


def in_short(summary: pd.DataFrame) -> pd.DataFrame:
    """Test scores as a person reads them, best first: mean and how far it may be off.

    The column +- says what that is: the standard deviation over splits or, with one split, a
    95 % bootstrap interval over its test cells.
    """
    test = summary.xs("test", level="part").sort_values(("macro_f1", "mean"), ascending=False)
    columns = ["accuracy", "macro_f1", "mcc", "ece_raw", "ece", "fit_seconds"]
    texts = {name: [_in_short(row) for row in test[name].to_dict("records")] for name in columns}
    one, several = "95 % bootstrap of cells", "SD of {:.0f} splits"
    texts["+-"] = [several.format(n) if n > 1 else one for n in test["n_splits"]]
    return pd.DataFrame(texts, index=test.index)


def _in_short(values: dict[str, float]) -> str:
    """Values: mean and std, perhaps low and high."""
    text = f"{values['mean']:.3f}"
    if pd.notna(values["std"]):
        return f"{text} +- {values['std']:.3f}"
    if pd.notna(values.get("low")):
        return f"{text} ({values['low']:.3f} to {values['high']:.3f})"
    return text


def _place(method: str) -> tuple[int, str]:
    return (METHOD_ORDER.index(method) if method in METHOD_ORDER else len(METHOD_ORDER)), method
