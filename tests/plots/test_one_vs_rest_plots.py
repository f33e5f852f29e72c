"""Figures of the forests say their finding."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
from fitted_forests import fits_of_small_cells, labels_of

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
    assert "is hardest" in auroc_heatmap(results, order).get_suptitle()
    genes = markers(table, order, n_genes=3)
    everything = [gene for names in genes.values() for gene in names]
    assert len(set(everything)) == len(everything)
    values = log_normalize(small_cells.X, total_counts(small_cells.X))
    expression = ad.AnnData(values, obs=small_cells.obs, var=small_cells.var)
    assert "highest mean" in marker_dots(expression, genes).get_suptitle()
    plt.close("all")
