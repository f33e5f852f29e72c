"""Names of types and genes as files have them: mathematics of TeX, line ends, 200 letters."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import pairs_of, reliability_of, summary_of
from planes import cells_in_clusters

from cellclassifier.models.one_vs_rest.tables import IMPORTANCE_COLUMNS
from cellclassifier.output.files import write_figure
from cellclassifier.plots import (
    against_time,
    annotated_map,
    calibration,
    comparison,
    confusion,
    dot_plot,
    embedding,
    feature_importance,
    interview,
    novelty,
    one_vs_rest_scores,
)

NAMES = np.array([r"$\x$", r"$\frac{1}$ T", "a$b$c", "x" * 200, "two\nlines"])
METHODS = [r"$\x$", "majority"]
N = len(NAMES)
RNG = np.random.default_rng(0)
PLACES, LABELS = RNG.normal(size=(20 * N, 2)), np.repeat(NAMES, 20)
SQUARE = pd.DataFrame(RNG.random((N, 8)), index=NAMES, columns=list("abcdefgh"))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def importances() -> pd.DataFrame:
    numbers = [n for n in IMPORTANCE_COLUMNS if n.startswith(("mdi", "permutation", "log1p"))]
    table = pd.DataFrame(RNG.random((N, len(numbers))), columns=numbers)
    return table.assign(gene_symbol=NAMES)


def dots():
    obs = pd.DataFrame({"cell_type": pd.Categorical(LABELS, NAMES)})
    obs.index = obs.index.astype(str)
    genes = [f"g{i}" for i in range(N)]
    var = pd.DataFrame({"gene_symbol": NAMES}, index=genes)
    cells = ad.AnnData(RNG.random((len(LABELS), N)), obs=obs, var=var)
    return dot_plot.marker_dots(cells, {name: [genes[i]] for i, name in enumerate(NAMES)})


def annotated():
    table = pd.DataFrame({"predicted": LABELS, "probability": 0.5, "known": True})
    return annotated_map.annotated_map(PLACES, table, np.arange(len(table)))


def aurocs():
    table = pd.DataFrame({"Cell Type": NAMES, "Negative Sampling": "even", "AUROC": 0.9})
    return one_vs_rest_scores.auroc_heatmap(table.assign(**{"AUROC Std": 0.1}), 3, NAMES[1])


def compared():
    return summary_of(METHODS), pairs_of(METHODS)


def curves():
    tables = {name: reliability_of(i) for i, name in enumerate(METHODS)}
    return calibration.reliability_curves(
        tables, dict.fromkeys(METHODS, 0.1), pairs_of(METHODS), NAMES[2]
    )


def plane():
    cells = cells_in_clusters(NAMES, len(LABELS))
    groups = pd.Series(np.where(NAMES[0] == LABELS, "_x", LABELS), cells.obs_names, name=NAMES[1])
    agreement = {"all": 0.5, "X_umap": 0.5}
    return embedding.cells_in_plane(cells, "X_umap", agreement, 15, groups)


NUMBERS = pd.DataFrame({"cell_type": NAMES, "n_cells": 20})
SCORE = pd.Series(
    {
        "Cell Type": NAMES[0],
        "Negative Sampling": "even",
        "AUROC": 0.9,
        "AUROC Std": 0.1,
        "N Samples": 9,
    }
)
COUNTS = RNG.integers(1, 99, len(LABELS))
FIGURES = {
    "confusion": lambda: confusion.confusion_matrix(LABELS, LABELS[::-1], NAMES, METHODS[0]),
    "comparison": lambda: comparison.metric_comparison(*compared(), "macro_f1", NAMES[0]),
    "metrics": lambda: comparison.all_metrics(*compared(), NAMES[0]),
    "time": lambda: against_time.score_against_time(*compared(), NAMES[1]),
    "calibration": curves,
    "dots": dots,
    "importance": lambda: feature_importance.importance(importances(), SCORE, 3),
    "numbers": lambda: interview.cell_numbers(NUMBERS),
    "violins": lambda: interview.violins(COUNTS, COUNTS, LABELS, NAMES),
    "plane": plane,
    "similarity": lambda: interview.similarity(SQUARE, NAMES),
    "annotated": annotated,
    "aurocs": aurocs,
    "unknown": lambda: novelty.unknown_types(SQUARE, "data"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_name_is_no_mathematics_and_may_be_long(name, tmp_path):
    """Also when the figure is written, long after it was made."""
    with plt.rc_context({"figure.dpi": 40}):
        write_figure(tmp_path / "figure.png", FIGURES[name]())
    assert (tmp_path / "figure.png").stat().st_size > 4000
