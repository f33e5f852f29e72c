"""Tables of docs/incomplete.md and docs/spoticell.md."""

from __future__ import annotations

from benchmarks.tables import CrossTable, Table


def scores(lost: str) -> CrossTable:
    """Scores of cells that have lost genes or counts: methods down, what is left across."""
    return CrossTable("incomplete", "method", "{method}", "shown", "{macro_f1:.3f}", ("lost", lost))


def far(lost: str) -> CrossTable:
    """Known cells that are called far: genes that models look at down, what is left across."""
    down = "{genes}: {methods}"
    return CrossTable(
        "incomplete_far", "genes, and the methods", down, "shown", "{far:.1%}", ("lost", lost)
    )


INCOMPLETE_TABLES = {
    "incomplete_genes": scores("genes"),
    "incomplete_far": far("genes"),
    "incomplete_counts": scores("counts"),
    "incomplete_far_counts": far("counts"),
    "spoticell": Table(
        "spoticell",
        {
            "variant": "{variant}",
            "whole": "{whole:.3f} ± {whole_std:.3f}",
            "half of the genes": "{half:.3f} ± {half_std:.3f}",
            "10 % of the genes": "{tenth_of_genes:.3f} ± {tenth_of_genes_std:.3f}",
            "10 % of the counts": "{tenth_of_counts:.3f} ± {tenth_of_counts_std:.3f}",
            "whole, all names": "{whole_names:.3f}",
            "10 % of the counts, all names": "{tenth_of_counts_names:.3f}",
            "splits": "{n_splits}",
        },
    ),
}
