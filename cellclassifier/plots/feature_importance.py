"""The genes that one type's forests lean on, three ways to see it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellclassifier.plots.style import COLORS, DARK_GREY, GREY, bare, plain_text, short, title_above

UP, DOWN = COLORS[3], COLORS[0]  # vermillion and blue: told apart by colour-blind readers
NEGATIVES = {"even": "an even mix of the other types", "random": "a random draw of other cells"}


@plain_text
def importance(top: pd.DataFrame, cell_type: str, scheme: str, auroc: float) -> Figure:
    """The top genes of one type: MDI, held-out permutation importance, up or down in the type.

    top: rows of the importance table, most important first.
    """
    rows = np.arange(len(top))
    up = (top["log1p_cp10k_in"] > top["log1p_cp10k_out"]).to_numpy()
    colors = np.where(up, UP, DOWN)
    figure, (mdi, permutation, level) = plt.subplots(
        1,
        3,
        figsize=(10.4, 1.1 + 0.36 * len(top)),
        sharey=True,
        width_ratios=(3, 2.2, 1.8),
        layout="constrained",
    )
    _impurity_bars(mdi, top, rows, colors)
    _permutation_points(permutation, top, rows, colors)
    _expression_levels(level, top, rows, colors, up)
    bare(mdi)
    bare(permutation)
    return title_above(figure, _importance_title(top, up, cell_type, scheme, auroc))


def _impurity_bars(axes, top: pd.DataFrame, rows: np.ndarray, colors) -> None:
    error = {"elinewidth": 1, "ecolor": "#333333"}
    bars = {"color": colors, "capsize": 2.5, "error_kw": error}
    axes.barh(rows, top["mdi_mean"], xerr=top["mdi_std"], **bars)
    axes.set_yticks(rows, top["gene_symbol"].map(short))
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.set_xlim(0)
    axes.set_xlabel(
        "mean decrease in impurity (sums to 1 over genes)\nline: standard deviation over repeats"
    )


def _permutation_points(axes, top: pd.DataFrame, rows: np.ndarray, colors) -> None:
    mean, std = top["permutation_mean"], top["permutation_std"].fillna(0)
    axes.axvline(0, color=GREY, linewidth=1)
    for row, color in zip(rows, colors, strict=True):
        if np.isnan(mean.iloc[row]):
            axes.text(0, row, " not measured", va="center", fontsize=8, color=DARK_GREY)
            continue
        axes.errorbar(mean.iloc[row], row, xerr=std.iloc[row], fmt="D", color=color, capsize=2.5)
    low, high = (mean - std).min(), (mean + std).max()
    axes.set_xlim(min(-0.002, 1.1 * np.nan_to_num(low)), max(0.01, 1.1 * np.nan_to_num(high)))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("held-out AUROC lost\nwhen the gene is shuffled")
    axes.tick_params(axis="y", left=False)


def _expression_levels(axes, top: pd.DataFrame, rows: np.ndarray, colors, up) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    columns = ((0.7, "in"), (1.0, "out"))
    for x, name in columns:
        axes.text(x, -0.75, name, ha="right", fontsize=9, color=DARK_GREY)
    for row in rows:
        word = "▲ up" if up[row] else "▼ down"
        axes.text(0.02, row, word, va="center", color=colors[row], fontsize=9)
        for x, name in columns:
            value = top[f"log1p_cp10k_{name}"].iloc[row]
            axes.text(x, row, f"{value:.2f}", va="center", ha="right", fontsize=9)
    note = "mean log expression in\nthe type and outside it"
    axes.text(1.0, len(top) - 0.1, note, va="top", ha="right", fontsize=10)


def _importance_title(top, up, cell_type: str, scheme: str, auroc: float) -> str:
    names = " and ".join(top["gene_symbol"].iloc[:2].map(short))
    how = {(True, True): "up", (False, False): "down"}.get(tuple(up[:2]), "up or down")
    return (
        f"{short(cell_type)}: {names} ({how}) count most;\n"
        f"AUROC {auroc:.3f} against {NEGATIVES[scheme]}"
    )
