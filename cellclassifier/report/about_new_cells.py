"""New cells that were annotated here: how many the model knows, and how sure it is of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from cellclassifier.plots.style import in_a_line
from cellclassifier.report.found import Found
from cellclassifier.report.parts import Note, Table
from cellclassifier.report.texts import named, number, percent

SHARES = ("far_share", "between_share", "genes_found_share", "mean_probability")
MOST_FILES = 8


def annotated_table(found: Found) -> Table | None:
    """A row per file that annotate named last; None where it was not run, or told nothing."""
    record, rows = found.records.get("annotate", {}), _rows(found)
    if not rows:
        return None
    n_cells = sum(row["n_cells"] for row in rows)
    far, between = (
        sum(row["n_cells"] * row[name] for row in rows) / max(1, n_cells)
        for name in ("far_share", "between_share")
    )
    model = record.get("model") if isinstance(record.get("model"), Mapping) else {}
    method = in_a_line(named(model.get("method", "the model")))
    return Table(
        headline=f"Of the {number(n_cells)} cells that annotate named here {percent(far)} are far "
        f"from all types that its model ({method}) knows, {percent(between)} between them",
        how="A few per cent of far cells are usual; many say that the file has types, or a way of "
        "handling cells, that the model never saw. The fewer of the model's genes a file has, the "
        "less certain are its names.",
        command=found.command("annotate"),
        csv="annotations/<file>/annotations.csv",
        notes=(
            Note(
                "May these names be believed?",
                f"Their mean probability is {rows[0]['mean_probability']:.2f} in the first file, "
                "calibrated for cells like those of training. Look at what is far first, then at "
                "the broad names.",
            ),
        ),
        header=("file", "cells", "far", "between", "genes found", "mean probability"),
        rows=tuple(_texts(row) for row in rows[:MOST_FILES]),
    )


def _rows(found: Found) -> list[Mapping]:
    files = found.records.get("annotate", {}).get("files")
    return [row for row in files.values() if _is_whole(row)] if isinstance(files, Mapping) else []


def _is_whole(row: object) -> bool:
    if not isinstance(row, Mapping) or not isinstance(row.get("n_cells"), int):
        return False
    return all(isinstance(row.get(name), int | float) for name in SHARES)


def _texts(row: Mapping) -> tuple[str, ...]:
    own = " (the model learned from it)" if row.get("model_learned_from_it") is True else ""
    return (
        named(PurePath(str(row.get("file", ""))).name) + own,
        number(row["n_cells"]),
        percent(row["far_share"]),
        percent(row["between_share"]),
        percent(row["genes_found_share"]),
        f"{row['mean_probability']:.2f}",
    )
