"""The map of annotated cells: its words and colours are those of the table, for all cells."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from cellclassifier.plots.annotated_map import FADED, annotated_map
from cellclassifier.plots.style import colors_of_types

TYPES = [f"type {i}" for i in range(12)]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def annotated(n_cells: int = 200, known: float = 0.75, rare: int = 0) -> tuple:
    """Places of cells, and what was said of them; type i is i + 1 times as frequent as type 0.

    rare: cells of yet another type.
    """
    rng = np.random.default_rng(0)
    codes = np.sort(rng.choice(12, n_cells, p=np.arange(1, 13) / 78))
    names = np.array(TYPES)[codes].astype(object)
    names[:rare] = "rare"
    table = pd.DataFrame(
        {
            "predicted": pd.Categorical(names, [*TYPES, "rare", "never seen"]),
            "probability": rng.random(n_cells).astype(np.float32),
            "known": np.arange(n_cells) % 100 < 100 * known,
        }
    )
    return rng.normal(0, 1, (n_cells, 2)), table


def everything(places, table):
    return annotated_map(places, table, np.arange(len(table)))


def at_places(places, values) -> dict:
    """Values by place: of an array, or of the points that are drawn."""
    places = places if isinstance(places, np.ndarray) else places.get_offsets().data
    return dict(zip(map(tuple, places.tolist()), values, strict=True))


def names_on(axes) -> list[str]:
    return sorted(" ".join(text.get_text().split()) for text in axes.texts)


def label_of(table: pd.DataFrame, name: str, share: float) -> str:
    """A type's share of all cells, and how many of its cells are far where most of them are."""
    far = (~table.loc[table["predicted"] == name, "known"]).mean()
    return f"{name} {share:.0%}" + (f" ({far:.0%} far)" if far > 0.5 else "")


def test_every_cell_is_painted_by_its_prediction_and_unknown_ones_faded_with_a_ring():
    places, table = annotated()
    left = everything(places, table).axes[0]
    colors = colors_of_types(table["predicted"].cat.categories)
    unknown, rings, known = left.collections[:3]
    for points, of in ((unknown, ~table["known"]), (known, table["known"])):
        drawn = at_places(points, [to_hex(color) for color in points.get_facecolors()])
        assert drawn == at_places(places[of], table["predicted"][of].map(colors).str.lower())
    assert set(unknown.get_facecolors()[:, 3]) == {FADED}
    assert set(known.get_facecolors()[:, 3]) == {1}
    edges = [to_hex(color) for color in rings.get_edgecolors()]
    unknown_places = places[~table["known"]]
    expected = table["predicted"][~table["known"]].map(colors).str.lower()
    assert at_places(rings, edges) == at_places(unknown_places, expected)
    assert rings.get_linewidths()[0] > 0 and not len(rings.get_facecolors())
    assert not known.get_edgecolors().any()


def test_probabilities_are_shown_for_every_cell():
    places, table = annotated()
    unknown, _, known = everything(places, table).axes[1].collections[:3]
    for points, of in ((unknown, ~table["known"]), (known, table["known"])):
        expected = at_places(places[of], table["probability"][of])
        assert at_places(points, points.get_array()) == expected
    assert unknown.get_clim() == known.get_clim() == (0, 1)


def test_names_on_the_map_carry_the_share_of_all_cells():
    places, table = annotated(rare=1)
    left = everything(places, table).axes[0]
    shares = table["predicted"].value_counts() / 200
    named = shares[shares >= 0.01]
    assert names_on(left) == sorted(label_of(table, name, share) for name, share in named.items())
    assert sum("far" in name for name in names_on(left)) > 0
    (words,) = [text.get_text() for text in left.get_legend().get_texts()]
    assert words.startswith("faded, with a ring: far, like no known type (25.0%)")
    assert words.endswith("not named, under 1%: rare")


def test_the_title_tells_of_all_cells():
    places, table = annotated()
    title = " ".join(everything(places, table).get_suptitle().split())
    counts = table["predicted"].value_counts()
    expected = f"{counts.index[0]} is the most frequent prediction ({counts.iloc[0] / 200:.0%} of "
    own = ~table.loc[table["predicted"] == counts.index[0], "known"]
    cells = "200 cells, most of them like no known type" if own.mean() > 0.5 else "200 cells"
    assert title.startswith(f"{expected}{cells}); 25.0% of all cells look like no known type")
    assert f"is {table['probability'].median():.2f}" in title


def test_the_axes_say_what_the_umap_is_of():
    places, table = annotated()
    axes = everything(places, table).axes
    names = {panel.get_xlabel() for panel in axes[:2]}
    assert names == {"UMAP 1 (15 neighbours in the model's space of known types)"}
    few = annotated_map(places[:8], table, np.arange(8)).axes[0]
    assert few.get_xlabel().startswith("UMAP 1 (7 neighbours")


def test_a_sample_is_drawn_and_all_cells_are_counted():
    places, table = annotated(2000)
    shown = np.arange(0, 2000, 10)
    figure = annotated_map(places[shown], table, shown)
    assert "; 200 of them are drawn)" in " ".join(figure.get_suptitle().split())
    unknown, _, known = figure.axes[0].collections[:3]
    assert len(unknown.get_offsets()) + len(known.get_offsets()) == 200
    shares = table["predicted"].value_counts(normalize=True)
    expected = [label_of(table, name, share) for name, share in shares.items() if share >= 0.01]
    assert names_on(figure.axes[0]) == sorted(expected)


def test_two_files_of_one_model_have_the_same_colours():
    """Also where a type is in one of them only."""
    places, table = annotated()
    fewer = table[~table["predicted"].isin(TYPES[:6])]
    colors = []
    for cells in (table, fewer):
        left = everything(places[cells.index], cells.reset_index(drop=True)).axes[0]
        colors.append(
            {
                " ".join(text.get_text().split(" ")[:2]): text.get_bbox_patch().get_edgecolor()
                for text in left.texts
            }
        )
    assert set(colors[1]) < set(colors[0])
    assert all(colors[0][name] == color for name, color in colors[1].items())


@pytest.mark.parametrize(("known", "share"), [(0, "100.0%"), (1, "0.0%")])
def test_cells_that_are_all_known_or_all_unknown_can_be_drawn(known, share):
    title = everything(*annotated(known=known)).get_suptitle()
    assert f"{share} of all cells look like no known type" in title
