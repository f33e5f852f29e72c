"""How a table that a script writes must look; see "Reading the tables" in docs/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from cellclassifier.annotation import write
from cellclassifier.output import tables
from cellclassifier.output.files import OURS

# Their header is the original author's: what read his files reads ours.
WITH_AUTHORS_HEADER = {
    "combined_results",
    "random_forest_results",
    "gbdt_results",
    "binary_rf_results",
}
KEYS = ["method", "method_a", "method_b", "metric", "part", "split", "selected", "cell_type"]
KEYS += ["group", "negative_sampling", "gene_id", "trial", "level"]
KEYS += [
    "gene_symbol",
    "stage",
    "network",
    "epoch",
    "quantity",
    "statistic",
    "topic",
    "cell",
    "file",
    "location",
    "image",
]
KEYS += ["row", "column", "neighbour"]
OF_TYPES = ("cell_type", "predicted", "broad")
TEXTS = [*KEYS, *OF_TYPES, "label", "called", "second", "confidence", "remark"]
TEXTS += ["note", "quick", "top_genes", "places", "location_numbers", "most_probable"]
TEXTS += ["term", "term_name", "common_name", "cluster", "majority_voting"]
TEXTS += ["data_digest", "options_digest", "class_weight", "trees_class_weight", "exceptions"]
PART_OF_SPLIT = re.compile(r"part_\d+")
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Of what? In which unit? Other words for what has a name: n_cells, cell_share, part.
SAY_TOO_LITTLE = {"dataset", "cells", "genes", "share", "fraction", "count", "seconds", "time"}
SAY_TOO_LITTLE |= {"memory", "data", "options", "scheme", "type", "name"}


def faults(path: Path, table: pd.DataFrame) -> list[str]:
    """Sentences on what is wrong with the columns of a table that is to be written."""
    own = re.search(rf"^\.(.+){OURS}", path.name)  # files are written under another name first
    name = own[1] if own else path.stem
    found = [f"a row {value!r} among types" for value in _rows_of_no_type(table)]
    if name not in WITH_AUTHORS_HEADER:
        found += [f"{column!r} is no snake_case" for column in table if not _is_snake_case(column)]
        found += [f"{column!r}: of what?" for column in table if column in SAY_TOO_LITTLE]
        found += [f"the key {column!r} behind other columns" for column in _late_keys(table)]
        found += [f"texts among the numbers of {column!r}" for column in _mixed(table)]
    return [f"{name}: {fault}" for fault in found]


@contextmanager
def looked_at() -> Iterator[None]:
    """Within the block a table with faults is an AssertionError where it would be written."""
    original = tables.append_csv

    def append(path, table, header, *arguments, **options):
        found = faults(Path(path), table)
        assert not found, found
        original(path, table, header, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        for module in (tables, write):
            patch.setattr(module, "append_csv", append)
        yield


def _is_snake_case(column) -> bool:
    return bool(SNAKE_CASE.fullmatch(str(column)))


def _late_keys(table: pd.DataFrame) -> list[str]:
    columns = list(table.columns)
    first_other = next((i for i, name in enumerate(columns) if name not in KEYS), len(columns))
    return [name for name in columns[first_other:] if name in KEYS]


def _mixed(table: pd.DataFrame) -> list[str]:
    numbers = [c for c in table if c not in TEXTS and not PART_OF_SPLIT.fullmatch(str(c))]
    return [c for c in numbers if table[c].dropna().map(_is_text).any()]


def _is_text(value) -> bool:
    return isinstance(value, str)


def _rows_of_no_type(table: pd.DataFrame) -> list[str]:
    types = {value for name in OF_TYPES if name in table for value in table[name].unique()}
    return sorted(types & {"all", "total", "mean"})
