"""Methods by trials: every value, and its rank among the methods."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import (
    DARK_GREY,
    first_word,
    in_a_line,
    plain_text,
    short,
    title_above,
)


@plain_text
def trials_by_method(values: pd.DataFrame, data: str) -> Figure:
    """values: macro-F1, (n_methods, n_trials), NaN where it was not run; columns are lines of text.

    A square's colour is its rank within the column, dark for the best: columns are of other
    difficulty, so that only squares one above the other are to be compared.
    """
    values = values.dropna(axis=1, how="all")
    ranks = values.rank(ascending=False, method="min")
    n = values.notna().sum()
    shade = 1 - (ranks - 1) / (n - 1).clip(lower=1)
    texts = np.array(
        [
            [f"{v:.2f} ({r:.0f})" if pd.notna(v) else "–" for v, r in zip(*row, strict=True)]
            for row in zip(values.to_numpy(), ranks.to_numpy(), strict=True)
        ]
    )
    table = shade.set_axis([short(in_a_line(name)) for name in values.index])
    figure, axes = annotated_heatmap(
        table.fillna(0.0),
        texts,
        "rank within a column, dark is best",
        colors="Blues",
        column_names=list(values.columns),
        ticks=[],
    )
    axes.set_xlabel(
        f"{data}. Macro-F1 (rank). – was not run. Every trial but the plain one: one split.",
        color=DARK_GREY,
        labelpad=14,
        loc="left",
    )
    return title_above(figure, _title(values, ranks))


def _title(values: pd.DataFrame, ranks: pd.DataFrame) -> str:
    whole = ranks[values.notna().all(axis=1)]
    if len(values) == 1 or whole.empty:
        return f"{first_word(values.index[0])} in {values.shape[1]} trials"
    mean = whole.mean(axis=1).sort_values(kind="stable")
    wins = (whole == 1).sum(axis=1)[mean.index[0]]
    ahead = (
        f"{first_word(mean.index[0])} has the best mean rank, {mean.iloc[0]:.1f} of {len(whole)} "
        f"methods, and is first in {wins} of {values.shape[1]} columns"
    )
    hardest = values.mean().idxmin()
    return f"{ahead};\nhardest is: {' '.join(hardest.split())}"
