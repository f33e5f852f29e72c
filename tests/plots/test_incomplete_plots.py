"""Pictures of cells, and scores of incomplete ones: the values drawn are those of the table."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import texts_of

from cellclassifier.plots.cell_pictures import _heights, pictures
from cellclassifier.plots.losses import score_against_losses


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def pixels(kind: str, name: str, side: int = 3) -> pd.DataFrame:
    rows, columns = np.divmod(np.arange(side**2 - 1), side)
    table = pd.DataFrame({"row": rows, "column": columns, "value": np.arange(side**2 - 1) / 4})
    table = table.assign(gene_symbol=[f"G{i}" for i in table.index], marker=table.index == 4)
    return table.assign(seen=table.index % 2 == 0, kind=kind, picture=name)


def test_pictures_show_every_gene_at_its_place_and_name_the_markers():
    kinds = [("type", "B"), ("type", "$x$ <T>"), ("cell", "B"), ("incomplete cell", "B")]
    figure = pictures(pd.concat([pixels(*panel) for panel in kinds]), "cells.npy")
    shown = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in shown][:2] == ["B", "$x$ <T>"]
    whole, half = (np.ma.filled(axes.images[0].get_array(), np.nan) for axes in shown[2:])
    np.testing.assert_allclose(whole.ravel()[:-1], np.arange(8) / 4)
    assert np.isnan(whole[2, 2]) and np.isnan(half).sum() == 5
    assert sum(text.get_text() == "G4" for axes in shown for text in axes.texts) == 4
    assert "8 genes" in figure.get_suptitle() and "2 types" in figure.get_suptitle()


@pytest.mark.parametrize("rows", [[0, 0], [7, 8], [29, 29], [3, 20], [0, 0, 28, 29], []])
def test_names_of_genes_stand_near_them_none_upon_another_none_outside(rows):
    heights = _heights(np.array(rows, dtype=float), 30)
    assert (np.diff(heights) > 2.99).all()
    assert ((heights > 0.9) & (heights < 28.1)).all()
    assert np.abs(heights - rows).max(initial=0) < 5


def test_scores_stand_at_the_ends_of_the_lines_none_upon_another():
    rows = [
        {"method": method, "lost": lost, "share": share, "macro_f1": score, "macro_f1_std": 0.0}
        for method, best in (("gbdt", 0.9), ("soft_vote", 0.89), ("gbdt, missing as zeros", 0.5))
        for lost, shares in (("genes", (0, 0.5, 0.9)), ("counts", (1, 0.5, 0.1)))
        for share, score in zip(shares, (best, best - 0.1, best - 0.2), strict=True)
    ]
    figure = score_against_losses(pd.DataFrame(rows), "pbmc", 3, 2)
    genes, counts = figure.axes
    for axes in (genes, counts):
        names = [text.get_text() for text in axes.texts]
        assert names == [
            "gradient boosting 0.70",
            "soft vote 0.69",
            "gradient boosting, missing as zeros 0.30",
        ]
        heights = [text.xyann[1] for text in axes.texts]
        assert (-np.diff(heights) > 0.05).all()
        assert [line.get_linestyle() for line in axes.lines].count("--") == 1
    title = " ".join(figure.get_suptitle().split())
    assert "Without half of the genes, methods (full lines) keep 0.79 to 0.80 macro-F1" in title
    assert "(0.40 where missing genes count as zeros)" in title
    assert "Without 90 % of the counts, methods (full lines) keep 0.69 to 0.70 macro-F1" in title
    assert "3 splits and 2 draws" in title
    assert texts_of(figure)
