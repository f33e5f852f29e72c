"""Figures of the forests say their finding."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import texts_of
from fitted_forests import fits_of_small_cells, labels_of
from matplotlib.text import Text

from cellclassifier.data.features import log_normalize
from cellclassifier.data.gene_counts import total_counts
from cellclassifier.models.one_vs_rest import tables
from cellclassifier.models.one_vs_rest.tables import IMPORTANCE_COLUMNS
from cellclassifier.plots.dot_plot import marker_dots, markers
from cellclassifier.plots.feature_importance import importance
from cellclassifier.plots.handling_genes import flagged, note_on
from cellclassifier.plots.one_vs_rest_scores import auroc_heatmap


def one_type(symbols) -> tuple[pd.DataFrame, pd.Series]:
    """An importance table and a row of results, of one type."""
    numbers = [n for n in IMPORTANCE_COLUMNS if n.startswith(("mdi", "permutation", "log1p"))]
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((len(symbols), len(numbers))), columns=numbers)
    score = {"Cell Type": "B", "Negative Sampling": "even", "AUROC": 0.9, "AUROC Std": 0.0}
    return table.assign(gene_symbol=symbols), pd.Series(score | {"N Samples": 1250})


def test_bars_are_the_importances_and_letters_are_readable():
    table, score = one_type(["CD79A", "RPL13", "CD79A"])  # two ids may share a symbol
    figure = importance(table, score, 3)
    axes = figure.axes[0]
    assert "(± SD)" in figure.axes[1].get_xlabel()
    bars = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in axes.patches}
    assert [bars[row] for row in range(3)] == pytest.approx(table["mdi_mean"].tolist())
    assert min(text.get_fontsize() for text in texts_of(figure)) >= 11
    names = [name.get_text() for name in axes.get_yticklabels()]
    assert names == ["CD79A", "RPL13 †", "CD79A"]
    assert figure.get_suptitle().endswith("rather depth and handling than identity")


def test_one_repeat_has_no_spread():
    table, score = one_type(["CD79A", "MS4A1"])
    figure = importance(table, score, 1)
    assert "SD" not in figure.axes[1].get_xlabel()
    assert "±" not in figure.get_suptitle() and "†" not in figure.get_suptitle()
    assert "1,250 cells in a repeat" in figure.get_suptitle()
    assert "deviation" not in figure.axes[0].get_xlabel() and not figure.axes[0].lines


def test_letters_of_the_dot_plot_are_readable():
    types = [f"CD8+/CD45RA+ Naive Cytotoxic {i}" for i in range(10)]
    obs = pd.DataFrame({"cell_type": pd.Categorical(np.repeat(types, 5), types)})
    symbols = [f"GENE{i}" for i in range(29)] + ["RPS4X"]
    var = pd.DataFrame({"gene_symbol": symbols}, index=[f"g{i}" for i in range(30)])
    values = np.random.default_rng(0).random((50, 30))
    cells = ad.AnnData(values, obs=obs.set_index(obs.index.astype(str)), var=var)
    genes = {name: [f"g{3 * i + j}" for j in range(3)] for i, name in enumerate(types)}
    figure = marker_dots(cells, genes)
    assert min(text.get_fontsize() for text in texts_of(figure)) >= 11
    assert "RPS4X †" in [text.get_text() for text in texts_of(figure)]
    assert "† ribosomal" in figure.get_suptitle()
    plt.close("all")


@pytest.mark.parametrize(
    ("symbol", "is_flagged"),
    [
        *((name, True) for name in ("RPL13A", "Rps4x", "RPLP0", "RPSA", "RPS27A", "RPL36AL")),
        *((name, True) for name in ("MALAT1", "MT-CO1", "mt-Nd1", "RPS4Y1", "RPL22L1", "RPL3L")),
        *((name, False) for name in ("RPS6KA1", "RPS19BP1", "CD79A", "RPE", "MTOR", "MALAT")),
    ],
)
def test_genes_of_depth_and_handling_are_flagged(symbol, is_flagged):
    assert (flagged(symbol) != symbol) == is_flagged
    assert bool(note_on(["CD3E", symbol])) == is_flagged


def test_figures_are_drawn_and_say_their_finding(small_cells):
    _, finished = fits_of_small_cells()
    labels = labels_of(small_cells)
    results = tables.result_table(labels, finished)
    table = tables.importance_table(small_cells, finished)
    top = table.query("cell_type == 'B' and negative_sampling == 'even'").head(10)
    score = results.set_index(["Cell Type", "Negative Sampling"], drop=False).loc[("B", "even")]
    title = importance(top, score, 2).get_suptitle()
    assert title.startswith(f"B: {top['gene_symbol'].iloc[0]} and ")
    assert f"{score['AUROC']:.3f} ± {score['AUROC Std']:.3f} over 2 repeats" in title
    assert f"({score['N Samples']} cells in a repeat, half of them of the type)" in title
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
