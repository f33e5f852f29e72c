"""Cells in a plane: colours and names of types on the plot, and each plane's own number."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figures import LONG_TYPES
from matplotlib.colors import to_hex
from planes import cells_in_clusters
from test_colors import IFNB, SORTED

from cellclassifier.plots.cluster_labels import box_of, densest, label_clusters
from cellclassifier.plots.embedding import cells_in_plane
from cellclassifier.plots.style import colors_of_types

AGREEMENT = {"all": 0.9, "X_pca": 0.61, "X_umap": 0.83}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def drawn(names, basis="X_umap", groups=None, **options):
    cells = cells_in_clusters(names, **options)
    return cells, cells_in_plane(cells, basis, AGREEMENT, 15, groups)


def labels_of(axes):
    return [text for text in axes.texts if text.get_bbox_patch()]


@pytest.mark.parametrize("names", [SORTED, IFNB, LONG_TYPES], ids=["sorted", "ifnb", "long"])
@pytest.mark.parametrize("spread", [0.5, 10])
def test_every_type_is_named_in_its_colour_and_no_name_lies_on_another(names, spread):
    axes = drawn(names, spread=spread)[1].axes[0]
    labels = labels_of(axes)
    written = [" ".join(label.get_text().split()) for label in labels]
    assert sorted(written) == sorted(names)
    colors = colors_of_types(names)
    edges = [to_hex(label.get_bbox_patch().get_edgecolor()) for label in labels]
    assert edges == [colors[name].lower() for name in written]
    axes.figure.canvas.draw()
    boxes = [box_of(label) for label in labels]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(box.x0 >= axes.bbox.x0 - 5 and box.x1 <= axes.bbox.x1 + 5 for box in boxes)


def test_cells_have_the_colour_of_their_type_where_they_lie():
    cells, figure = drawn(SORTED)
    points = figure.axes[0].collections[0]
    colors = colors_of_types(SORTED)
    table = pd.DataFrame(np.round(points.get_offsets(), 6), columns=["x", "y"])
    found = table.assign(color=[to_hex(color) for color in points.get_facecolors()])
    expected = pd.DataFrame(np.round(cells.obsm["X_umap"], 6), columns=["x", "y"])
    expected["color"] = [colors[name].lower() for name in cells.obs["cell_type"]]
    order = ["x", "y"]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True),
        expected.sort_values(order, ignore_index=True),
        check_exact=False,
    )


def test_each_plane_names_itself_and_its_own_number():
    pca, umap = (drawn(SORTED, basis)[1] for basis in ("X_pca", "X_umap"))
    title = pca.get_suptitle()
    assert title.startswith("PCA: 61% of a cell's 15 nearest neighbours") and "83%" not in title
    assert "90% in 3 principal components of 7 genes; 400 cells" in " ".join(title.split())
    axes = pca.axes[0]
    assert axes.get_xlabel() == "PC 1 (21.0% of the variance)"
    assert axes.get_ylabel() == "PC 2 (7.0% of the variance)"
    title = umap.get_suptitle()
    assert title.startswith("UMAP: 83% of a cell's 15 nearest neighbours") and "61%" not in title
    assert umap.axes[0].get_xlabel() == "UMAP 1 (15 neighbours in 3 principal components)"


@pytest.mark.parametrize("basis", ["X_pca", "X_umap"])
def test_a_title_is_two_lines(basis):
    """A word alone on a third line is what a plot of 2,000 genes and thousands of cells had."""
    cells = cells_in_clusters(SORTED, n_cells=3000)
    title = cells_in_plane(cells, basis, AGREEMENT, 15).get_suptitle()
    assert title.count("\n") == 1


def test_batches_have_a_panel_of_their_own_with_a_legend():
    cells = cells_in_clusters(SORTED)
    batch = pd.Series(np.repeat(["CTRL", "STIM"], 200), cells.obs_names, name="batch")
    figure = cells_in_plane(cells, "X_umap", AGREEMENT, 15, batch.sample(frac=1, random_state=0))
    by_type, by_batch = figure.axes
    assert (by_type.get_title("left"), by_batch.get_title("left")) == (
        "by type (11)",
        "by batch (2)",
    )
    legend = by_batch.get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["CTRL", "STIM"]
    of_name = [to_hex(handle.get_facecolor()[0]) for handle in legend.legend_handles]
    points = by_batch.collections[0]
    place = {tuple(np.round(xy, 5)): i for i, xy in enumerate(cells.obsm["X_umap"])}
    for xy, color in zip(points.get_offsets(), points.get_facecolors(), strict=True):
        cell = place[tuple(np.round(xy, 5))]
        assert to_hex(color) == of_name[names.index(batch.iloc[cell])]


def test_many_batches_are_counted_and_not_listed():
    cells = cells_in_clusters(SORTED)
    donors = pd.Series([f"donor {i % 40}" for i in range(400)], cells.obs_names, name="donor")
    axes = cells_in_plane(cells, "X_umap", AGREEMENT, 15, donors).axes[1]
    assert axes.get_title("left") == "by donor (40)" and axes.get_legend() is None


def test_a_cluster_in_two_parts_is_named_at_the_denser_one():
    rng = np.random.default_rng(0)
    left, right = rng.normal([0, 0], 0.1, (60, 2)), rng.normal([10, 0], 1, (60, 2))
    assert np.linalg.norm(densest(np.vstack([left, right]))) < 0.5
    assert densest(np.ones((1, 2))).tolist() == [1, 1]


def test_a_small_cluster_is_named_where_most_of_its_cells_are():
    """Not where two of them happen to lie side by side among cells of another type."""
    rng = np.random.default_rng(0)
    most, pair = rng.normal([0, 0], 1, (6, 2)), rng.normal([10, 0], 0.01, (2, 2))
    assert np.linalg.norm(densest(np.vstack([pair, most]))) < 3
    assert densest(np.array([[0.0, 0], [1, 0]])).tolist() == [0, 0]


def test_labels_leave_the_limits_of_the_axes_alone():
    _, axes = plt.subplots()
    places = np.random.default_rng(0).normal(size=(50, 2))
    axes.scatter(*places.T)
    before = (axes.get_xlim(), axes.get_ylim())
    names = np.array(["a", "b"] * 25)
    labels = label_clusters(axes, places, names, {"a": "A"}, {"a": "#FF0000"})
    assert [label.get_text() for label in labels] == ["A"]
    axes.figure.canvas.draw()
    assert (axes.get_xlim(), axes.get_ylim()) == before
