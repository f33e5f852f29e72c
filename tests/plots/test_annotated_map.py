"""The map of annotated cells: its words are the numbers of the table."""

from __future__ import annotations

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from cellclassifier.plots.annotated_map import UNKNOWN_COLOR, annotated_map


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def annotated(n_cells: int = 200, n_types: int = 12, known: float = 0.75) -> tuple:
    """Places of cells, and what was said of them; type i is i + 1 times as frequent as type 0."""
    rng = np.random.default_rng(0)
    codes = np.sort(rng.choice(n_types, n_cells, p=np.arange(1, n_types + 1) / 78))
    table = pd.DataFrame(
        {
            "predicted": pd.Categorical([f"type {code}" for code in codes]),
            "probability": rng.random(n_cells).astype(np.float32),
            "known": np.arange(n_cells) % 100 < 100 * known,
        }
    )
    return rng.normal(0, 1, (n_cells, 2)), table


def test_every_type_has_a_look_of_its_own_and_its_share_in_the_legend():
    places, table = annotated()
    left, right = annotated_map(places, table, 200).axes[:2]
    known = table[table["known"]]
    shares = known["predicted"].value_counts() / 200
    expected = [f"{name} ({share:.0%})" for name, share in shares.items()]
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels[0] == "of no known type (25%)" and sorted(labels[1:]) == sorted(expected)
    looks = {
        (to_hex(points.get_facecolor()[0]), len(points.get_paths()[0].vertices))
        for points in left.collections
    }
    assert len(looks) == 13
    drawn = [len(points.get_offsets()) for points in left.collections]
    assert drawn[0] == 50 and sum(drawn) == 200
    assert to_hex(left.collections[0].get_facecolor()[0]) == UNKNOWN_COLOR.lower()
    shown = right.collections[1]
    np.testing.assert_array_equal(shown.get_array(), known["probability"])
    np.testing.assert_array_equal(shown.get_offsets(), places[table["known"]])


def test_the_title_tells_the_most_frequent_type_and_the_share_unknown():
    places, table = annotated()
    title = annotated_map(places, table, 200).get_suptitle()
    known = table[table["known"]]
    (name, count), *_ = Counter(known["predicted"]).most_common()
    assert f"{name} is the most frequent type ({count / 200:.0%})" in title
    assert "25.0% of 200 cells are of no known type" in title
    assert f"{np.median(known['probability']):.2f}" in title


def test_a_sample_is_said_to_be_one():
    title = annotated_map(*annotated(), 50_000).get_suptitle()
    assert "50,000 cells (a sample of 200)" in title


def test_cells_of_no_known_type_alone_can_be_drawn():
    title = annotated_map(*annotated(known=0), 200).get_suptitle()
    assert title.startswith("100.0% of 200 cells are of no known type")
