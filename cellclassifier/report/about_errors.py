"""Errors and their biology: which types are taken for which, by which genes, and by all methods."""

from __future__ import annotations

import pandas as pd

from cellclassifier.plots.style import in_a_line
from cellclassifier.report.about_results import Known
from cellclassifier.report.found import Found
from cellclassifier.report.numbers import confused
from cellclassifier.report.parts import Note, Table
from cellclassifier.report.texts import listed, named, number, percent

MOST_PAIRS = 5
MOST_CELLS = 6
MOST_GENES = 3


def confused_table(found: Found, known: Known) -> Table | None:
    """The types that are taken for each other most often."""
    if known.rows is None:
        return None
    errors = confused(known.rows)
    if errors.pairs.empty:
        return None
    worst = errors.pairs.iloc[0]
    within = (
        "" if errors.within is None else f"; {percent(errors.within)} of errors stay in a lineage"
    )
    genes = marker_genes(found)
    rows = [
        (
            named(row.label),
            named(row.predicted),
            number(row.n_cells),
            percent(row.share),
            genes.get(row.label, ""),
            genes.get(row.predicted, ""),
        )
        for row in errors.pairs.head(MOST_PAIRS).itertuples()
    ]
    return Table(
        headline=f"{named(worst.label)} called {named(worst.predicted)} is the most frequent error "
        f"of {in_a_line(known.leader)} ({number(worst.n_cells)} cells){within}",
        how="Each row is one kind of error. Genes: those that are higher in a type than outside it "
        "and tell it best (permutation importance of its forests).",
        command=found.command(found.writer_of(known.leader)),
        csv=f"predictions/{known.leader}-split….parquet",
        notes=error_notes(known),
        header=("true type", "called", "cells", "of its cells", "its genes", "the other's genes"),
        rows=tuple(rows),
    )


def marker_genes(found: Found) -> dict[str, str]:
    """Of every type the genes of highest permutation importance, of those that are up in it."""
    needed = ("cell_type", "gene_symbol", "permutation_mean", "log1p_cp10k_in", "log1p_cp10k_out")
    table = found.csv("binary_rf_importances", *needed)
    if table is None or not found.is_of_the_same_data("binary_rf"):
        return {}
    table = table[table["log1p_cp10k_in"] > table["log1p_cp10k_out"]]
    best = table.sort_values("permutation_mean", ascending=False, kind="stable")
    best = best.drop_duplicates(["cell_type", "gene_symbol"]).groupby("cell_type", sort=False)
    return {
        str(name): listed(map(named, rows["gene_symbol"].head(MOST_GENES))) for name, rows in best
    }


def error_notes(known: Known) -> tuple[Note, ...]:
    """What is asked about errors."""
    recall = (known.rows["label"] == known.rows["predicted"]).groupby(known.rows["label"]).mean()
    sizes = known.rows["label"].value_counts()
    worst = recall.idxmin()
    return (
        Note(
            "Which type should I not trust?",
            f"{named(worst)}: {percent(recall[worst])} of its {sizes[worst]} test cells are found.",
        ),
        Note(
            "Are these errors of the model, or of the labels?",
            "Subsets of T cells differ in a few surface proteins whose RNA is hardly measured; "
            "cells that every method gets wrong are listed where compare.py was run, for a "
            "biologist to look at.",
        ),
    )


def hard_cells_table(found: Found) -> Table | None:
    """Cells that all methods get wrong."""
    needed = ("cell", "cell_type", "called", "second", "confidence", "top_genes")
    cells = found.csv("comparison_hard_cells", *needed)
    if cells is None or cells.empty or not found.is_of_the_same_data("compare"):
        return None
    common = (
        cells.groupby(["cell_type", "called"]).size().sort_values(ascending=False, kind="stable")
    )
    label, called = common.index[0]
    return Table(
        headline=f"{number(len(cells))} cells are named wrongly by every method, most often "
        f"{named(label)} called {named(called)} ({number(common.iloc[0])})",
        how="Suspects of a wrong label or of two cells in one droplet; top genes are those that "
        "the cell expresses most beyond its labelled type.",
        command=found.command("compare"),
        csv="results/comparison_hard_cells.csv",
        header=("cell", "label", "called", "second", "confidence", "top genes"),
        rows=tuple(_hard_row(row) for row in cells.head(MOST_CELLS).itertuples()),
    )


def _hard_row(row) -> tuple[str, ...]:
    confidence = "" if pd.isna(row.confidence) else percent(row.confidence)
    texts = map(named, (row.cell, row.cell_type, row.called, row.second))
    return (*texts, confidence, named(row.top_genes))
