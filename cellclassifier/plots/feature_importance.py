"""The genes that one type's forests lean on, three ways to see it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellclassifier.plots.handling_genes import flagged, note_on
from cellclassifier.plots.style import COLORS, DARK_GREY, GREY, bare, plain_text, short, title_above

UP, DOWN = COLORS[3], COLORS[0]  # vermillion and blue: told apart by colour-blind readers
NEGATIVES = {"even": "an even mix of the other types", "random": "a random draw of other cells"}


@plain_text
def importance(top: pd.DataFrame, score: pd.Series, n_repeats: int) -> Figure:
    """The top genes of one type: MDI, held-out permutation importance, up or down in the type.

    top: rows of the importance table, most important first; score: the type's row of
    binary_rf_results.csv.
    """
    rows = np.arange(len(top))
    up = (top["log1p_cp10k_in"] > top["log1p_cp10k_out"]).to_numpy()
    colors = np.where(up, UP, DOWN)
    figure, (mdi, permutation, level) = plt.subplots(
        1,
        3,
        figsize=(12.4, 1.5 + 0.4 * len(top)),
        sharey=True,
        width_ratios=(3, 2.4, 2),
        layout="constrained",
    )
    _impurity_bars(mdi, top, rows, colors, n_repeats)
    _permutation_points(permutation, top, rows, colors, n_repeats)
    _expression_levels(level, top, rows, colors, up)
    bare(mdi)
    bare(permutation)
    note = note_on(top["gene_symbol"])
    title = _importance_title(top, up, score, n_repeats)
    return title_above(figure, f"{title}\n{note}" if note else title)


def _impurity_bars(axes, top: pd.DataFrame, rows: np.ndarray, colors, n_repeats: int) -> None:
    import seaborn  # slow to import

    look = {
        "errorbar": None,
        "palette": [UP, DOWN],
        "hue_order": [UP, DOWN],
        "legend": False,
        "saturation": 1,
    }
    seaborn.barplot(x=top["mdi_mean"].to_numpy(), y=rows, hue=colors, orient="h", ax=axes, **look)
    words = "mean decrease in impurity (sums to 1 over genes)"
    if n_repeats > 1:
        error = {"fmt": "none", "capsize": 2.5, "elinewidth": 1, "ecolor": "#333333"}
        axes.errorbar(top["mdi_mean"], rows, xerr=top["mdi_std"], **error)
        words += f"\nline: standard deviation over {n_repeats} repeats"
    axes.set_yticks(rows, [flagged(short(symbol)) for symbol in top["gene_symbol"]])
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.set_xlim(0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel=words, ylabel="")


def _permutation_points(axes, top: pd.DataFrame, rows: np.ndarray, colors, n_repeats: int) -> None:
    mean, std = top["permutation_mean"], top["permutation_std"].fillna(0)
    axes.axvline(0, color=GREY, linewidth=1)
    for row, color in zip(rows, colors, strict=True):
        if np.isnan(mean.iloc[row]):
            axes.text(0, row, " not measured", va="center", fontsize=11, color=DARK_GREY)
            continue
        axes.errorbar(mean.iloc[row], row, xerr=std.iloc[row], fmt="D", color=color, capsize=2.5)
    low, high = (mean - std).min(), (mean + std).max()
    axes.set_xlim(min(-0.002, 1.1 * np.nan_to_num(low)), max(0.01, 1.1 * np.nan_to_num(high)))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    spread = " (± SD)" if n_repeats > 1 else ""
    axes.set_xlabel(f"held-out AUROC lost{spread}\nwhen the gene is shuffled")
    axes.tick_params(axis="y", left=False)


def _expression_levels(axes, top: pd.DataFrame, rows: np.ndarray, colors, up) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    columns = ((0.7, "in"), (1.0, "out"))
    for x, name in columns:
        axes.text(x, -0.75, name, ha="right", fontsize=11, color=DARK_GREY)
    for row in rows:
        word = "▲ up" if up[row] else "▼ down"
        axes.text(0.02, row, word, va="center", color=colors[row], fontsize=11)
        for x, name in columns:
            value = top[f"log1p_cp10k_{name}"].iloc[row]
            axes.text(x, row, f"{value:.2f}", va="center", ha="right", fontsize=11)
    note = "mean log expression in\nthe type and outside it"
    axes.text(1.0, len(top) - 0.1, note, va="top", ha="right", fontsize=11)


def _importance_title(top, up, score: pd.Series, n_repeats: int) -> str:
    names = " and ".join(top["gene_symbol"].iloc[:2].map(short))
    how = {(True, True): "up", (False, False): "down"}.get(tuple(up[:2]), "up or down")
    auroc = f"{score['AUROC']:.3f}"
    if n_repeats > 1:
        auroc += f" ± {score['AUROC Std']:.3f} over {n_repeats} repeats"
    n_cells = int(score["N Samples"])
    return (
        f"{short(score['Cell Type'])}: {names} ({how}) count most;\n"
        f"AUROC {auroc} against {NEGATIVES[score['Negative Sampling']]}\n"
        f"({n_cells:,} cells in a repeat, half of them of the type)"
    )
