"""Which types are taken for which others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cellclassifier.plots.heatmap import annotated_heatmap
from cellclassifier.plots.style import first_word, plain_text, short, title_above

SMALLEST_SHARE = 0.005  # that is written into its square
FEWEST_CELLS = 10  # of a type whose worst confusion a title may tell: 1 of 1 is 100 %


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
    texts = np.array([f"{share:.0%}" if share >= SMALLEST_SHARE else "" for share in shares.flat])
    names = [f"{short(name)}  ({n:,})" for name, n in zip(types, support, strict=True)]
    figure, axes = annotated_heatmap(
        pd.DataFrame(shares, names, types),
        texts.reshape(shares.shape),
        "share of the true type's cells",
        colors="Blues",
        format=PercentFormatter(1),
    )
    axes.set_xlabel("predicted type")
    axes.set_ylabel("true type (test cells, all splits)")
    return title_above(figure, _title(shares, support, types, method))


def _title(shares: np.ndarray, support: np.ndarray, types: np.ndarray, method: str) -> str:
    recall = np.diag(shares)
    mean = recall[support > 0].mean()
    found = f"{first_word(method)} finds {mean:.0%} of a type's cells on average"
    errors = shares - np.diag(recall)
    if not errors.any():
        return f"{found},\nand confuses none"
    errors[support < FEWEST_CELLS] = 0
    row, column = np.unravel_index(errors.argmax(), errors.shape)
    if errors[row, column] == 0:
        return f"{found};\nthe types it confuses have fewer than {FEWEST_CELLS} test cells"
    true, called = short(types[row]), short(types[column])
    return f"{found};\n{errors[row, column]:.0%} of {true} are called {called}"
