"""What methods get wrong together, and how far their errors go."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from cellclassifier.plots.dots import TEXT, write_around
from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import (
    DARK_GREY,
    GREY,
    bare,
    first_word,
    in_a_line,
    plain_text,
    title_above,
    wrapped,
)

LETTERS = 90  # of a line below a figure
NEAR = 4  # steps: subsets of T cells are 2 to 4 apart in the Cell Ontology


@plain_text
def kappa_of_methods(table: pd.DataFrame, n_cells: int, n_hard: int) -> Figure:
    """table: method_a, method_b, kappa, same_error; n_hard: of the cells all methods get wrong."""
    methods = list(dict.fromkeys([*table["method_a"], *table["method_b"]]))
    values = pd.DataFrame(np.nan, index=methods, columns=methods)
    for row in table.itertuples():
        values.loc[row.method_a, row.method_b] = values.loc[row.method_b, row.method_a] = row.kappa
    names = [in_a_line(name) for name in methods]
    texts = np.array(
        [[f"{v:.2f}" if pd.notna(v) else "" for v in row] for row in values.to_numpy()]
    )
    low = float(np.floor(10 * np.nanmin(values.to_numpy())) / 10)
    figure, axes = annotated_heatmap(
        values.set_axis(names).set_axis(names, axis=1),
        texts,
        "Cohen's kappa of two methods' answers",
        low=min(low, 0.9),
        colors="Blues",
    )
    one = table[table["kappa"] == 1]  # fell back to the same model, for instance
    if len(one):
        pairs = (f"{in_a_line(r.method_a)} and {in_a_line(r.method_b)}" for r in one.itertuples())
        note = wrapped(f"The same answer for every cell: {'; '.join(pairs)}.", LETTERS)
        axes.set_xlabel(note, color=DARK_GREY, loc="left", labelpad=10)
    differ = table[table["kappa"] < 1]
    nearest = table.loc[(differ if len(differ) else table)["kappa"].idxmax()]
    pair = f"{first_word(nearest.method_a)} and {in_a_line(nearest.method_b)}"
    agree = f"{pair} agree most (kappa {nearest.kappa:.2f})"
    agree += " of those that differ" if len(one) and len(differ) else ""
    return title_above(
        figure, f"{agree};\nall methods are wrong on {n_hard:,} of {n_cells:,} cells"
    )


@rc_context(TEXT)
def distance_of_errors(table: pd.DataFrame, data: str) -> Figure:
    """Bars of errors by their distance in the Cell Ontology.

    table: method, distance (steps, NaN unknown), n_cells, error_share.
    """
    order = list(dict.fromkeys(table["method"]))
    steps = sorted(table["distance"].dropna().unique())
    shades = plt.get_cmap("cividis_r")(np.linspace(0.05, 0.95, max(2, len(steps))))
    figure, axes = plt.subplots(
        figsize=(11, max(3.6, 2.1 + 0.42 * len(order))), layout="constrained"
    )
    left = pd.Series(0.0, index=order)
    for step, color in [*zip(steps, shades, strict=False), (None, GREY)]:
        rows = table[table["distance"].isna() if step is None else table["distance"] == step]
        shares = rows.set_index("method")["error_share"].reindex(order).fillna(0.0)
        if shares.sum():
            name = "not in the ontology" if step is None else f"{step:.0f}"
            axes.barh(range(len(order)), shares, left=left, color=color, label=name)
            left += shares
    totals = table.groupby("method")["n_cells"].sum()
    axes.set_yticks(range(len(order)), [f"{in_a_line(m)} ({totals[m]:,})" for m in order])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the method's errors (how many)")
    bare(axes)
    axes.legend(title="steps", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    note = (
        f"{data}. Steps up from the true type and down to the called one, by their nearest common "
    )
    note += "ancestor in the Cell Ontology."
    return write_around(figure, _title(table), note)


def _title(table: pd.DataFrame) -> str:
    known = table.dropna(subset=["distance"])
    if known.empty:
        return "The Cell Ontology knows too few of these labels to say how far errors go"
    near = known[known["distance"] <= NEAR].groupby("method")["error_share"].sum()
    near = near.reindex(table["method"].unique()).fillna(0.0)
    best, worst = near.idxmax(), near.idxmin()
    if near[best] == near[worst]:
        return f"{near[best]:.0%} of errors are between near relatives (at most {NEAR} steps)"
    return (
        f"Errors between near relatives (at most {NEAR} steps): {near[worst]:.0%} "
        f"({in_a_line(worst)}) to {near[best]:.0%} ({in_a_line(best)})"
    )
