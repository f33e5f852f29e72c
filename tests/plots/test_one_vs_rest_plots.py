"""Figures of the forests say their finding."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fitted_forests import fits_of_small_cells, labels_of
from matplotlib.text import Text

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import total_counts
from cellclassifier.models.one_vs_rest import tables
from cellclassifier.plots.dot_plot import marker_dots, markers
from cellclassifier.plots.feature_importance import importance
from cellclassifier.plots.one_vs_rest_scores import auroc_heatmap


def test_figures_are_drawn_and_say_their_finding(small_cells):
    _, finished = fits_of_small_cells()
    labels = labels_of(small_cells)
    results = tables.result_table(labels, finished)
    table = tables.importance_table(small_cells, finished)
    top = table.query("cell_type == 'B' and negative_sampling == 'even'").head(10)
    figure = importance(top, "B", "even", 0.97)
    assert figure.get_suptitle().startswith(f"B: {top['gene_symbol'].iloc[0]} and ")
    assert "0.970" in figure.get_suptitle()
    order = np.unique(labels)
    assert "lowest AUROC" in auroc_heatmap(results, 2, "cells.npy").get_suptitle()
    genes = markers(table, order, n_genes=3)
    everything = [gene for names in genes.values() for gene in names]
    assert len(set(everything)) == len(everything)
    values = log_normalize(small_cells.X, total_counts(small_cells.X))
    expression = ad.AnnData(values, obs=small_cells.obs, var=small_cells.var)
    assert "highest mean" in marker_dots(expression, genes).get_suptitle()
    plt.close("all")


def heatmap_of(even: list[float], std: float = 0.01, n_repeats: int = 3):
    """Of types A, B, ..., with these AUROCs for even negatives and all the same for random ones."""
    rows = [
        {"Cell Type": name, "Negative Sampling": scheme, "AUROC": value, "AUROC Std": std}
        for name, own in zip("ABCDE", even, strict=False)
        for scheme, value in (("even", own), ("random", 0.9))
    ]
    return auroc_heatmap(pd.DataFrame(rows), n_repeats, "cells.npy")


def test_types_are_sorted_and_the_titles_number_is_in_the_plot():
    figure = heatmap_of([0.8, 0.99, 0.7, 0.95])
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["B", "D", "A", "C"]
    shown = [text.get_text() for text in axes.texts]
    assert "0.700" in figure.get_suptitle() and "0.700 ± 0.010" in shown
    assert "2 of 4 types" in figure.get_suptitle()
    plt.close("all")


def test_a_single_repeat_has_no_deviation():
    figure = heatmap_of([0.8, 0.9], std=np.nan, n_repeats=1)
    assert not any("±" in text.get_text() for text in figure.findobj(Text))
    plt.close("all")
