"""What is in an output folder: run records and tables of whatever was run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from cellclassifier.errors import InputError
from cellclassifier.output.files import file_name
from cellclassifier.output.folder import predictions_of
from cellclassifier.output.tables import without_apostrophes
from cellclassifier.report.catalogue import OTHER_QUESTIONS

PREFIX = "run_"
LARGEST_RECORD = 20 * 2**20  # bytes
# Columns of names, some of which look like numbers.
TEXTS = ("cell", "cell_type", "Cell Type", "called", "second", "method", "method_a", "method_b")
TEXTS += ("gene_id", "gene_symbol", "top_genes", "topic", "remark", "trial", "level", "note")


@dataclass
class Found:
    """The content of an output folder. Files that cannot be read are in ``unreadable``."""

    folder: Path
    unreadable: list[str] = field(default_factory=list)

    @cached_property
    def records(self) -> dict[str, dict]:
        """The run record of every script that was run, by its name."""
        paths = sorted(self.folder.glob(f"results/{PREFIX}*.json"))
        found = {path.stem.removeprefix(PREFIX): self._record(path) for path in paths}
        return {script: record for script, record in found.items() if record}

    @cached_property
    def main_script(self) -> str:
        """The script whose record ``main`` is."""
        return next(script for script, record in self.records.items() if record is self.main)

    def _record(self, path: Path) -> dict | None:
        try:
            if path.stat().st_size > LARGEST_RECORD:
                raise ValueError("too large")
            record = json.loads(path.read_text(encoding="utf-8"))
            if _is_record(record):
                return record
            raise ValueError("no record")
        except (OSError, ValueError, RecursionError):
            self.unreadable.append(f"results/{path.name}")
            return None

    @cached_property
    def main(self) -> dict:
        """The record that says which data this page is about: of a comparison, or the newest.

        Raises InputError where no script was run.
        """
        first = ("multiclass_baselines", "compare")
        for script in (*first, *(name for name in self.records if name not in OTHER_QUESTIONS)):
            if isinstance(self.records.get(script, {}).get("data"), dict):
                return self.records[script]
        raise InputError(
            f"{self.folder} holds no record of a run (results/run_*.json): run a script first, "
            f"for instance python multiclass_baselines.py --output {self.folder}"
        )

    def is_of_the_same_data(self, script: str) -> bool:
        """Whether a script was last run on this page's file, or asks about no cells at all."""
        return script in OTHER_QUESTIONS or _digest(self.records[script]) == _digest(self.main)

    def command(self, script: str) -> str:
        """The command that ran a script, or would."""
        told = self.records.get(script, {}).get("command")
        return told if isinstance(told, str) else f"python {script}.py"

    def script_of(self, output: str) -> str | None:
        """Which script wrote a file ("plots/pca.png"), if several did the one that ended last."""
        writers = [s for s, record in self.records.items() if output in record["outputs"]]
        own = [script for script in writers if self.is_of_the_same_data(script)]
        return max(own or writers, key=self._ended, default=None)

    def _ended(self, script: str) -> tuple[str, bool]:
        """When a script ended; of those that do not tell, the one whose data the page is about."""
        return str(self.records[script].get("ended") or ""), script == self.main_script

    def writer_of(self, method: str) -> str:
        """The script that measured a method's scores."""
        return self.script_of(f"results/scores/{file_name(method)}.csv") or self.main_script

    def is_quick(self, script: str) -> bool:
        """Whether a script was run with --quick."""
        return bool((self.records.get(script, {}).get("options") or {}).get("quick"))

    def csv(self, name: str, *needed: str) -> pd.DataFrame | None:
        """A table of results/, or None where it is missing, unreadable or lacks a needed column.

        Texts stay as they were: a type may be called "NA", a cell "0001".
        """
        path = self.folder / "results" / f"{name}.csv"
        if not path.is_file():
            return None
        try:
            columns = pd.read_csv(path, nrows=0).columns
            texts = {column: str for column in columns if column in TEXTS}
            options = {"keep_default_na": False, "na_values": [""], "dtype": texts}
            table = pd.read_csv(path, **options)
        except (OSError, ValueError):
            table = None
        if table is None or not set(needed) <= set(table.columns):
            self.unreadable.append(f"results/{name}.csv")
            return None
        for column in table.select_dtypes("object").columns:
            is_text = table[column].map(lambda value: isinstance(value, str))
            table.loc[is_text, column] = without_apostrophes(table.loc[is_text, column])
        return table

    def predictions(self, method: str, splits) -> pd.DataFrame | None:
        """Rows of test cells of a method, of the splits that are there, one below the other."""
        paths = [self.folder / predictions_of(f"{method}-split{split}") for split in splits]
        try:
            tables = [pd.read_parquet(path) for path in paths if path.is_file()]
            rows = [table[table["part"] == "test"] for table in tables]
            return pd.concat(rows, ignore_index=True) if rows else None
        except (OSError, ValueError, KeyError):
            self.unreadable.append(f"predictions of {method}")
            return None


def _is_record(record: object) -> bool:
    """Whether JSON has what the page reads of it in the kinds that ``RunRecord`` writes."""
    if not isinstance(record, dict) or not isinstance(record.get("outputs"), list):
        return False
    kinds = {"options": dict, "steps": dict, "data": dict, "seeds": list}
    parts = {name: record.get(name) or kind() for name, kind in kinds.items()}
    if not all(isinstance(parts[name], kind) for name, kind in kinds.items()):
        return False
    steps = [step.get("seconds") or 0 for step in parts["steps"].values() if isinstance(step, dict)]
    shape = parts["data"].get("shape") or [0, 0]
    if not isinstance(shape, list) or len(shape) != 2:
        return False
    return all(isinstance(number, int | float) for number in (*steps, *shape))


def _digest(record: dict) -> object:
    data = record.get("data")
    return data.get("sha256") if isinstance(data, dict) else None
