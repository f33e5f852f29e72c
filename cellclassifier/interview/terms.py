"""What a file's labels are taken for: terms of the Cell Ontology, and what has none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cellclassifier.data.cell_types import known_cell_types, table_of

MOST_NAMED = 5  # labels without a term, in a sentence
COLUMNS = {"label": "cell_type", "name": "term_name", "common": "common_name"}


def terms_of(labels: Iterable[str], cell_types: Path | None = None) -> pd.DataFrame:
    """A row per label, in their order: cell_type, term, term_name, common_name.

    common_name: what it is called with --level common; empty texts where a label has no term.
    cell_types: a table of labels and terms of one's own (--cell-types).
    Raises InputError where that is none.
    """
    return table_of(labels, known_cell_types(cell_types)).rename(columns=COLUMNS)


def about_terms(terms: pd.DataFrame) -> tuple[str, str]:
    """A row of the printed table: how many labels have a term, and which have none."""
    alone = terms.loc[terms["term"] == "", "cell_type"].tolist()
    found = f"{len(terms) - len(alone)} of {len(terms)} labels have a term of the Cell Ontology"
    if alone:
        more = f" and {len(alone) - MOST_NAMED} more" if len(alone) > MOST_NAMED else ""
        found += (
            f"; none, and so no broader name: {', '.join(alone[:MOST_NAMED])}{more} (--cell-types "
            "FILE.csv gives them one)"
        )
    return "broader names", found
