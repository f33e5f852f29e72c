"""Which types are taken for which others."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cellclassifier.plots.style import first_word, plain_text, title_of_axes

SMALLEST_SHARE = 0.005  # that is written into its square


@plain_text
def confusion_matrix(labels, predicted, types: np.ndarray, method: str) -> Figure:
    """Shares of every true type's cells by predicted type.

    labels, predicted: (n_cells,); types: (n_types,) in the order of rows and columns.
    """
    counts = pd.crosstab(
        pd.Categorical(labels, categories=types),
        pd.Categorical(predicted, categories=types),
        dropna=False,
    ).to_numpy()
    support = counts.sum(axis=1)
    shares = counts / np.maximum(support[:, None], 1)
    size = max(6, 3.2 + 0.52 * len(types))  # the title needs room, too
    figure, axes = plt.subplots(figsize=(size + 1.2, size))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _write_shares(axes, shares)
    _name_types(axes, types, support)
    title_of_axes(axes, _title(shares, support, types, method), fontsize=11)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, format=PercentFormatter(1))
    bar.set_label("share of the true type's cells")
    return figure


def _write_shares(axes, shares: np.ndarray) -> None:
    for row, column in np.argwhere(shares >= SMALLEST_SHARE):
        share = shares[row, column]
        color = "white" if share > 0.55 else "black"
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=color, fontsize=8)


def _name_types(axes, types: np.ndarray, support: np.ndarray) -> None:
    names = [f"{name}  ({n:,})" for name, n in zip(types, support, strict=True)]
    axes.set_xticks(range(len(types)), types, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(types)), names)
    axes.set_xlabel("predicted type")
    axes.set_ylabel("true type (test cells, all splits)")


def _title(shares: np.ndarray, support: np.ndarray, types: np.ndarray, method: str) -> str:
    recall = np.diag(shares)
    mean = recall[support > 0].mean()
    found = f"{first_word(method)} finds {mean:.0%} of a type's cells on average"
    errors = shares - np.diag(recall)
    row, column = np.unravel_index(errors.argmax(), errors.shape)
    if errors[row, column] == 0:
        return f"{found},\nand confuses none"
    return f"{found};\n{errors[row, column]:.0%} of {types[row]} are called {types[column]}"
