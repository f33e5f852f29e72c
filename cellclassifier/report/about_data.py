"""The question and the data: what the labels are, and where they come from."""

from __future__ import annotations

import pandas as pd

from cellclassifier.report.found import Found
from cellclassifier.report.parts import Note, Protocol, Section, Table
from cellclassifier.report.texts import listed, named, number, percent

QUESTION = (
    "How well can a machine name each cell's type from its RNA counts, with what, at what cost, "
    "and how would one notice that it is wrong?"
)
MOST_TYPES = 20


def data_table(found: Found) -> Table | None:
    """The types of the file and their cells."""
    types = found.csv("cells_per_type", "cell_type", "n_cells", "cell_share", "median_counts")
    if types is None or types.empty:
        return None
    types = types.sort_values("n_cells", ascending=False, kind="stable")
    largest, smallest = types.iloc[0], types.iloc[-1]
    rows = [
        (
            named(row.cell_type),
            number(row.n_cells),
            percent(row.cell_share),
            f"{row.median_counts:,.0f}",
        )
        for row in types.head(MOST_TYPES).itertuples()
    ]
    return Table(
        headline=f"{len(types)} types, from {number(smallest.n_cells)} cells "
        f"({named(smallest.cell_type)}) to {number(largest.n_cells)} ({named(largest.cell_type)})",
        how="A type of a few cells has a handful in the test part: its score moves by chance.",
        command=found.command("interview"),
        csv="results/cells_per_type.csv",
        notes=data_notes(found, types),
        header=("type", "cells", "share", "median counts"),
        rows=tuple(rows),
    )


def data_notes(found: Found, types: pd.DataFrame) -> tuple[Note, ...]:
    """What is asked about the data."""
    remarks = remarks_of(found)
    notes = []
    if "labels" in remarks:
        notes.append(Note("Where do the labels come from?", named_long(remarks["labels"])))
    share = types["cell_share"].max()
    notes.append(
        Note(
            "Why is accuracy alone not enough here?",
            f"Naming every cell {named(types.iloc[0].cell_type)} is right in {percent(share)} of "
            "cases. Macro-F1 gives every type the same weight, so that this guess scores near 0.",
        )
    )
    if "doublets" in remarks:
        notes.append(Note("Are doublets left out?", named_long(remarks["doublets"])))
    return tuple(notes)


def remarks_of(found: Found) -> dict[str, str]:
    """What the interview of the file remarked, by topic."""
    table = found.csv("data_remarks", "topic", "remark")
    if table is None or "interview" not in found.records:
        return {}
    if not found.is_of_the_same_data("interview"):
        return {}
    return dict(zip(table["topic"].astype(str), table["remark"].astype(str), strict=True))


def named_long(text: str) -> str:
    """A remark of ours, which may hold labels: on one line, without signs that hide."""
    from cellclassifier.data.texts import printable

    return printable(text)


def data_paragraphs(found: Found) -> tuple[str, ...]:
    """What was read, and what the labels are worth."""
    source = found.main["data"]
    shape = source.get("shape") or (0, 0)
    of_file = (
        f"{named(source.get('file', 'a file'))}: {number(shape[0])} cells, {number(shape[1])} genes"
    )
    remarks = remarks_of(found)
    lines = [QUESTION, f"The cells of this page are those of {of_file}."]
    if "labels" in remarks:
        lines.append(named_long(remarks["labels"]))
    if "suspicious" in remarks:
        lines.append(f"Suspicious: {named_long(remarks['suspicious'])}.")
    return tuple(lines)


def protocol_section(found: Found) -> Section:
    """How numbers are made comparable, in one drawing."""
    splits = found.csv("splits", "cell")
    parts = [] if splits is None else [c for c in splits.columns if c.startswith("part_")]
    if not parts:
        line = "No splits are there: python multiclass_baselines.py makes them."
        return Section("protocol", "The protocol in one picture", missing=(line,))
    counts = splits[parts[0]].value_counts().to_dict()
    key = (found.main.get("options") or {}).get("group_key")
    seeds = listed(name.removeprefix("part_") for name in parts)
    drawing = Protocol(
        headline="Learned from training cells, chosen on validation cells, scored on test cells",
        how="All methods of a split see the same three parts; nothing that was learned, gene "
        "selection and scaling included, has seen a test cell.",
        command=found.command(found.main_script),
        csv="results/splits.csv",
        notes=protocol_notes(len(parts), seeds, key),
        counts={name: int(counts.get(name, 0)) for name in ("train", "val", "test")},
        n_splits=len(parts),
        grouped_by=named(key) if key else "",
    )
    return Section("protocol", "The protocol in one picture", parts=(drawing,))


def protocol_notes(n_splits: int, seeds: str, group_key: str | None) -> tuple[Note, ...]:
    """What is asked about the protocol."""
    grouped = (
        f"Groups ({named(group_key)}) are in one part each, so that no donor or batch helps itself."
        if group_key
        else "Cells were split without regard to donors: a figure for a new donor needs "
        "--group-key, and is lower as a rule."
    )
    return (
        Note(
            "Can anything of the test cells have leaked?",
            "Gene selection, scaling, calibration and the choice of hyperparameters happen inside "
            "each split, from its training and validation cells. " + grouped,
        ),
        Note(
            "How do you know that a difference is no luck?",
            f"{n_splits} split{'s' * (n_splits != 1)} (seed{'s' * (n_splits != 1)} {seeds}), and a "
            "paired bootstrap over splits and their test cells, the same cells for all methods, "
            "with Holm's correction for the number of pairs.",
        ),
    )
