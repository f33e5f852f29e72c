"""The loop over the parts of a comparison: what is finished is taken up, the budget is kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import pandas as pd

from cellclassifier.comparison.plan import PLAIN, Part
from cellclassifier.errors import InputError
from cellclassifier.output.files import write_parquet
from cellclassifier.output.progress import Progress
from cellclassifier.protocol.experiment import Run

PREDICTIONS = "predictions.parquet"
BUDGET = "the budget was used up: the same command goes on"
log = logging.getLogger(__name__)
Tables = dict[str, pd.DataFrame]


def finished_parts(
    run: Run,
    parts: Sequence[Part],
    versions: dict[str, int],
    compute: Callable[[Part], Tables],
    budget: float | None,
) -> tuple[dict[Part, Tables], dict[Part, str]]:
    """Tables of all parts that are finished, in the order of ``parts``, and why others are not.

    versions: of every method; budget: minutes after which no further part is begun, None for all.
    A part that its method refuses (``InputError``) is one of the others.
    """
    found = {part: _load(run, part, versions[part.method]) for part in parts}
    done = {part: tables for part, tables in found.items() if tables is not None}
    to_do = [part for part in parts if part not in done]
    missing: dict[Part, str] = {}
    start = time.monotonic()
    most = None if budget is None else 60 * budget
    with Progress(len(parts), "fit", done=len(done), most_seconds=most) as progress:
        for part in to_do:
            if budget is not None and time.monotonic() - start > 60 * budget:
                missing[part] = BUDGET
                continue
            progress.starting(_told(part))
            try:
                with run.step(part.method):
                    done[part] = compute(part)
            except InputError as error:
                missing[part] = str(error)
            else:
                _save(run, part, versions[part.method], done[part])
            progress.add()
    return {part: done[part] for part in parts if part in done}, missing


def _told(part: Part) -> str:
    return " ".join(filter(None, (part.method, part.trial, part.level)))


def _load(run: Run, part: Part, version: int) -> Tables | None:
    key = run.key(version)
    tables = run.finished.load(key, part.name)
    if tables is None:
        return None
    tables["scores"] = tables["scores"].astype({"f1_of_rare": float})  # of a missing one, None
    if part.trial != PLAIN:
        return tables
    try:
        kept = pd.read_parquet(run.finished.path(key, part.name) / PREDICTIONS)
    except (OSError, ValueError):
        return None
    return tables | {"predictions": kept}


def _save(run: Run, part: Part, version: int, tables: Tables) -> None:
    small = {name: table for name, table in tables.items() if name != "predictions"}
    write = None
    if "predictions" in tables:

        def write(folder):
            write_parquet(folder / PREDICTIONS, tables["predictions"])

    run.finished.save(run.key(version), part.name, small, write)
