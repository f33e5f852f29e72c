"""How well every type is told from the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import plain_text, short, title_above

SORTED_BY = "even"  # negatives among which near relatives weigh as much as distant types


@plain_text
def auroc_heatmap(results: pd.DataFrame, n_repeats: int, data: str) -> Figure:
    """AUROC by type (rows, the best on top) and way to draw negatives (columns).

    results: rows of binary_rf_results.csv; types without a score are left out. data: what the
    cells are called.
    """
    scored = results.dropna(subset="AUROC").set_index(["Cell Type", "Negative Sampling"])
    mean, std = scored["AUROC"].unstack(), scored["AUROC Std"].unstack()
    by = SORTED_BY if SORTED_BY in mean else mean.columns[0]
    mean = mean.sort_values(by, ascending=False, kind="stable")
    std = std.loc[mean.index]
    low = np.floor(20 * (mean.min().min() - 0.01)) / 20
    figure, axes = annotated_heatmap(
        mean,
        _texts(mean.to_numpy(), std.to_numpy()),
        "AUROC, balanced held-out cells",
        low=low,
        column_names=[f"{name}\nnegatives" for name in mean.columns],
    )
    spread = f"mean ± standard deviation\nof {n_repeats} repeats" if n_repeats > 1 else "one repeat"
    axes.set_xlabel(f"{data}: {spread}")
    return title_above(figure, _title(mean[by], by))


def _texts(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Of every square, what is written into it."""
    texts = np.empty(mean.shape, dtype=object)
    for place in np.ndindex(mean.shape):
        known = np.isfinite(std[place])
        texts[place] = f"{mean[place]:.3f}" + (f" ± {std[place]:.3f}" if known else "")
    return texts


def _title(mean: pd.Series, by: str) -> str:
    lowest = mean.index[-1]
    finding = (
        f"{by.capitalize()} negatives: {short(lowest)} has the lowest AUROC, {mean[lowest]:.3f}"
    )
    above = int((mean >= 0.95).sum())
    return f"{finding};\n{above} of {len(mean)} types reach 0.95 or more"
