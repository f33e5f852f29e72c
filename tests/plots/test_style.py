"""What figures share: names of methods."""

from __future__ import annotations

from cellclassifier.plots import style


def test_readable():
    assert style.readable("random_forest", " ") == "random forest"
    assert style.readable("random_forest") == "random\nforest"
    assert style.readable("gbdt", " ") == "gradient boosting"
    assert style.in_a_line("soft_vote") == "soft vote"
    assert style.first_word("soft_vote") == "Soft vote"
