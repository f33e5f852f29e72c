"""How well every type is told from the rest."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellclassifier.plots.style import plain_text, title_above


@plain_text
def auroc_heatmap(results: pd.DataFrame, order: np.ndarray) -> Figure:
    """AUROC by type (rows, in ``order``) and way to draw negatives (columns).

    results: rows of binary_rf_results.csv; types without a score are left out.
    """
    scored = results.dropna(subset="AUROC").set_index(["Cell Type", "Negative Sampling"])
    mean, std = scored["AUROC"].unstack(), scored["AUROC Std"].unstack()
    order = [name for name in order if name in mean.index]
    mean, std = mean.loc[order], std.loc[order]
    figure, axes = plt.subplots(figsize=(5.6, 1.2 + 0.42 * len(order)))
    low = np.floor(20 * (mean.min().min() - 0.01)) / 20
    image = axes.imshow(mean, cmap="cividis", vmin=low, vmax=1, aspect="auto")
    for row, column in np.ndindex(mean.shape):
        value = mean.iloc[row, column]
        text = f"{value:.3f} ± {std.iloc[row, column]:.3f}"
        color = "black" if value > low + 0.55 * (1 - low) else "white"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(mean.shape[1]), [f"{name} negatives" for name in mean.columns])
    axes.set_yticks(range(len(order)), order)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.8, label="AUROC, balanced held-out cells")
    return title_above(figure, _heatmap_title(mean))


def _heatmap_title(mean: pd.DataFrame) -> str:
    over_schemes = mean.mean(axis=1)
    easiest, hardest = over_schemes.idxmax(), over_schemes.idxmin()
    return (
        f"{easiest} is easiest to tell from the rest (AUROC {over_schemes[easiest]:.3f}),\n"
        f"{hardest} is hardest ({over_schemes[hardest]:.3f})"
    )
